/** Verdicts at the door (quorum/quorum.ts): asks the judges of a high-stakes call, and decides by what they say. */
import { canonicalJson, type Json, own, sha256Hex } from "@busbar/kernel";
import { ARGUMENT_NAMES, checkScope } from "../checks.ts";
import { unheld, WORK_MOST } from "../cel.ts";
import type { ChainState } from "../partition-state.ts";
import type { ToolPolicy } from "../policy-document.ts";
import { isHighStakes, type QuorumPolicy, REASON_CHARACTERS, standingOf, type Verdicts } from "../quorum/quorum.ts";
import type { Deferral } from "./deferral.ts";
import type { Hold } from "./holds.ts";
import type { CallOutcome } from "./inputs.ts";
import type { Refusal } from "./judge.ts";
import { type About, chainOf, emit, type Turn } from "./turn.ts";

export const QUORUM_RULE = "quorum";
const RETRY_MS = 25;
const RETRY_LONGEST_MS = 1000;

interface Asked {
  readonly about: About;
  readonly chain: ChainState;
  readonly callId: string;
  readonly step: number;
  readonly tool: string;
  readonly args: Json;
  /** The arguments as records hold them; empty where they stand aside: no judge sees those. */
  readonly recorded: string;
}

/** Null where nothing stands against the call: it is not high-stakes, or enough judges agree. */
export function quorumAgainst(
  turn: Turn,
  asked: Asked,
  row: ToolPolicy,
): (Deferral & { readonly kind: "defer" }) | Hold | Refusal | null {
  const quorum = turn.state.policy?.quorum;
  if (quorum === undefined || !isHighStakes(quorum, asked.tool, row, asked.args)) return null;
  const verdicts = verdictsOf(turn, asked, quorum);
  if (verdicts === undefined) return later(0);
  const standing = standingOf(verdicts, quorum.agree);
  if (standing.kind === "agreed") return null;
  if (standing.kind === "open") return later(turn.env.atMs - verdicts.sinceMs);
  const because = { rule: QUORUM_RULE, reason: standing.reason, evidence: standing.evidence };
  if (quorum.otherwise === "hold") return { kind: "hold", ...because };
  return { kind: "refuse", code: "BUSBAR_VERDICTS_AGAINST", ...because };
}

/** What was said of the call so far; its judges are asked where they were not, or others were, or of other arguments. */
function verdictsOf(turn: Turn, asked: Asked, quorum: QuorumPolicy): Verdicts | undefined {
  const { chain, callId } = asked;
  const argsHash = sha256Hex(canonicalJson(asked.args));
  const before = own(chain.verdicts, callId);
  const judges = quorum.judges.map(({ name }) => name).join();
  if (before?.argsHash === argsHash && before.judges.join() === judges) return before;
  request(turn, asked, quorum, argsHash);
  return own(chainOf(turn, chain.chainId)?.verdicts ?? {}, callId);
}

const later = (waitedMs: number): Deferral & { readonly kind: "defer" } => ({
  kind: "defer",
  code: "BUSBAR_VERDICTS_DUE",
  retryAfterMs: Math.min(Math.max(waitedMs, RETRY_MS), RETRY_LONGEST_MS),
});

function request(turn: Turn, asked: Asked, quorum: QuorumPolicy, argsHash: string): void {
  const { about, callId, step, tool, recorded } = asked;
  const judges = quorum.judges.map(({ name }) => name);
  emit(turn, "VerdictsRequested", about, { callId, step, tool, args: recorded, argsHash, judges });
  const scope = checkScope(asked.chain, Math.max(turn.env.atMs, turn.state.atMs), { args: asked.args });
  for (const judge of quorum.judges) {
    if (judge.kind !== "rule") continue;
    const against = unheld(judge.require, ARGUMENT_NAMES, scope, WORK_MOST);
    give(turn, about, callId, { judge: judge.name, agrees: against === null, reason: against ?? "it holds" });
  }
}

interface Given {
  readonly judge: string;
  readonly agrees: boolean;
  readonly reason: string;
}

function give(turn: Turn, about: About, callId: string, { judge, agrees, reason }: Given): void {
  emit(turn, "VerdictGiven", about, { callId, judge, agrees, reason: reason.slice(0, REASON_CHARACTERS) });
}

/** What a judge of the gateway said; nothing where nobody waits for it any more. */
export function verdictOutcome(turn: Turn, outcome: Extract<CallOutcome, { kind: "verdict" }>): void {
  const chain = chainOf(turn, outcome.chainId);
  const verdicts = own(chain?.verdicts ?? {}, outcome.callId);
  if (chain === undefined || verdicts === undefined || verdicts.requested !== outcome.admitted) return;
  if (!verdicts.judges.includes(outcome.judge) || own(verdicts.given, outcome.judge) !== undefined) return;
  give(turn, { chain }, outcome.callId, outcome);
}
