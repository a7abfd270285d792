/**
 * Whether a call finds its slots free now, and what it is told where it does not (PROTOCOL 5.2, 7.3). No error for any
 * rule. First attempts are served in the order in which they first asked, so each waits for the calls before it and for
 * nothing else; a further attempt of a call that was served goes before them, and calls have few attempts.
 */
import { own } from "@busbar/kernel";
import type { PartitionState } from "../partition-state.ts";
import { pacePauseMs } from "../pace/pace.ts";
import { type Cap, capKey, capPath, type CappedCall, capsOver, partitionsOfCap, shareOf } from "./caps.ts";
import { NO_SLOTS, type SlotsOfCap } from "./slot-state.ts";
import { isHeld } from "./slots.ts";

export interface SlotRequest extends CappedCall {
  readonly callId: string;
  /** It was admitted before: a retry, or what is in doubt and fired again. */
  readonly isFurtherAttempt: boolean;
}

export interface SlotDeferral {
  readonly code: "BUSBAR_SLOTS_TAKEN" | "BUSBAR_CAP_ELSEWHERE" | "BUSBAR_THROTTLED";
  readonly retryAfterMs: number;
  readonly reason: string;
  /** Caps in whose order the call has a place now. */
  readonly waitsFor: readonly string[];
}

/** How long a call is taken to hold its slot while none has ended, and the shortest pause, ms. */
const HOLD_GUESS_MS = 100;
const SHORTEST_MS = 20;
/** Longest pause of all, so that a cap that a person raises is seen, ms. */
const LATEST_MS = 10_000;

/** Calls out, as far as they hold a slot. */
export function outNow({ out }: SlotsOfCap, atMs: number): number {
  return Object.values(out).filter((call) => isHeld(call, atMs)).length;
}

/** When each call that counts in the window now leaves it, ms, ascending. */
function leavingMs({ out, begun }: SlotsOfCap, perMs: number, atMs: number): readonly number[] {
  const over = begun.flatMap(([sliceEndMs, calls]) => Array.from({ length: calls }, () => sliceEndMs + perMs));
  const open = Object.values(out).map(({ startsUntilMs }) => startsUntilMs + perMs);
  return [...over, ...open].filter((leavesMs) => leavesMs > atMs).toSorted((left, right) => left - right);
}

/** Calls that count in a window of `perMs` now. */
export function begunNow(slots: SlotsOfCap, perMs: number, atMs: number): number {
  return leavingMs(slots, perMs, atMs).length;
}

interface Look {
  readonly key: string;
  readonly cap: Cap;
  readonly slots: SlotsOfCap;
  readonly atMs: number;
  readonly partition: number;
  readonly partitionCount: number;
  /** Calls that go first. */
  readonly ahead: number;
}

/** Calls that still wait at this moment, in their order. */
export function waitingNow({ waiting }: SlotsOfCap, atMs: number): readonly string[] {
  return waiting.filter(({ untilMs }) => untilMs > atMs).map(({ callId }) => callId);
}

function placeOf(slots: SlotsOfCap, { callId, isFurtherAttempt }: SlotRequest, atMs: number): number {
  if (isFurtherAttempt) return 0;
  const waiting = waitingNow(slots, atMs);
  const place = waiting.indexOf(callId);
  return place < 0 ? waiting.length : place;
}

/**
 * Half of the time until the bulkhead should have room for this call and those before it, as fast as calls end lately;
 * 0: it has room. By halves a call asks seldom while it is far behind, and in time when its turn comes: a slot that is
 * kept for somebody who sleeps stands empty.
 */
function concurrencyPauseMs({ key, cap, slots, atMs, partition, partitionCount, ahead }: Look): number {
  if (cap.concurrency === null) return 0;
  const share = shareOf(key, cap.concurrency, partition, partitionCount);
  const surplus = outNow(slots, atMs) + ahead + 1 - share;
  if (surplus <= 0) return 0;
  const holdMs = slots.holdMs === 0 ? HOLD_GUESS_MS : slots.holdMs;
  return Math.max(SHORTEST_MS, (surplus * holdMs) / share / 2);
}

/** Pause until the window has room for this call and those before it; 0: it has. */
function ratePauseMs({ key, cap, slots, atMs, partition, partitionCount, ahead }: Look): number {
  if (cap.rate === null) return 0;
  const share = shareOf(key, cap.rate.calls, partition, partitionCount);
  const leaving = leavingMs(slots, cap.rate.perMs, atMs);
  const surplus = leaving.length + ahead + 1 - share;
  if (surplus <= 0) return 0;
  // Who is further behind than a window holds calls comes some windows later.
  const roundsMs = Math.floor((surplus - 1) / Math.max(1, leaving.length)) * cap.rate.perMs;
  const roomAtMs = (leaving[(surplus - 1) % Math.max(1, leaving.length)] ?? atMs) + roundsMs;
  return Math.max(1, roomAtMs - atMs);
}

