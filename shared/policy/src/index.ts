/** The pure core: policy, chain rules, partition state, replay and the door's decisions. */
export * from "./door/admit.ts";
export { childChainId } from "./door/calls.ts";
export { PAYLOAD_LIMIT_BYTES } from "./door/commands.ts";
export * from "./door/decide.ts";
export * from "./door/inputs.ts";
export { createPureDoor, PURE_DOOR_START_MS, type PureDoor, type PureDoorOptions } from "./door/pure-door.ts";
export { ALIVE_EVERY_MS, isAliveDue } from "./door/timers.ts";
export { taskChainId } from "./door/tasks.ts";
export { beginTurn, type EmittedEvent, type EventType, type Turn, type TurnEnv } from "./door/turn.ts";
export * from "./deployed-policy.ts";
export * from "./deployments.ts";
export * from "./partition-state.ts";
export * from "./policy-document.ts";
export { directiveBody } from "./replay/directives.ts";
export * from "./replay/replay.ts";
export * from "./rules/index.ts";
export * from "./breaker/breaker.ts";
export * from "./breaker/signals.ts";
