/**
 * The ladder: what is in doubt about a chain narrows its scope, rung by rung, and the last rung is a person.
 *
 * D1 Each sign of doubt takes one rung down: the next of the policy's list. A sign told twice is one sign.
 * D2 A rung is left by a person's resume alone; nothing that goes well climbs back.
 * D3 The state is bounded: the refusals since the last rung, fewer than the policy's limit.
 */
import type { BusEvent } from "@busbar/events";
import type { CallState, ChainState } from "../partition-state.ts";
import type { DegradationPolicy, Policy, Rung } from "../policy-document.ts";

export interface LadderState {
  /** Rungs taken. */
  readonly taken: number;
  /** The last of them; empty before the first. */
  readonly rung: Rung | "";
  /** Event ids of the refusals since then. */
  readonly refusals: readonly string[];
}

export const GROUND: LadderState = { taken: 0, rung: "", refusals: [] };

/** A rung that is taken now: its record is the chain's next one. */
export interface Narrowing {
  readonly rung: Rung;
  readonly rule: string;
  readonly reason: string;
  /** Event ids, oldest first. */
  readonly evidence: readonly string[];
}

/** Rules of the records of the ladder. */
export const DEGRADATION = "degradation";
export const HAND_OFF_ON_HALT = "hand-off-on-halt";

/** A sign of doubt. */
interface Sign {
  readonly kind: "doubt" | "refusal";
  readonly reason: string;
  readonly evidence: string;
}

/** What an event says against its chain's agent; null for nothing. */
export function signOf(event: BusEvent, policy: DegradationPolicy): Sign | null {
  const evidence = event.meta.eventId;
  switch (event.type) {
    case "ConfidenceReported": {
      const limit = Math.round(policy.confidence * 100);
      const reason = `the agent is sure to ${event.percent} %, below ${limit} %`;
      return event.percent < limit ? { kind: "doubt", reason, evidence } : null;
    }
    case "StatementChecked":
      if (event.agrees || !policy.refuted) return null;
      return { kind: "doubt", reason: `what it said of ${event.subject} is refuted`, evidence };
    case "EffectRefused":
      return policy.refusals === 0 ? null : { kind: "refusal", reason: event.code, evidence };
    default:
      return null;
  }
}

/** One sign: the new state, and the rung that is taken for it. */
export function stepLadder(
  state: LadderState,
  sign: Sign,
  policy: DegradationPolicy,
): readonly [LadderState, Narrowing | null] {
  if (sign.kind === "doubt") return takeRung(state, sign.reason, [sign.evidence], policy);
  if (state.refusals.includes(sign.evidence)) return [state, null];
  const refusals = [...state.refusals, sign.evidence];
  if (refusals.length < policy.refusals) return [{ ...state, refusals }, null];
  return takeRung(state, `${refusals.length} refusals, the last ${sign.reason}`, refusals, policy);
}

function takeRung(
  { taken, rung: last }: LadderState,
  reason: string,
  evidence: readonly string[],
  { rungs }: DegradationPolicy,
): readonly [LadderState, Narrowing | null] {
  const rung = rungs[taken];
  if (rung === undefined) return [{ taken, rung: last, refusals: [] }, null];
  return [
    { taken: taken + 1, rung, refusals: [] },
    { rung, rule: DEGRADATION, reason, evidence },
  ];
}

/** In doubt with no time at which the bus settles it, or disputed: a person does. */
export const isLeftToPerson = ({ status, dueAtMs }: CallState): boolean =>
  status === "disputed" || (status === "in-doubt" && dueAtMs === 0);

/** The records by which a rung is taken; what was pending is done with any of them. */
function isStep(event: BusEvent): boolean {
  if (event.type === "ScopeNarrowed" || event.type === "ChainHalted") return true;
  if (event.type === "HandedOff") return event.rule !== "";
  return event.type === "ChainDegraded" && event.rule === DEGRADATION;
}

/** A halt that a rule wrote is handed to a person, where the policy says so. */
function afterHalt(event: BusEvent, ladder: LadderState, policy: DegradationPolicy): Narrowing | null {
  if (event.type !== "ChainHalted" || event.directive !== "") return null;
  const isNext = event.rule === DEGRADATION && policy.rungs[ladder.taken] === "hand-off";
  if (!isNext && !policy.handOffOnHalt) return null;
  const reason = `halted by ${event.rule}: ${event.reason}`;
  return { rung: "hand-off", rule: HAND_OFF_ON_HALT, reason, evidence: [event.meta.eventId] };
}

type Narrowed = Pick<ChainState, "ladder" | "narrowing">;

/** Ladder and pending rung of a chain after one of its events, `chain` being as the event has left it. */
export function ladderAfter(chain: ChainState, event: BusEvent, policy: Policy | null): Narrowed {
  const { ladder } = chain;
  const degradation = policy?.degradation;
  if (event.type === "ChainResumed" && event.directive !== "") return { ladder: GROUND, narrowing: null };
  if (isStep(event)) {
    return { ladder, narrowing: degradation === undefined ? null : afterHalt(event, ladder, degradation) };
  }
  const sign = degradation === undefined || chain.halted !== null ? null : signOf(event, degradation);
  if (degradation === undefined || sign === null) return { ladder, narrowing: chain.narrowing };
  const [next, narrowing] = stepLadder(ladder, sign, degradation);
  return { ladder: next, narrowing: chain.narrowing ?? narrowing };
}

/** Whether a person approves each effect of a chain now. */
export const approvesEach = ({ ladder }: Pick<ChainState, "ladder">): boolean => ladder.rung === "approve";

/** Whether nothing but a person leads out of reading only. */
export const isHeldToReads = ({ ladder }: Pick<ChainState, "ladder">): boolean => ladder.rung === "read-only";
