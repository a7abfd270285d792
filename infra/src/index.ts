export * from "./artifact.ts";
export * from "./jvm-kafka.ts";
export * from "./jvm-registry.ts";
export * from "./topics.ts";
