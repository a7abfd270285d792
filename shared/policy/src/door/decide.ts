/** One input of the door, decided. The order of inputs is the caller's; control comes first only among undecided ones. */
import { busbarError, unreachable } from "@busbar/kernel";
import { DEFAULT_LIMITS, DEFAULT_TOOL, type Policy } from "../policy-document.ts";
import { reassign } from "./assign.ts";
import { decideCommand, decideUndecodable, rejectTooLarge } from "./commands.ts";
import { decideDirectives } from "./directives.ts";
import type { InheritedCall, Input } from "./inputs.ts";
import { decideOutcome } from "./outcomes.ts";
import { RELEASED } from "../replay/replay.ts";
import { decideTick } from "./timers.ts";
import { capsOver } from "../slots/caps.ts";
import { attempt, emit, type Turn } from "./turn.ts";

function advance(turn: Turn, input: { readonly source: "commands" | "control"; readonly offset: bigint }): void {
  turn.progress = { ...turn.progress, [input.source]: (input.offset + 1n).toString() };
}

/**
 * Decides an input, or as much of it as this append takes; the rest is to be decided first in the next turn, before
 * anything else. Null: nothing is left. Where there is a rest, something was emitted (PROTOCOL 1.2).
 */
export function decide(turn: Turn, input: Input): Input | null {
  switch (input.kind) {
    case "directives":
      return decideDirectives(turn, input);
    case "inherit":
      return inherit(turn, input.calls);
    case "tick":
      decideTick(turn);
      return null;
    default:
      return decideWhole(turn, input);
  }
}

type WholeInput = Exclude<Input, { kind: "directives" | "inherit" | "tick" }>;

/** The records of one command are in one append: there is room for all of them, or it waits for the next one. */
function decideWhole(turn: Turn, input: WholeInput): Input | null {
  if (attempt(turn, chainsOf(input), () => decideOne(turn, input))) return null;
  if (turn.emitted.length > 0) return input;
  // Alone it fills more than an append: its author is told, and its position is passed.
  if (input.kind !== "command") throw busbarError("BUSBAR_APPEND_REFUSED", { what: `the ${input.kind}` });
  advance(turn, input);
  rejectTooLarge(turn, input);
  return null;
}

function chainsOf(input: WholeInput): readonly string[] {
  switch (input.kind) {
    case "command":
      return [input.command.meta.chainId];
    case "outcome":
      return [input.outcome.chainId];
    case "reassign":
      return [input.chainId];
    default:
      return [];
  }
}

function decideOne(turn: Turn, input: WholeInput): void {
  switch (input.kind) {
    case "command":
      advance(turn, input);
      return decideCommand(turn, input);
    case "undecodable":
      advance(turn, input);
      return decideUndecodable(turn, input);
    case "gap":
      return decideGap(turn, input);
    case "outcome":
      return decideOutcome(turn, input.outcome);
    case "open":
      return decideOpen(turn, input.opening);
    case "degrade":
      // Only an open door degrades: a closed one admits nothing, so reading is no step back for it.
      if (turn.state.door === "open") emit(turn, "DoorDegraded", {}, { reason: input.reason });
      return;
    case "reassign":
      return reassign(turn, input.chainId, input.reason);
    case "release":
      emit(turn, "PartitionReleased", {}, { owner: input.owner, reason: input.reason });
      return;
    default:
      return unreachable(input);
  }
}

function decideGap(turn: Turn, input: Extract<Input, { kind: "gap" }>): void {
  turn.progress = { ...turn.progress, [input.source]: input.found.toString() };
  const { topic, expected, found } = input;
  emit(turn, "LogGap", {}, { topic, expected: expected.toString(), found: found.toString() });
}

/** The door opens only when everything that the heartbeat knows of is applied (PROTOCOL 6.3). */
function decideOpen(turn: Turn, opening: Extract<Input, { kind: "open" }>["opening"]): void {
  const { state } = turn;
  if (state.door === "open" || state.claim === null || state.policy === null) return;
  // A loser that still ticks must not open what it has given away.
  if (state.doorReason === RELEASED) return;
  if (BigInt(state.through) < BigInt(opening.directivesEnd)) return;
  if (BigInt(opening.eventsThrough) <= BigInt(state.claim.offset)) return;
  emit(turn, "DoorOpened", {}, { tools: [], ...opening, through: state.through });
}

/** How long a former owner's attempt may still be on its way: fire bound, time-out and margin, ms. */
function doubtMs(policy: Policy | null, name: string): number {
  const { fireBoundMs, timeoutMs } = policy?.tools[name] ?? DEFAULT_TOOL;
  return fireBoundMs + timeoutMs + (policy?.limits ?? DEFAULT_LIMITS).settleMarginMs;
}

/**
 * Open admissions of a former owner are in doubt: its bytes may still be on their way. They wait fire bound, time-out
 * and margin from this owner's claim, then settle (PROTOCOL 5.6).
 */
function inherit(turn: Turn, calls: Extract<Input, { kind: "inherit" }>["calls"]): Input | null {
  for (const [index, call] of calls.entries()) {
    if (!attempt(turn, [call.chainId], () => doubt(turn, call))) return { kind: "inherit", calls: calls.slice(index) };
  }
  return null;
}

function doubt(turn: Turn, { chainId, callId }: InheritedCall): void {
  const chain = turn.state.chains[chainId];
  const call = chain?.calls[callId];
  if (chain === undefined || call === undefined || call.status !== "open" || call.kind !== "tool") return;
  const { policy } = turn.state;
  // A read may be asked again at once, but not beside the former owner's where a cap counts them.
  const isCounted =
    capsOver(policy?.caps, { agent: chain.agent, kind: "tool", name: call.name, effect: call.effectClass }).length > 0;
  const waitMs = call.effectClass === "read" && !isCounted ? 0 : doubtMs(policy, call.name);
  const { effectKey, name: tool, attempt: of, admitted } = call;
  const settleAtMs = turn.env.atMs + waitMs;
  const body = { callId, effectKey, tool, attempt: of, admitted, settleAtMs };
  emit(turn, "EffectInDoubt", { chain }, { ...body, code: "BUSBAR_EFFECT_IN_DOUBT", reason: "its owner is gone" });
}
