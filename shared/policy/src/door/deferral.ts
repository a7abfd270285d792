/**
 * Deferrals: what is not decided now and no error for any rule (PROTOCOL 4.5). The command was not consumed; its
 * sender sends the same bytes again after the delay.
 */
import type { BusCommand } from "@busbar/events";
import type { ErrorCode } from "@busbar/kernel";
import type { ChainState, PartitionState } from "../partition-state.ts";
import { slotAgainst, type SlotRequest } from "../slots/slot-decision.ts";
import { type About, emit, type Turn } from "./turn.ts";

export interface Deferral {
  readonly code: ErrorCode;
  readonly retryAfterMs: number;
  /** What it waits for, where the code alone does not say it. */
  readonly reason?: string;
  /** Caps in whose order it has a place now (slots/slots.ts). */
  readonly waitsFor?: readonly string[];
}

/**
 * What the door lets pass (PROTOCOL 6.4): everything while it is open, reads of tools while it is degraded, nothing
 * while it is closed. A model call changes no state and costs money, so it is none of those reads.
 */
export function doorAgainst(state: PartitionState, isRead: boolean): Deferral | null {
  if (state.door === "open") return null;
  if (state.door === "closed") return { code: "BUSBAR_DOOR_CLOSED", retryAfterMs: 250 };
  return isRead ? null : { code: "BUSBAR_DOOR_DEGRADED", retryAfterMs: 1000 };
}

/** Whether the caps of the policy have a slot for the call now. */
export function slotsAgainst(turn: Turn, request: SlotRequest): Deferral | null {
  const { state, env } = turn;
  return slotAgainst(state, request, Math.max(env.atMs, state.atMs), env.partitionCount);
}

/** A look is a read and an append: who waits for it is asked to come back soon; for a long one ever more rarely. */
const LOOK_RETRY_MS = 25;
const LOOK_RETRY_LONGEST_MS = 1000;

/** The next change of a chain waits for the look at the one before (PROTOCOL 5.2). */
export function lookAgainst({ calls }: ChainState, atMs: number): Deferral | null {
  const due = Object.values(calls).filter(({ status }) => status === "unverified");
  if (due.length === 0) return null;
  const waitedMs = Math.max(...due.map(({ dueAtMs }) => atMs - dueAtMs));
  const retryAfterMs = Math.min(Math.max(waitedMs, LOOK_RETRY_MS), LOOK_RETRY_LONGEST_MS);
  return { code: "BUSBAR_READ_BACK_DUE", retryAfterMs };
}

/** Records that a call of an agent is put off. */
export function deferCall(
  turn: Turn,
  about: About,
  call: { readonly callId: string; readonly commandType: BusCommand["type"] },
  { code, retryAfterMs, reason = "", waitsFor = [] }: Deferral,
): void {
  const body = { code, expected: 0, retryAfterMs, ...call, reason, waitsFor };
  // Sequence 0: the command was not consumed.
  emit(turn, "CommandDeferred", { ...about, commandSeq: 0 }, body);
}
