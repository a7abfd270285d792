/**
 * Slots: which calls are out or may have begun lately, and which ones wait, for each cap of the policy in force. A fold
 * of the partition's records in event time (PROTOCOL 5.2); `slot-decision.ts` asks it.
 *
 * S2 A call takes its slots with its admission and leaves them with the record of its end. One in doubt holds them for
 *    as long as it may still be under way: until its `settleAtMs`.
 * S3 For a rate a call counts from its admission until `perMs` after the last moment at which it can have begun: its
 *    end, or the end of its fire bound, whichever comes first. So no span of `perMs` of the tool's own time holds more.
 * S4 Who is deferred stands in the order of the first asking, and keeps the place while it goes on asking.
 * S5 Everything here is bounded: calls that are out by their slots, begun ones by slices of time, waiting ones by
 *    WAITING_KEPT.
 */
import type { BusEvent } from "@busbar/events";
import { own } from "@busbar/kernel";
import type { ChainState, PartitionState } from "../partition-state.ts";
import { DEFAULT_MODEL, DEFAULT_TOOL, type EffectClass, type Policy } from "../policy-document.ts";
import { type CappedCall, capsOver } from "./caps.ts";
import { NO_SLOTS, type OutCall, type Slots, type SlotsOfCap, type WaitingCall } from "./slot-state.ts";

/** Waiting calls of one cap that keep their order; later ones queue when there is room. */
export const WAITING_KEPT = 1024;
/** How long after its time a deferred call may be asked again and keep its place, ms. */
export const WAITING_GRACE_MS = 5000;
/** A window is counted in so many slices; a call leaves it at the end of its slice, at most 1/64 of the window late. */
const SLICES = 64;

export function isHeld({ heldUntilMs }: OutCall, atMs: number): boolean {
  return heldUntilMs === 0 || heldUntilMs > atMs;
}

function withSlots(state: PartitionState, key: string, change: (slots: SlotsOfCap) => SlotsOfCap): void {
  state.slots = { ...state.slots, [key]: change(own(state.slots, key) ?? NO_SLOTS) };
}

const perMsOf = (policy: Policy, key: string): number => own(policy.caps ?? {}, key)?.rate?.perMs ?? 0;

/** A call that began no later than `startedMs` counts in the window from now on. */
function countBegun(slots: SlotsOfCap, startedMs: number, perMs: number, atMs: number): SlotsOfCap["begun"] {
  const kept = slots.begun.filter(([sliceEndMs]) => sliceEndMs + perMs > atMs);
  if (perMs === 0) return [];
  const sliceMs = Math.max(1, Math.ceil(perMs / SLICES));
  const sliceEndMs = Math.ceil(startedMs / sliceMs) * sliceMs;
  const calls = (kept.find(([end]) => end === sliceEndMs)?.[1] ?? 0) + 1;
  const others = kept.filter(([end]) => end !== sliceEndMs);
  return [...others, [sliceEndMs, calls] as const].toSorted(([left], [right]) => left - right);
}

const without = <T>(record: Readonly<Record<string, T>>, key: string): Readonly<Record<string, T>> => {
  const { [key]: _gone, ...rest } = record;
  return rest;
};

/** Weight of the latest call in what is expected of the next one. */
const LATEST_SHARE = 1 / 8;

function smoothed(beforeMs: number, latestMs: number): number {
  const latest = Math.max(1, latestMs);
  return beforeMs === 0 ? latest : Math.max(1, Math.round(beforeMs + (latest - beforeMs) * LATEST_SHARE));
}

/** An attempt is over: its slot is free, and it counts as begun unless it provably never began. */
function leave(state: PartitionState, policy: Policy, callId: string, atMs: number, hasBegun: boolean): void {
  for (const [key, slots] of Object.entries(state.slots)) {
    const call = own(slots.out, callId);
    if (call === undefined) continue;
    const out = without(slots.out, callId);
    const startedMs = Math.min(atMs, call.startsUntilMs);
    const begun = hasBegun ? countBegun(slots, startedMs, perMsOf(policy, key), atMs) : slots.begun;
    const holdMs = smoothed(slots.holdMs, atMs - call.sinceMs);
    withSlots(state, key, () => ({ ...slots, out, begun, holdMs }));
  }
}

/** What holds no slot and counts in no window any more: a call in doubt that was left to a person, for example. */
function isOver(call: OutCall, perMs: number, atMs: number): boolean {
  return !isHeld(call, atMs) && call.startsUntilMs + perMs <= atMs;
}

function take(state: PartitionState, policy: Policy, asked: CappedCall, callId: string, call: OutCall, atMs: number) {
  leave(state, policy, callId, atMs, true);
  for (const [key, slots] of Object.entries(state.slots)) {
    if (slots.waiting.some((one) => one.callId === callId))
      withSlots(state, key, () => ({ ...slots, waiting: slots.waiting.filter((one) => one.callId !== callId) }));
  }
  for (const key of capsOver(policy.caps, asked)) {
    const perMs = perMsOf(policy, key);
    withSlots(state, key, (slots) => {
      const kept = Object.entries(slots.out).filter(([, one]) => !isOver(one, perMs, atMs));
      return { ...slots, out: { ...Object.fromEntries(kept), [callId]: call } };
    });
  }
}

