/**
 * The pace of a tool or model that has asked to be called later (429, 503 with Retry-After): what one call was told
 * holds for all of them. A fold of the partition's records in event time, for each partition by itself; the pace that
 * each of them learns is its part of what the tool takes from all.
 *
 * P1 Until the time that the tool named nobody is sent; after it calls begin `intervalMs` apart, in the order of asking.
 * P2 Who is throttled slows down by half; of one round only the first says something new. Each success quickens a
 *    little: much while the pace is far from the one at which the tool last refused, little near to it (additive
 *    increase, multiplicative decrease: D. Chiu and R. Jain, 1989).
 * P3 A pace that no longer holds anybody up is forgotten. There is one for each tool or model of the policy at most.
 */
import type { BusEvent } from "@busbar/events";
import { own } from "@busbar/kernel";
import type { PartitionState } from "../partition-state.ts";
import { capKey } from "../slots/caps.ts";

/** Times are event time, ms. */
export interface Pace {
  /** Nobody is sent before. */
  readonly untilMs: number;
  /** Shortest time between the beginnings of two calls. */
  readonly intervalMs: number;
  /** The interval at which the tool last refused; 0: it did so once. */
  readonly refusedAtMs: number;
  /** When the next call may begin. */
  readonly nextAtMs: number;
  /** Offset of the record that last slowed it: calls that were admitted before it are of the same round. */
  readonly slowedAt: string;
}

export type Paces = Readonly<Record<string, Pace>>;

const FIRST_MS = 200;
const LONGEST_MS = 10_000;
/** Below this interval a pace is none. */
const FORGOTTEN_MS = 5;
const SLOWER = 1.5;
const QUICKER_FAR = 0.9;
const QUICKER_NEAR = 0.99;
/** From here on a pace is near to the one that was refused. */
const NEAR = 1.25;

export interface Throttled {
  readonly atMs: number;
  /** Offset of the record that tells it. */
  readonly offset: string;
  /** Offset of the admission that was refused. */
  readonly admitted: string;
  /** The time that the tool named; 0: none. */
  readonly retryAtMs: number;
}

/** Slows a pace down, or begins one. */
export function slowed(pace: Pace | undefined, { atMs, offset, admitted, retryAtMs }: Throttled): Pace {
  if (pace === undefined) {
    const untilMs = retryAtMs > 0 ? retryAtMs : atMs + FIRST_MS;
    return { untilMs, intervalMs: FIRST_MS, refusedAtMs: 0, nextAtMs: untilMs, slowedAt: offset };
  }
  const untilMs = Math.max(pace.untilMs, retryAtMs);
  const nextAtMs = Math.max(pace.nextAtMs, untilMs);
  if (BigInt(admitted) <= BigInt(pace.slowedAt)) return { ...pace, untilMs, nextAtMs };
  const intervalMs = Math.min(LONGEST_MS, pace.intervalMs * SLOWER);
  return { untilMs, intervalMs, refusedAtMs: pace.intervalMs, nextAtMs, slowedAt: offset };
}

/** Quickens a pace after a call that the tool took; null where it is none any more. */
export function quickened(pace: Pace): Pace | null {
  const isFar = pace.intervalMs > pace.refusedAtMs * NEAR;
  const intervalMs = pace.intervalMs * (isFar ? QUICKER_FAR : QUICKER_NEAR);
  return intervalMs < FORGOTTEN_MS ? null : { ...pace, intervalMs };
}

/** A call begins: the next one comes an interval later. */
export const begun = (pace: Pace, atMs: number): Pace => ({
  ...pace,
  nextAtMs: Math.max(pace.nextAtMs, atMs) + pace.intervalMs,
});

/** Time until a call with so many before it may begin, ms; 0: now. */
export function pacePauseMs(pace: Pace, ahead: number, atMs: number): number {
  const turnMs = Math.max(pace.untilMs, pace.nextAtMs, atMs) + ahead * pace.intervalMs;
  return Math.max(0, Math.ceil(turnMs - atMs));
}

function withPace(state: PartitionState, key: string, pace: Pace | null): void {
  const { [key]: _before, ...others } = state.paces;
  state.paces = pace === null ? others : { ...others, [key]: pace };
}

function keyOf(event: BusEvent): string | null {
  if ("tool" in event && typeof event.tool === "string") return capKey.tool(event.tool);
  return "model" in event && typeof event.model === "string" ? capKey.model(event.model) : null;
}

type Failure = Extract<BusEvent, { type: "EffectFailed" | "ModelCallFailed" }>;

function slow(state: PartitionState, key: string, event: Failure, offset: bigint): void {
  if (event.code !== "BUSBAR_THROTTLED" || state.policy?.limits.learnPace === false) return;
  const { admitted, retryAtMs } = event;
  const told = { atMs: event.meta.atMs, offset: offset.toString(), admitted, retryAtMs };
  withPace(state, key, slowed(own(state.paces, key), told));
}

/** Folds an event into the paces. */
export function replayPaces(state: PartitionState, event: BusEvent, offset: bigint): void {
  const key = keyOf(event);
  if (key === null) return;
  if (event.type === "EffectFailed" || event.type === "ModelCallFailed") return slow(state, key, event, offset);
  const pace = own(state.paces, key);
  if (pace === undefined) return;
  switch (event.type) {
    case "EffectAdmitted":
    case "ModelCallAdmitted":
      return withPace(state, key, begun(pace, event.meta.atMs));
    case "EffectCommitted":
    case "EffectCommittedInvalid":
    case "ModelCallCompleted":
      return withPace(state, key, quickened(pace));
    default:
  }
}
