export * from "./event-log.ts";
export * from "./locate-claim.ts";
