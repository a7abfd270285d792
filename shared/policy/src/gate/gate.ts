/**
 * The verification gate: after so many tool calls a chain makes no further change before the world has shown something.
 *
 * G1 Evidence is what a tool answered, or a check of the gateway showed. What an agent or a model says is none.
 * G2 An attempted change makes all earlier evidence stale, and so does one that failed.
 * G3 A due gate asks for verification: reads go on, since they are how a chain verifies. A change goes on when there is
 *    evidence; where there is none its chain is degraded (door/gate-step.ts).
 *
 * The state is bounded: CALLS_KEPT calls, EVIDENCE_KEPT event ids.
 */
import type { BusEvent, MessageOf } from "@busbar/events";
import type { CallFact } from "../rules/index.ts";

export interface GatePolicy {
  /** Tool calls between two gates; 0 turns it off. */
  readonly every: number;
  /**
   * `answered`: that a tool answered what its schema allows. `verified`: a read, a result that a declared schema
   * accepted, or a read-back.
   */
  readonly require: "answered" | "verified";
}

export interface GateState {
  /** Ids of the tool calls that began since the last gate, oldest first. */
  readonly calls: readonly string[];
  /** Event ids of what was answered, and of what was verified, since the last attempted change. */
  readonly answered: readonly string[];
  readonly verified: readonly string[];
  /** Event id of the GateDue that asked; empty while nobody was asked. */
  readonly asked: string;
  readonly askedAtMs: number;
}

export const DEFAULT_GATE: GatePolicy = { every: 3, require: "answered" };
export const OPEN_GATE: GateState = { calls: [], answered: [], verified: [], asked: "", askedAtMs: 0 };

/** Most calls between two gates that a policy may say: the bound of the state. */
export const CALLS_KEPT = 100;
export const EVIDENCE_KEPT = 8;

const PASSES: ReadonlySet<BusEvent["type"]> = new Set(["GatePassed", "GateFailed", "ChainResumed"]);

const isRead = (effectClass: string): boolean => effectClass === "read";

function began(state: GateState, callId: string, effectClass: string): GateState {
  const calls = state.calls.includes(callId) ? state.calls : [...state.calls, callId].slice(-CALLS_KEPT);
  return isRead(effectClass) ? { ...state, calls } : { ...state, calls, answered: [], verified: [] };
}

const kept = (ids: readonly string[], id: string): readonly string[] =>
  ids.includes(id) ? ids : [...ids, id].slice(-EVIDENCE_KEPT);

function ended(state: GateState, { kind, effectClass, verified, evidence }: CallFact): GateState {
  // Of models and sub-tasks nothing is evidence: it is an agent that speaks.
  if (effectClass === "model" || effectClass === "task") return state;
  if (kind === "error") return isRead(effectClass) ? state : { ...state, answered: [], verified: [] };
  const answered = kept(state.answered, evidence);
  return { ...state, answered, verified: verified ? kept(state.verified, evidence) : state.verified };
}

/** What was in doubt is known: a read-back, another record or a person has shown it, or its tool has answered late. */
function looked(state: GateState, { outcome, by, meta }: MessageOf<"EffectSettled">): GateState {
  if (outcome === "unknown") return state;
  const answered = kept(state.answered, meta.eventId);
  return { ...state, answered, verified: by === "late-outcome" ? state.verified : kept(state.verified, meta.eventId) };
}

/** One record of the chain; `fact`: what its outcome means to the rules. Total and deterministic. */
export function stepGate(state: GateState, event: BusEvent, fact: CallFact | null): GateState {
  if (PASSES.has(event.type) || (event.type === "RuleShadowed" && event.rule === GATE_RULE)) return OPEN_GATE;
  if (event.type === "GateDue") return { ...state, asked: event.meta.eventId, askedAtMs: event.meta.atMs };
  if (event.type === "EffectSettled") return looked(state, event);
  if (event.type === "EffectAdmitted") return began(state, event.callId, event.effectClass);
  // What never reached its tool changed nothing, and shows nothing.
  if (fact === null || event.type === "EffectRefused") return state;
  return ended(state, fact);
}

export const GATE_RULE = "verification-gate";

/** True when so many calls have begun that the next one needs a gate. */
export function isGateDue(state: GateState, policy: GatePolicy): boolean {
  return policy.every > 0 && state.calls.length >= Math.min(policy.every, CALLS_KEPT);
}

/** What a chain can show since its last attempted change, as event ids. */
export function evidenceAt(state: GateState, policy: GatePolicy): readonly string[] {
  return policy.require === "verified" ? state.verified : state.answered;
}
