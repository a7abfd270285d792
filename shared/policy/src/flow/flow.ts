/**
 * Flow control, as stage 2 of the supervisor decides it for one key over all partitions: a pure reducer over reports of
 * load in event time (PROTOCOL 6.7). It puts new work off; what is admitted goes on, and halts never wait behind it.
 *
 * F1 Hysteresis: a level is raised at its mark and lowered only at the mark below it (`paused` at `upper`, `throttled` at `lower`).
 * F2 Rate: two orders about a key are `orderEveryMs` apart at least, by the time of the records. (Where clocks are further
 *    apart than that, hysteresis alone holds them back.)
 * F4 An order says how far the signals were read when it was given. So reports that are read again after a restart give
 *    none: they lie before the one that stands.
 * F3 What a person set stays until a person lifts it. What a person lifted stays lifted until the load has once been
 *    below the lower marks.
 */
import type { FlowMarks, FlowPolicy } from "../policy-document.ts";
import type { Load } from "./load.ts";

export type FlowLevel = "flowing" | "throttled" | "paused";

export interface FlowState {
  readonly level: FlowLevel;
  /** Load by source partition; those without an open chain are left out. */
  readonly sources: Readonly<Record<string, Load>>;
  /** Event time of the order that stands, ms; 0: none was given. */
  readonly sinceMs: number;
  /** Signals read when it was given, exclusive. */
  readonly through: number;
  /** Signals read so far, exclusive. */
  readonly position: number;
  /** Event time of the last report, ms, and its id. */
  readonly atMs: number;
  readonly cause: string;
  readonly hand: "none" | "set" | "lifted";
}

export const FLOWING: FlowState = {
  level: "flowing",
  sources: {},
  sinceMs: 0,
  through: 0,
  position: 0,
  atMs: 0,
  cause: "",
  hand: "none",
};

export type FlowInput =
  | ({
      readonly kind: "load";
      readonly source: number;
      readonly atMs: number;
      readonly evidence: string;
      /** Of the report among the signals. */
      readonly offset: number;
    } & Load)
  | { readonly kind: "tick"; readonly atMs: number }
  /** An order of a supervisor as it stands on the directives. */
  | { readonly kind: "ordered"; readonly level: FlowLevel; readonly sinceMs: number; readonly through: number }
  | { readonly kind: "set" }
  | { readonly kind: "lifted" };

export interface FlowOrder {
  readonly type: "Throttle" | "Unthrottle";
  readonly key: string;
  readonly level: FlowLevel;
  readonly rule: string;
  readonly cause: string;
  readonly reason: string;
  /** Event time that it was given at, ms. */
  readonly sinceMs: number;
  /** Signals that it follows from, exclusive. */
  readonly through: number;
}

export const FLOW_RULE = "flow";

type Step = readonly [FlowState, readonly FlowOrder[]];

export interface FlowTotals {
  readonly open: number;
  readonly waiting: number;
  /** Age of the oldest chain that waits, by the last report, ms. */
  readonly lagMs: number;
}

export function totalsOf({ sources, atMs }: FlowState): FlowTotals {
  let [open, waiting, oldest] = [0, 0, 0];
  for (const load of Object.values(sources)) {
    open += load.open;
    waiting += load.waiting;
    if (load.oldestAtMs > 0 && (oldest === 0 || load.oldestAtMs < oldest)) oldest = load.oldestAtMs;
  }
  return { open, waiting, lagMs: oldest === 0 ? 0 : Math.max(0, atMs - oldest) };
}

/** The key's marks. */
export function marksOf(policy: FlowPolicy, key: string): FlowMarks {
  return key.startsWith("partition:") ? policy.partition : policy.agent;
}

interface Judgement {
  readonly level: FlowLevel;
  readonly why: string;
}

/** One measure beside its marks; a mark of 0 is none. */
const above = (value: number, mark: number): boolean => mark > 0 && value >= mark;
const low = (value: number, lower: number, upper: number): boolean => upper === 0 || value <= lower;

/** Which level the load asks for, coming from another. */
function judge(key: string, from: FlowLevel, totals: FlowTotals, marks: FlowMarks): Judgement {
  const { open, waiting, lagMs } = totals;
  const { lower, upper, pause, lagLowerMs, lagUpperMs } = marks;
  const why = `${key} has ${open} open chains, ${waiting} of them not begun, the oldest for ${lagMs} ms`;
  const isHigh = above(open, upper) || above(lagMs, lagUpperMs);
  if (above(open, pause) || (from === "paused" && isHigh)) return { level: "paused", why };
  const isLow = low(open, lower, upper) && low(lagMs, lagLowerMs, lagUpperMs);
  return { level: isHigh || (from !== "flowing" && !isLow) ? "throttled" : "flowing", why };
}

/** Total and deterministic. */
export function stepFlow(key: string, state: FlowState, input: FlowInput, policy: FlowPolicy): Step {
  switch (input.kind) {
    case "load":
      return decide(key, withLoad(state, input), input.atMs, policy);
    case "tick":
      return decide(key, state, input.atMs, policy);
    case "ordered": {
      const { level, sinceMs, through } = input;
      // One that is older than ours was ours, told again.
      return through < state.through ? [state, []] : [{ ...state, level, sinceMs, through }, []];
    }
    case "set":
      return [{ ...state, hand: "set" }, []];
    case "lifted":
      return [{ ...state, level: "flowing", hand: "lifted" }, []];
  }
}

function withLoad(state: FlowState, input: Extract<FlowInput, { kind: "load" }>): FlowState {
  const { source, open, waiting, oldestAtMs, evidence, offset } = input;
  const { [String(source)]: _old, ...others } = state.sources;
  const sources = open === 0 ? others : { ...others, [String(source)]: { open, waiting, oldestAtMs } };
  return { ...state, sources, atMs: input.atMs, cause: evidence, position: offset + 1 };
}

function decide(key: string, state: FlowState, nowMs: number, policy: FlowPolicy): Step {
  // Who has read less than what stands was made from has nothing to add to it.
  if (state.hand === "set" || state.position < state.through) return [state, []];
  if (Math.abs(nowMs - state.sinceMs) < policy.orderEveryMs) return [state, []];
  // A lift is judged as if the level were still there: it ends where the load has gone down to the lower marks.
  const from = state.hand === "lifted" ? "throttled" : state.level;
  const { level, why } = judge(key, from, totalsOf(state), marksOf(policy, key));
  if (state.hand === "lifted" ? level !== "flowing" : level === state.level) return [state, []];
  const at = { sinceMs: nowMs, through: state.position };
  const order = { key, level, rule: FLOW_RULE, cause: state.cause, reason: why, ...at };
  const next: FlowState = { ...state, ...at, level, hand: "none" };
  return [next, [{ type: level === "flowing" ? "Unthrottle" : "Throttle", ...order }]];
}

/** True where nothing is worth remembering; what the last order was made from is (F4). */
export function isIdle({ through, sources, hand }: FlowState): boolean {
  return through === 0 && hand === "none" && Object.keys(sources).length === 0;
}
