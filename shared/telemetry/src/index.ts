/** Names, logs and metrics of the services. */
export * from "./logger.ts";
export * from "./metrics.ts";
export * from "./health-server.ts";
export * from "./service.ts";
