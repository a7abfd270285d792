/** Names, logs and metrics of the services. */
export * from "./logger.ts";
export * from "./metrics.ts";
