/** The log on Kafka. kafkajs is used below this entry only. */
export { createKafkaEventLog } from "./kafka-log.ts";
export type { KafkaLogOptions, LogSink } from "./options.ts";
