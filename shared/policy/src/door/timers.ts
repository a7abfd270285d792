/** Time at the door: due timers only generate records, at a bounded rate; they are derived from the state, so a new
 * owner has the same ones (PROTOCOL 9). */
import type { ErrorCode } from "@busbar/kernel";
import { isEnding } from "../deployments.ts";
import type { CallState, ChainState, PartitionState } from "../partition-state.ts";
import { assignDeployed } from "./assign.ts";
import { giveUpHeld, heldDue } from "./approvals.ts";
import { giveUpDelayed, retryDue } from "./attempts.ts";
import { resumeChains } from "./directives.ts";
import { advanceRollback } from "./rollback.ts";
import { settleDue } from "./settle.ts";
import { attempt, chainOf, emit, type Turn } from "./turn.ts";

/** Chains whose timers make records in one turn; the rest comes with the next tick. */
export const TIMERS_PER_TURN = 64;

/**
 * An owner that has written nothing for so long, while a deadline runs, says that it lives, ms. What a claim ends is
 * then no longer than this and the time without an owner: deadlines move by no more (PROTOCOL 9).
 */
export const ALIVE_EVERY_MS = 10_000;

/** True when silence would be taken for time without an owner. */
export function isAliveDue(state: PartitionState, nowMs: number): boolean {
  if (nowMs - state.atMs < ALIVE_EVERY_MS || state.claim === null) return false;
  return Object.values(state.chains).some((chain) => chain.deadlineAtMs > 0);
}

/** What has no room in this append comes with the next tick. */
export function decideTick(turn: Turn): void {
  if (isAliveDue(turn.state, turn.env.atMs)) {
    emit(turn, "TimerFired", {}, { timer: "owner-lives", dueAtMs: turn.state.atMs + ALIVE_EVERY_MS, callId: "" });
  }
  resumeChains(turn);
  assignDeployed(turn);
  let fired = 0;
  for (const chain of Object.values(turn.state.chains)) {
    if (fired >= TIMERS_PER_TURN) return;
    const before = turn.emitted.length;
    const hasRoom =
      attempt(turn, [chain.chainId], () => end(turn, chain)) &&
      dueCalls(turn, chain) &&
      attempt(turn, [chain.chainId], () => advanceRollback(turn, chain.chainId));
    if (!hasRoom && turn.emitted.length > 0) return;
    // What cannot be done now (a frozen tool, an open breaker) takes no place from what can.
    if (turn.emitted.length > before) fired += 1;
  }
}

/** Why a chain is over though its agent has not said so; null while it goes on. */
function endOf(turn: Turn, chain: ChainState): { readonly code: ErrorCode; readonly reason: string } | null {
  const { deadlineAtMs, agent, version } = chain;
  if (isEnding(turn.state.deployments, chain)) {
    const what = version === "" ? agent : `version ${version} of ${agent}`;
    return { code: "BUSBAR_AGENT_UNDEPLOYED", reason: `${what} was undeployed by force` };
  }
  if (deadlineAtMs === 0 || turn.env.atMs < deadlineAtMs) return null;
  return { code: "BUSBAR_DEADLINE_PASSED", reason: `the deadline ${deadlineAtMs} has passed` };
}

function end(turn: Turn, chain: ChainState): void {
  const over = chain.halted === null ? endOf(turn, chain) : null;
  if (over === null) return;
  giveUpDelayed(turn, chain, over.reason);
  giveUpHeld(turn, chain, over.reason);
  const now = chainOf(turn, chain.chainId);
  if (now === undefined || now.halted !== null) return;
  // An effect that is still open decides first: a chain never ends with an unknown behind it.
  if (Object.values(now.calls).some((call) => call.kind === "tool" && call.status !== "answered")) return;
  if (over.code === "BUSBAR_DEADLINE_PASSED") {
    emit(
      turn,
      "TimerFired",
      { chain },
      { timer: `deadline:${chain.chainId}`, dueAtMs: chain.deadlineAtMs, callId: "" },
    );
  }
  emit(turn, "TaskFailed", { chain }, over);
}

/** Timers of one chain that fire in one turn. */
export const TIMERS_PER_CHAIN = 16;

/**
 * Whether the time of a call has come: of a handler's timer whatever the door's state, since it changes nothing, and of
 * a held call to be denied, in a halted chain as well; of what is in doubt, delayed or approved while the door is open.
 */
export function isDueCall(call: CallState, { door }: Pick<PartitionState, "door">, chain: ChainState, nowMs: number) {
  const { kind, status, dueAtMs, approval } = call;
  if (dueAtMs === 0 || dueAtMs > nowMs) return false;
  if (status === "held") return door === "open" || (approval?.expiresAtMs ?? 0) <= nowMs;
  if (chain.halted !== null) return false;
  if (kind === "timer") return status === "open";
  return door === "open" && (status === "in-doubt" || status === "delayed");
}

/** What is in doubt and may be settled, what is delayed and may be tried again, timers. False: no room for one of them. */
function dueCalls(turn: Turn, chain: ChainState): boolean {
  let timers = 0;
  for (const [callId, call] of Object.entries(chain.calls)) {
    if (!isDueCall(call, turn.state, chain, turn.env.atMs)) continue;
    if (call.kind === "timer" && (timers += 1) > TIMERS_PER_CHAIN) continue;
    if (!attempt(turn, [chain.chainId], () => dueCall(turn, chain.chainId, callId))) return false;
  }
  return true;
}

function dueCall(turn: Turn, chainId: string, callId: string): void {
  const chain = chainOf(turn, chainId);
  const call = chain?.calls[callId];
  if (chain === undefined || call === undefined) return;
  if (call.status === "held") return heldDue(turn, chain, callId, call);
  if (chain.halted !== null) return;
  if (call.kind === "timer") return fireTimer(turn, chain, callId, call);
  if (call.status === "in-doubt") settleDue(turn, chain, callId, call);
  if (call.status === "delayed") retryDue(turn, chain, callId, call);
}

function fireTimer(turn: Turn, chain: ChainState, callId: string, { dueAtMs }: CallState): void {
  emit(turn, "TimerFired", { chain }, { timer: callId, dueAtMs, callId });
}
