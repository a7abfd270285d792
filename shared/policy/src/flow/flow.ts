/**
 * Flow control, as stage 2 of the supervisor decides it for one key over all partitions: a pure reducer over reports of
 * load in event time (PROTOCOL 6.7). It puts new work off; what is admitted goes on, and halts never wait behind it.
 *
 * F1 Hysteresis: a level is raised at its mark and lowered only at the mark below it (`paused` at `upper`, `throttled` at `lower`).
 * F2 Rate: after an order of a key the next one comes `orderEveryMs` of event time later at the earliest. So reports that
 *    are read again after a restart give no order: they lie before the one that stands.
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
  /** Event time of the newest report, ms, and its id. */
  readonly atMs: number;
  readonly cause: string;
  readonly hand: "none" | "set" | "lifted";
}

export const FLOWING: FlowState = { level: "flowing", sources: {}, sinceMs: 0, atMs: 0, cause: "", hand: "none" };

export type FlowInput =
  | ({ readonly kind: "load"; readonly source: number; readonly atMs: number; readonly evidence: string } & Load)
  | { readonly kind: "tick"; readonly atMs: number }
  /** An order of a supervisor as it stands on the directives. */
  | { readonly kind: "ordered"; readonly level: FlowLevel; readonly sinceMs: number }
  | { readonly kind: "set" }
  | { readonly kind: "lifted" };

export interface FlowOrder {
  readonly type: "Throttle" | "Unthrottle";
  readonly key: string;
  readonly level: FlowLevel;
  readonly rule: string;
  readonly cause: string;
  readonly reason: string;
  /** Event time of the report that it follows from, ms. */
  readonly sinceMs: number;
}

export const FLOW_RULE = "flow";

type Step = readonly [FlowState, readonly FlowOrder[]];

export interface FlowTotals {
  readonly open: number;
  readonly waiting: number;
  /** Age of the oldest chain that waits, by the newest report, ms. */
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
      // Who has read less than what stands was made from has nothing to add to it.
      return state.atMs < state.sinceMs ? [state, []] : decide(key, state, input.atMs, policy);
    case "ordered":
      // One that is older than ours was ours, told again.
      return input.sinceMs < state.sinceMs
        ? [state, []]
        : [{ ...state, level: input.level, sinceMs: input.sinceMs }, []];
    case "set":
      return [{ ...state, hand: "set" }, []];
    case "lifted":
      return [{ ...state, level: "flowing", hand: "lifted" }, []];
  }
}

function withLoad(state: FlowState, input: Extract<FlowInput, { kind: "load" }>): FlowState {
  const { source, open, waiting, oldestAtMs, evidence } = input;
  const { [String(source)]: _old, ...others } = state.sources;
  const sources = open === 0 ? others : { ...others, [String(source)]: { open, waiting, oldestAtMs } };
  return { ...state, sources, atMs: Math.max(state.atMs, input.atMs), cause: evidence };
}

function decide(key: string, state: FlowState, nowMs: number, policy: FlowPolicy): Step {
  if (state.hand === "set") return [state, []];
  if (state.sinceMs > 0 && nowMs < state.sinceMs + policy.orderEveryMs) return [state, []];
  // A lift is judged as if the level were still there: it ends where the load has gone down to the lower marks.
  const from = state.hand === "lifted" ? "throttled" : state.level;
  const { level, why } = judge(key, from, totalsOf(state), marksOf(policy, key));
  if (state.hand === "lifted" ? level !== "flowing" : level === state.level) return [state, []];
  const order = {
    key,
    level,
    rule: FLOW_RULE,
    cause: state.cause,
    reason: why,
    sinceMs: Math.max(state.atMs, state.sinceMs + 1),
  };
  const next: FlowState = { ...state, level, sinceMs: order.sinceMs, hand: "none" };
  return [next, [{ type: level === "flowing" ? "Unthrottle" : "Throttle", ...order }]];
}

/** True where nothing is worth remembering; the time of the last order is (F2). */
export function isIdle({ sinceMs, sources, hand }: FlowState): boolean {
  return sinceMs === 0 && hand === "none" && Object.keys(sources).length === 0;
}
