/** The shared language of the bus, pure: messages, headers, partitions, ids, scopes and the placement rule. */
export * from "./conversation.ts";
export * from "./event-id.ts";
export * from "./generated/messages.ts";
export * from "./handler-timer.ts";
export * from "./headers.ts";
export * from "./messages.ts";
export * from "./meta.ts";
export * from "./partition.ts";
export * from "./people-calls.ts";
export * from "./placement.ts";
export * from "./scope.ts";
