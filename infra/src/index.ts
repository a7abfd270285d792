export * from "./artifact.ts";
export * from "./broker-choice.ts";
export * from "./bus.ts";
export * from "./bus-state.ts";
export * from "./jvm-kafka.ts";
export * from "./jvm-registry.ts";
export * from "./probes.ts";
export * from "./topics.ts";
