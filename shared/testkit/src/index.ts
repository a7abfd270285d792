export * from "./log-contract.ts";
export * from "./log-faults.ts";
export * from "./tcp-proxy.ts";
export * from "./until.ts";