/** Why no call of this partition ever finds a slot of the cap; null where there is one. */
function elsewhere({ key, cap, partition, partitionCount }: Look): string | null {
  const totals = [
    [`${capPath(key)}.concurrency`, cap.concurrency],
    [`${capPath(key)}.rate.calls`, cap.rate?.calls ?? null],
  ] as const;
  for (const [path, total] of totals) {
    if (total === null || shareOf(key, total, partition, partitionCount) > 0) continue;
    const where = partitionsOfCap(key, total, partitionCount).join(", ");
    return (
      `${path} is ${total}, which lives on ${total === 0 ? "no partition" : `partition ${where}`} of ` +
      `${partitionCount}, and the chain is on partition ${partition}: make it ${partitionCount} or more in ` +
      `busbar.yaml, then npx busbar policy push --reason "<why>"`
    );
  }
  return null;
}

function taken({ key, cap, slots, atMs, partition, partitionCount, ahead }: Look): string {
  const shares: string[] = [];
  if (cap.concurrency !== null) {
    const share = shareOf(key, cap.concurrency, partition, partitionCount);
    shares.push(`${outNow(slots, atMs)} of ${share} at once`);
  }
  if (cap.rate !== null) {
    const share = shareOf(key, cap.rate.calls, partition, partitionCount);
    shares.push(`${begunNow(slots, cap.rate.perMs, atMs)} of ${share} in ${cap.rate.perMs} ms`);
  }
  return `${key}: ${shares.join(", ")} on partition ${partition}, ${ahead} go first`;
}

/** The pace of a tool or model that has asked to be called later; null: it holds nobody up. */
function paceAgainst(state: PartitionState, request: SlotRequest, atMs: number): SlotDeferral | null {
  const key = request.kind === "tool" ? capKey.tool(request.name) : capKey.model(request.name);
  const pace = own(state.paces, key);
  if (pace === undefined) return null;
  const slots = own(state.slots, key) ?? NO_SLOTS;
  const ahead = placeOf(slots, request, atMs);
  const pauseMs = pacePauseMs(pace, ahead, atMs);
  if (pauseMs === 0) return null;
  const every = `${Math.round(pace.intervalMs)} ms apart`;
  const reason = `${key} has asked to be called later: calls begin ${every} on partition ${state.partition}, ${ahead} go first`;
  return { code: "BUSBAR_THROTTLED", retryAfterMs: Math.min(LATEST_MS, pauseMs), reason, waitsFor: [key] };
}

/** Null: every slot that the call needs is free, no pace holds it up, and nobody is before it. */
export function slotAgainst(
  state: PartitionState,
  request: SlotRequest,
  atMs: number,
  partitionCount: number,
): SlotDeferral | null {
  const [slot, pace] = [capsAgainst(state, request, atMs, partitionCount), paceAgainst(state, request, atMs)];
  if (slot === null || pace === null) return slot ?? pace;
  const retryAfterMs = Math.max(slot.retryAfterMs, pace.retryAfterMs);
  return { ...slot, retryAfterMs, waitsFor: [...new Set([...slot.waitsFor, ...pace.waitsFor])] };
}

function capsAgainst(
  state: PartitionState,
  request: SlotRequest,
  atMs: number,
  partitionCount: number,
): SlotDeferral | null {
  const caps = state.policy?.caps ?? {};
  const looks = capsOver(caps, request).flatMap((key): readonly Look[] => {
    const cap = own(caps, key);
    const slots = own(state.slots, key) ?? NO_SLOTS;
    const { partition } = state;
    const ahead = placeOf(slots, request, atMs);
    return cap === undefined ? [] : [{ key, cap, slots, atMs, partition, partitionCount, ahead }];
  });
  for (const look of looks) {
    const reason = elsewhere(look);
    if (reason !== null) return { code: "BUSBAR_CAP_ELSEWHERE", retryAfterMs: LATEST_MS, reason, waitsFor: [] };
  }
  const full = looks.flatMap((look) => {
    const pauseMs = Math.max(concurrencyPauseMs(look), ratePauseMs(look));
    return pauseMs === 0 ? [] : [{ look, pauseMs }];
  });
  if (full.length === 0) return null;
  const waitsFor = looks
    // A place that it has is kept, also where there is room by now: else another cap would cost it that place.
    .filter((look) => full.some((one) => one.look === look) || waitingNow(look.slots, atMs).includes(request.callId))
    .map(({ key }) => key);
  const retryAfterMs = Math.min(LATEST_MS, Math.ceil(Math.max(...full.map(({ pauseMs }) => pauseMs))));
  return { code: "BUSBAR_SLOTS_TAKEN", retryAfterMs, reason: full.map(({ look }) => taken(look)).join("; "), waitsFor };
}
