/**
 * Directives at the door (PROTOCOL 6.2): applied by a record, which for a halt is its acknowledgement. It takes back
 * what this turn admitted and the halt covers, and names in flight only what was started or inherited open.
 */
import { type AppliedDirective, covers, type InFlight } from "@busbar/events";
import type { ChainState } from "../partition-state.ts";
import { isSettledTrip } from "../replay/directives.ts";
import { scopeCoversChain } from "../replay/replay.ts";
import { reassign } from "./commands.ts";
import { abandonUnstarted, emit, type Turn } from "./turn.ts";

/** Directives in one record; more become further records of the same append. */
export const DIRECTIVES_PER_RECORD = 32;

const isHalt = (applied: AppliedDirective): boolean => applied.kind === "Halt";

export function decideDirectives(turn: Turn, applied: readonly AppliedDirective[], through: string): void {
  const fresh = applied.filter((directive) => BigInt(directive.offset) >= BigInt(turn.state.through));
  if (BigInt(through) <= BigInt(turn.state.through)) return;
  if (fresh.length === 0) {
    emit(turn, "DirectivesApplied", {}, { through, applied: [] });
  }
  for (let start = 0; start < fresh.length; start += DIRECTIVES_PER_RECORD) {
    const chunk = fresh.slice(start, start + DIRECTIVES_PER_RECORD);
    const last = chunk.at(-1);
    const isLastChunk = start + DIRECTIVES_PER_RECORD >= fresh.length;
    const reached = isLastChunk || last === undefined ? through : (BigInt(last.offset) + 1n).toString();
    applyChunk(turn, chunk, reached);
  }
  resumeChains(turn);
}

function applyChunk(turn: Turn, chunk: readonly AppliedDirective[], through: string): void {
  if (!chunk.some(isHalt)) {
    emit(turn, "DirectivesApplied", {}, { through, applied: chunk });
    return;
  }
  const halts = chunk.filter((directive) => isHalt(directive) && !isSettledTrip(turn.state, directive));
  const isCovered = (chainId: string, tool: string): boolean => {
    const chain = turn.state.chains[chainId];
    return chain !== undefined && halts.some((halt) => coversCall(halt.scope, chain, tool));
  };
  const abandoned = abandonUnstarted(turn, isCovered, "a halt came before the effect was started");
  const inFlight = openEffects(turn, isCovered);
  emit(turn, "HaltAcknowledged", {}, { through, applied: chunk, abandoned, inFlight });
}

function coversCall(scope: string, chain: ChainState, tool: string): boolean {
  return covers(scope, { agent: chain.agent, tool, lineage: chain.lineage });
}

function openEffects(turn: Turn, isCovered: (chainId: string, tool: string) => boolean): readonly InFlight[] {
  const inFlight: InFlight[] = [];
  for (const chain of Object.values(turn.state.chains)) {
    for (const [callId, call] of Object.entries(chain.calls)) {
      if (call.kind !== "tool" || (call.status !== "open" && call.status !== "in-doubt")) continue;
      if (!isCovered(chain.chainId, call.name)) continue;
      inFlight.push({ chainId: chain.chainId, callId, effectKey: call.effectKey, tool: call.name, state: call.status });
    }
  }
  return inFlight;
}

/** Chains that a resume set free run again, from their journal, as a new incarnation. */
function resumeChains(turn: Turn): void {
  for (const { chainId } of Object.values(turn.state.chains).filter(({ freed }) => freed)) {
    const chain = turn.state.chains[chainId];
    if (chain === undefined) continue;
    const stillCovered = Object.entries(turn.state.fences).find(([scope]) => scopeCoversChain(scope, chain));
    if (stillCovered !== undefined) {
      const [, fence] = stillCovered;
      const body = { rule: "halt", ruleVersion: 1, reason: fence.reason, evidence: [], directive: fence.fence };
      emit(turn, "ChainHalted", { chain }, body);
      continue;
    }
    emit(
      turn,
      "ChainResumed",
      { chain },
      { directive: turn.state.through, reason: "the halt was lifted", by: "operator" },
    );
    reassign(turn, chainId, "the halt was lifted");
  }
}
