/**
 * Approvals: calls that wait for a person (PROTOCOL 4.2, 5.5).
 *
 * P1 An approval is of one request and of the digest of its arguments, and counts once. What was approved and what is
 *    admitted are the same record; it lifts the hold, and everything else is asked again at that moment.
 * P2 Nobody's word is a no: at its time, or at the chain's deadline, the call is denied by a record.
 * P3 A call that waits holds no process and no slot, and is no error; a denial is one, like any refusal.
 */
import type { ClaimCheck, MessageOf } from "@busbar/events";
import { type ErrorCode, own } from "@busbar/kernel";
import type { CallState, ChainState } from "../partition-state.ts";
import { admitApproved } from "./readmit.ts";
import { answerWaiting } from "./settle.ts";
import { chainOf, emit, type Turn } from "./turn.ts";

type Word = MessageOf<"ApproveEffect"> | MessageOf<"DenyEffect">;

/** Why a person's word has no effect: nothing waits for it, or it was said of something else. */
function wordProblem(turn: Turn, command: Word, call: CallState | undefined): string | null {
  if (call === undefined) return "no such call";
  const { status, approval, argsHash } = call;
  if (status !== "held" || approval === null) return "the call does not wait for an approval";
  if (approval.requested !== command.requested) return `the request that waits is at offset ${approval.requested}`;
  if (argsHash !== command.argsHash) return `the arguments that wait have the digest ${argsHash}`;
  // A no still counts after a yes, while nothing has begun.
  if (approval.granted !== "" && command.type === "ApproveEffect") return "the call is approved already";
  const isOver = turn.env.atMs >= approval.expiresAtMs;
  return isOver ? "its time is over" : null;
}

/** A person's word on a call that waits; it stands on the log with who signed it. */
export function decideWord(turn: Turn, command: Word, principal: string, causationId: string): void {
  const { callId, requested, argsHash, reason, meta } = command;
  const chain = own(turn.state.chains, meta.chainId);
  const call = chain === undefined ? undefined : own(chain.calls, callId);
  const problem = wordProblem(turn, command, call);
  if (chain === undefined || call === undefined || problem !== null) {
    const why = chain === undefined ? "no such chain" : (problem ?? "no such call");
    const rejection = { code: "BUSBAR_NOT_FOUND", reason: why, commandType: command.type, topic: "", offset: "" };
    emit(turn, "CommandRejected", { chainId: meta.chainId, causationId }, { ...rejection, callId });
    return;
  }
  const body = { callId, tool: call.name, requested, argsHash, by: principal, reason };
  if (command.type === "ApproveEffect") {
    emit(turn, "ApprovalGranted", { chain, causationId }, body);
    return tryApproved(turn, meta.chainId, callId);
  }
  const denied = emit(turn, "ApprovalDenied", { chain, causationId }, body);
  const said = reason === "" ? principal : `${principal}: ${reason}`;
  refuseHeld(turn, meta.chainId, callId, { code: "BUSBAR_APPROVAL_DENIED", reason: said, evidence: [denied] });
}

/** Approved: admitted, or refused by what stands against it now; what only puts it off leaves it due. */
function tryApproved(turn: Turn, chainId: string, callId: string): void {
  const verdict = admitApproved(turn, chainId, callId);
  if (verdict.kind === "refuse") refuseHeld(turn, chainId, callId, verdict);
}

/** The time of a held call has come: to be tried again where it is approved, else to be denied. */
export function heldDue(turn: Turn, chain: ChainState, callId: string, { approval }: CallState): void {
  if (approval === null) return;
  const { granted, expiresAtMs } = approval;
  if (turn.env.atMs < expiresAtMs) return granted === "" ? undefined : tryApproved(turn, chain.chainId, callId);
  const reason = granted === "" ? "nobody decided in time" : "it was approved and could not begin in time";
  expire(turn, chain.chainId, callId, reason);
}

/** A chain ends with nothing that still waits for a person. */
export function giveUpHeld(turn: Turn, chain: ChainState, reason: string): void {
  for (const [callId, { status }] of Object.entries(chain.calls)) {
    if (status === "held") expire(turn, chain.chainId, callId, reason);
  }
}

function expire(turn: Turn, chainId: string, callId: string, reason: string): void {
  const chain = chainOf(turn, chainId);
  const call = chain?.calls[callId];
  if (chain === undefined || call === undefined || call.approval === null) return;
  const { requested, expiresAtMs: dueAtMs } = call.approval;
  const expired = emit(turn, "ApprovalExpired", { chain }, { callId, tool: call.name, requested, dueAtMs, reason });
  refuseHeld(turn, chainId, callId, { code: "BUSBAR_APPROVAL_EXPIRED", reason, evidence: [expired] });
}

/** The end of a held call that was not admitted; who waited for its effect is told. */
function refuseHeld(
  turn: Turn,
  chainId: string,
  callId: string,
  why: { readonly code: ErrorCode; readonly reason: string; readonly evidence: readonly string[] },
): void {
  const chain = chainOf(turn, chainId);
  const call = chain?.calls[callId];
  if (chain === undefined || call?.status !== "held") return;
  const { step, name: tool, args, argsHash, effectKey, aside } = call;
  const claimCheck: ClaimCheck | null = aside;
  const body = { callId, step, tool, args, argsHash, effectKey, rule: call.approval?.rule ?? "", ruleVersion: 1 };
  emit(turn, "EffectRefused", { chain, claimCheck }, { ...body, ...why });
  answerWaiting(turn, chainId, effectKey);
}
