export * from "./log-contract.ts";
export * from "./log-faults.ts";
export * from "./tcp-proxy.ts";
export * from "./until.ts";
export { createTestBus, type TestBus, type TestBusOptions, type TestPolicy } from "./bus/test-bus.ts";
export { type HeldAppends, withHeldAppends } from "./bus/held-appends.ts";
export * from "./recorded-model.ts";
