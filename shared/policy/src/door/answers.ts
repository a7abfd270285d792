/**
 * The answer of a task, judged before it is emitted: what its agent's checks require of it. An answer that does not hold
 * them completes nothing; that counts as an error of the chain, and the task fails with the reason, or is left to a person.
 */
import type { MessageOf } from "@busbar/events";
import { type Json, own, parseJson, sha256Hex } from "@busbar/kernel";
import {
  ANSWER_NAMES,
  checkScope,
  consequenceOf,
  hardest,
  ruleOf,
  type Shadow,
  shadowsOf,
  told,
  type Unheld,
  unheldChecks,
} from "../checks.ts";
import { type Grounds, groundsOf } from "../citations.ts";
import type { ChainState } from "../partition-state.ts";
import { RECONCILIATION_RULE } from "../reconcile.ts";
import { modeOf } from "../rules/index.ts";
import { degrade } from "./degrade.ts";
import { recordShadows } from "./judge.ts";
import { type About, chainOf, emit, type Turn } from "./turn.ts";

/** Why an answer is not emitted. */
export interface AnswerProblem {
  readonly rule: string;
  readonly reason: string;
  /** The chain is left to a person; else its task fails. */
  readonly isLeft: boolean;
}

function unheldIn({ state, env }: Turn, chain: ChainState, result: Json): readonly Unheld[] {
  const checks = own(state.policy?.agents ?? {}, chain.agent)?.answerChecks;
  if (checks === undefined) return [];
  const scope = checkScope(chain, Math.max(env.atMs, state.atMs), { result });
  return unheldChecks(checks, ANSWER_NAMES, scope);
}

/** What an answer rests on, and why it may not be emitted: what lost, what is over, what is nowhere. */
function groundsIn(turn: Turn, chain: ChainState, result: Json): Grounds & { readonly shadows: readonly Shadow[] } {
  const { state, env } = turn;
  const mode = modeOf(state.policy?.rules ?? {}, RECONCILIATION_RULE);
  const { grounded = [] } = own(state.policy?.agents ?? {}, chain.agent) ?? {};
  const { cites, problem } = groundsOf(chain, result, mode === "off" ? [] : grounded, Math.max(env.atMs, state.atMs));
  if (mode === "enforce" || problem === null) return { cites, problem, shadows: [] };
  const shadow = { rule: RECONCILIATION_RULE, would: "refuse", reason: problem, evidence: [] };
  return { cites, problem: null, shadows: mode === "shadow" ? [shadow] : [] };
}

/** An answer, judged. */
export interface JudgedAnswer {
  /** Null where nothing stands against it. */
  readonly problem: AnswerProblem | null;
  readonly cites: Grounds["cites"];
}

/** Judges an answer, and records what rules in shadow mode would have done. */
export function judgeAnswer(turn: Turn, chain: ChainState, output: string): JudgedAnswer {
  const result = parseJson(output) ?? null;
  const all = unheldIn(turn, chain, result);
  const { cites, problem, shadows } = groundsIn(turn, chain, result);
  recordShadows(turn, chain, [...shadowsOf(all), ...shadows]);
  const found = hardest(all);
  if (found !== null) {
    const isLeft = consequenceOf(found) === "degrade";
    return { problem: { rule: ruleOf(found), reason: told(found), isLeft }, cites };
  }
  return { problem: problem === null ? null : { rule: RECONCILIATION_RULE, reason: problem, isLeft: false }, cites };
}

/** Records that an answer is not emitted, and what comes of its task. */
export function refuseAnswer(
  turn: Turn,
  about: About,
  { step, output, meta }: MessageOf<"CompleteTask">,
  { rule, reason, isLeft }: AnswerProblem,
): void {
  const { chainId, agent } = meta;
  const code = "BUSBAR_ANSWER_REFUSED";
  const asked = { callId: `${chainId}:${step}`, step, tool: `answer:${agent}`, args: output };
  const why = { code, reason, rule, ruleVersion: 1, evidence: [] };
  const cited = emit(turn, "EffectRefused", about, { ...asked, argsHash: sha256Hex(output), effectKey: "", ...why });
  const chain = chainOf(turn, chainId);
  // The refusal was one error too many: it is left to a person already.
  if (chain === undefined || chain.halted !== null) return;
  if (isLeft) degrade(turn, chainId, { rule, reason, evidence: [cited] });
  else emit(turn, "TaskFailed", { chain }, { code, reason });
}
