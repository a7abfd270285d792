/** The pure core: policy, chain rules, partition state, replay and the door's decisions. */
export { nameEffect, type Verdict } from "./door/admit.ts";
export { childChainId } from "./door/calls.ts";
export { ARGUMENTS_LIMIT_BYTES } from "./door/admit.ts";
export { PAYLOAD_LIMIT_BYTES } from "./door/commands.ts";
export * from "./door/decide.ts";
export * from "./door/inputs.ts";
export { createPureDoor, PURE_DOOR_START_MS, type PureDoor, type PureDoorOptions } from "./door/pure-door.ts";
export { ALIVE_EVERY_MS, isAliveDue, isDueCall } from "./door/timers.ts";
export { againstFiringAgain } from "./door/settle.ts";
export { taskChainId } from "./door/tasks.ts";
export { beginTurn, type EmittedEvent, type EventType, type Turn, type TurnEnv } from "./door/turn.ts";
export * from "./compensation/plan.ts";
export { isRollbackDue } from "./door/rollback.ts";
export * from "./deployed-policy.ts";
export * from "./deployments.ts";
export { expressionProblem } from "./expectation.ts";
export * from "./checks.ts";
export * from "./claims.ts";
export {
  type AuthorityRule,
  authorityOf,
  matchSubject,
  reconcile,
  RECONCILIATION_RULE,
  type SourceRead,
  type SubjectAuthority,
  toldReconciled,
  type Vote,
} from "./reconcile.ts";
export * from "./freshness.ts";
export { isoMs } from "./iso-time.ts";
export { DEFAULT_GATE, GATE_RULE, type GatePolicy } from "./gate/gate.ts";
export {
  DEFAULT_QUORUM,
  type Judge,
  type QuorumPolicy,
  quorumFaults,
  type Sourced,
  verdictOfText,
  type Verdicts,
} from "./quorum/quorum.ts";
export { type Guard, type GuardAct, GUARD_METRIC, GUARDS, type GuardState, guardsIn } from "./guards/index.ts";
export * from "./partition-state.ts";
export * from "./policy-document.ts";
export * from "./read-back.ts";
export * from "./template.ts";
export * from "./tool-evidence.ts";
export type * from "./toolbox.ts";
export { directiveBody } from "./replay/directives.ts";
export * from "./replay/replay.ts";
export * from "./rules/index.ts";
export * from "./breaker/breaker.ts";
export * from "./breaker/keys.ts";
export { DEFAULT_RATES, type RatePolicy } from "./breaker/rates.ts";
export * from "./breaker/signals.ts";
export { type Cap, capKey, type Caps, type NarrowCap, narrowCaps, type RateCap, shareOf } from "./slots/caps.ts";
export { type CapView, viewCaps } from "./slots/cap-view.ts";
export * from "./drift/decisions.ts";
export * from "./drift/drift.ts";
export * from "./flow/at-door.ts";
export * from "./flow/flow.ts";
export * from "./flow/load.ts";
export { offsetOf } from "./replay/offsets.ts";
