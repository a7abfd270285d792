/** Time at the door: due timers only generate records, at a bounded rate; they are derived from the state, so a new
 * owner has the same ones (PROTOCOL 9). */
import type { ChainState } from "../partition-state.ts";
import { settleDue } from "./settle.ts";
import { emit, type Turn } from "./turn.ts";

/** Timers fired in one turn; the rest comes with the next tick. */
export const TIMERS_PER_TURN = 64;

export function decideTick(turn: Turn): void {
  let fired = 0;
  for (const chain of Object.values(turn.state.chains)) {
    if (fired >= TIMERS_PER_TURN) return;
    fired += deadline(turn, chain) + settlements(turn, chain);
  }
}

function deadline(turn: Turn, chain: ChainState): number {
  const { deadlineAtMs } = chain;
  if (deadlineAtMs === 0 || turn.env.atMs < deadlineAtMs) return 0;
  // An effect that is still open decides first: a chain never ends with an unknown behind it.
  if (Object.values(chain.calls).some((call) => call.kind === "tool" && call.status !== "answered")) return 0;
  if (chain.halted !== null) return 0;
  emit(turn, "TimerFired", { chain }, { timer: `deadline:${chain.chainId}`, dueAtMs: deadlineAtMs });
  const reason = `the deadline ${deadlineAtMs} has passed`;
  emit(turn, "TaskFailed", { chain }, { code: "BUSBAR_DEADLINE_PASSED", reason });
  return 1;
}

function settlements(turn: Turn, chain: ChainState): number {
  if (turn.state.door !== "open" || chain.halted !== null) return 0;
  let fired = 0;
  for (const [callId, call] of Object.entries(chain.calls)) {
    if (call.status !== "in-doubt" || call.settleAtMs === 0 || call.settleAtMs > turn.env.atMs) continue;
    settleDue(turn, turn.state.chains[chain.chainId] ?? chain, callId, call);
    fired += 1;
  }
  return fired;
}