/** It may still be under way, and nobody will tell: its slots are free after its time. */
function holdUntil(
  state: PartitionState,
  isMeant: (callId: string) => boolean,
  until: (call: OutCall) => number,
): void {
  for (const [key, slots] of Object.entries(state.slots)) {
    const meant = Object.entries(slots.out).filter(([callId]) => isMeant(callId));
    if (meant.length === 0) continue;
    const changed = meant.map(([callId, call]) => [callId, { ...call, heldUntilMs: until(call) }] as const);
    withSlots(state, key, () => ({ ...slots, out: { ...slots.out, ...Object.fromEntries(changed) } }));
  }
}

/** Takes a place in the order of a cap, or keeps it. */
function wait(slots: SlotsOfCap, call: WaitingCall, atMs: number): SlotsOfCap {
  const waiting = slots.waiting.filter(({ untilMs, callId }) => untilMs > atMs || callId === call.callId);
  const isThere = waiting.some(({ callId }) => callId === call.callId);
  if (isThere) return { ...slots, waiting: waiting.map((one) => (one.callId === call.callId ? call : one)) };
  return { ...slots, waiting: waiting.length < WAITING_KEPT ? [...waiting, call] : waiting };
}

/** Folds an event into the slots; before the chain's own fold, since what a call was before it decides. */
export function replaySlots(state: PartitionState, event: BusEvent): void {
  const { policy } = state;
  // Calls wait in one order, for a slot and for the pace of a tool that has asked to be called later.
  if (policy === null || (policy.caps === undefined && Object.keys(state.paces).length === 0)) return;
  const { atMs, agent, chainId } = event.meta;
  switch (event.type) {
    case "EffectAdmitted": {
      const startsUntilMs = atMs + event.fireBoundMs;
      const call = outSince(atMs, startsUntilMs, event.timeoutMs);
      return take(
        state,
        policy,
        { agent, kind: "tool", name: event.tool, effect: event.effectClass as EffectClass },
        event.callId,
        call,
        atMs,
      );
    }
    case "ModelCallAdmitted": {
      const startsUntilMs = atMs + MODEL_START_MS;
      const call = outSince(atMs, startsUntilMs, event.timeoutMs);
      return take(state, policy, { agent, kind: "model", name: event.model }, event.callId, call, atMs);
    }
    case "EffectInDoubt": {
      // What is in doubt already is put off without being under way again.
      if (own(state.chains, chainId)?.calls[event.callId]?.status !== "open") return;
      return holdUntil(
        state,
        (callId) => callId === event.callId,
        () => event.settleAtMs,
      );
    }
    case "TaskCompleted":
    case "TaskFailed":
      // A model call may outlive its chain, and its end makes no record.
      return holdUntil(
        state,
        (callId) => callId.startsWith(`${chainId}:`),
        ({ endsUntilMs }) => endsUntilMs,
      );
    case "CommandDeferred": {
      const call = { callId: event.callId, untilMs: atMs + event.retryAfterMs + WAITING_GRACE_MS };
      for (const key of event.waitsFor) withSlots(state, key, (slots) => wait(slots, call, atMs));
      return;
    }
    case "EffectAbandoned":
      return leave(state, policy, event.callId, atMs, false);
    default:
      if (ENDS.has(event.type) && "callId" in event) leave(state, policy, event.callId, atMs, true);
  }
}

const outSince = (sinceMs: number, startsUntilMs: number, timeoutMs: number): OutCall => ({
  sinceMs,
  startsUntilMs,
  endsUntilMs: startsUntilMs + timeoutMs,
  heldUntilMs: 0,
});

/** A model call has no fire bound; it is handed over with the acknowledgement of its record. */
const MODEL_START_MS = DEFAULT_TOOL.fireBoundMs;

const ENDS: ReadonlySet<BusEvent["type"]> = new Set([
  "EffectCommitted",
  "EffectCommittedInvalid",
  "EffectFailed",
  "EffectSettled",
  "ModelCallCompleted",
  "ModelCallFailed",
]);

/**
 * Slots under a policy that has just come into force. What was counted under a cap that stays is kept; under a new one
 * the calls that are open now take slots, as if they had been admitted this moment.
 */
export function slotsUnder(state: PartitionState): Slots {
  const { policy, atMs } = state;
  if (policy?.caps === undefined) return {};
  const kept = Object.entries(state.slots).filter(([key]) => own(policy.caps ?? {}, key) !== undefined);
  const slots: Record<string, SlotsOfCap> = Object.fromEntries(kept);
  const open = Object.values(state.chains).flatMap(openCalls);
  for (const [callId, call] of open) {
    for (const key of capsOver(policy.caps, call)) {
      const known = slots[key] ?? NO_SLOTS;
      if (own(known.out, callId) !== undefined) continue;
      slots[key] = { ...known, out: { ...known.out, [callId]: admittedNow(policy, call, atMs) } };
    }
  }
  return slots;
}

function openCalls(chain: ChainState): readonly (readonly [string, CappedCall])[] {
  return Object.entries(chain.calls).flatMap(([callId, { kind, name, status, effectClass: effect }]) =>
    status === "open" && (kind === "tool" || kind === "model")
      ? [[callId, { agent: chain.agent, kind, name, effect }] as const]
      : [],
  );
}

function admittedNow(policy: Policy, { kind, name }: CappedCall, atMs: number): OutCall {
  const { fireBoundMs, timeoutMs } =
    kind === "tool"
      ? (own(policy.tools, name) ?? DEFAULT_TOOL)
      : { fireBoundMs: MODEL_START_MS, ...(own(policy.models, name) ?? DEFAULT_MODEL) };
  return outSince(atMs, atMs + fireBoundMs, timeoutMs);
}
