/** The log on Kafka. kafkajs is used below this entry only. */
export { type Access, type AccessOperation, type AccessRule, applyAccess, CLUSTER, type ScramUser } from "./access.ts";
export { createKafkaEventLog } from "./kafka-log.ts";
export type { KafkaLogOptions, LogSink } from "./options.ts";
export * from "./cluster.ts";
export { SCRAM_MECHANISM } from "./scram.ts";
