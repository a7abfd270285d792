export * from "./event-log.ts";
export * from "./forwarding-log.ts";
export * from "./locate-claim.ts";
export { BATCH_OVERHEAD_BYTES } from "./record-size.ts";
