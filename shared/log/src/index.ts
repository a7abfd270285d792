export * from "./blobs.ts";
export * from "./event-log.ts";
export * from "./forwarding-log.ts";
export * from "./locate-claim.ts";
export * from "./topic-durability.ts";
export { BATCH_OVERHEAD_BYTES } from "./record-size.ts";
