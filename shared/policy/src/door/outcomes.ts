/** What calls came to, as events. An outcome of an admission that is no longer open is evidence, not state. */
import type { ClaimCheck } from "@busbar/events";
import { own } from "@busbar/kernel";
import { type Found, modelFailed, toolFailed, toolNotStarted, toolStale, toolThrottled } from "./attempts.ts";
import type { CallOutcome } from "./inputs.ts";
import { DEFAULT_LIMITS } from "../policy-document.ts";
import { RECONCILIATION_RULE } from "../reconcile.ts";
import { degrade } from "./degrade.ts";
import { recordShadows } from "./judge.ts";
import { lookedAt } from "./looks.ts";
import { advanceRollback } from "./rollback.ts";
import { answerWaiting, leaveToPerson, settle } from "./settle.ts";
import { verdictOutcome } from "./quorum-step.ts";
import { emit, type Turn } from "./turn.ts";

function find(turn: Turn, outcome: CallOutcome): Found | null {
  const chain = turn.state.chains[outcome.chainId];
  const call = chain?.calls[outcome.callId];
  if (chain === undefined || call === undefined) return null;
  return call.admitted === outcome.admitted ? { chain, call } : null;
}

function aside(outcome: CallOutcome, field: string): ClaimCheck | null {
  const { claimCheck = null } = outcome;
  return claimCheck === null ? null : { ...claimCheck, field };
}

/** What tools and models say of themselves goes into records in bounded length; results are bounded by the executor. */
const TEXT_CHARACTERS = 4096;

const shortened = (text: string): string =>
  text.length <= TEXT_CHARACTERS ? text : `${text.slice(0, TEXT_CHARACTERS)}… (${text.length} characters)`;

function bounded(outcome: CallOutcome): CallOutcome {
  if (outcome.kind === "checked") return { ...outcome, evidence: outcome.evidence.slice(0, 16).map(shortened) };
  return "reason" in outcome ? { ...outcome, reason: shortened(outcome.reason) } : outcome;
}

export function decideOutcome(turn: Turn, given: CallOutcome): void {
  decideOne(turn, given);
  advanceRollback(turn, given.chainId);
}

function decideOne(turn: Turn, given: CallOutcome): void {
  const outcome = bounded(given);
  if (outcome.kind === "verdict") return verdictOutcome(turn, outcome);
  const found = find(turn, outcome);
  if (found !== null) decideFound(turn, found, outcome);
}

function decideFound(turn: Turn, found: Found, outcome: Exclude<CallOutcome, { kind: "verdict" }>): void {
  if (isTold(found)) return outcome.kind === "read-back" ? lookedAt(turn, found, outcome) : undefined;
  if (outcome.kind === "evidence") return evidence(turn, found, outcome);
  if (found.call.status === "answered") return afterAnswer(turn, found, outcome);
  if (found.call.unresolved && isDenial(outcome)) return stillInDoubt(turn, found, outcome);
  // The attempt was decided already; only a whole answer of a model that comes after its time-out is still welcome.
  if (found.call.status === "delayed" && outcome.kind !== "model-completed") return;
  switch (outcome.kind) {
    case "model-completed":
    case "model-failed":
    case "model-throttled":
      return modelOutcome(turn, found, outcome);
    case "checked":
      return checkedOutcome(turn, found, outcome);
    case "read-back":
      return readBackOutcome(turn, found, outcome);
    default:
      return found.call.status === "in-doubt" ? lateOutcome(turn, found, outcome) : effectOutcome(turn, found, outcome);
  }
}

/** Its tool has reported it as done, and what is still to come is the look at it. */
const isTold = ({ call }: Found): boolean => call.status === "unverified" || call.status === "disputed";

type Denial = Extract<CallOutcome, { kind: "failed" | "throttled" | "abandoned" | "stale" | "evidence" }>;

const DENIALS: ReadonlySet<CallOutcome["kind"]> = new Set(["failed", "throttled", "abandoned", "stale"]);

/** It says of its own attempt that it came to nothing. */
function isDenial(outcome: CallOutcome): outcome is Denial {
  if (outcome.kind === "evidence") return !outcome.happened;
  return DENIALS.has(outcome.kind);
}

/** An earlier attempt may still arrive: what a later one says of itself is no proof about it (PROTOCOL 5.6). */
function stillInDoubt(turn: Turn, { chain, call }: Found, outcome: Denial): void {
  if (call.status !== "open") return;
  const { callId, admitted } = outcome;
  const { effectKey, name: tool, attempt } = call;
  const said = "reason" in outcome ? outcome.reason : "a void record tells it";
  const reason = `attempt ${attempt} came to nothing (${said}); an earlier one may still arrive`;
  const body = { callId, effectKey, tool, attempt, admitted, code: "BUSBAR_EFFECT_IN_DOUBT", reason };
  // A tool that names a time is not asked before it.
  const namedMs = outcome.kind === "throttled" ? turn.env.atMs + outcome.retryAfterMs : 0;
  const settleAtMs = Math.max(lookAgainAtMs(turn, attempt), namedMs);
  emit(turn, "EffectInDoubt", { chain }, { ...body, settleAtMs });
}

/** When what is in doubt is looked into: a tool that honours the key is fired again, ever more rarely. */
function lookAgainAtMs(turn: Turn, attempt: number): number {
  const margin = turn.state.policy?.limits.settleMarginMs ?? DEFAULT_LIMITS.settleMarginMs;
  return turn.env.atMs + Math.min(margin * 2 ** Math.min(attempt - 1, 16), Math.max(margin, LONGEST_DOUBT_MS));
}

type EffectOutcome = Extract<
  CallOutcome,
  { kind: "committed" | "invalid" | "failed" | "timeout" | "unknown" | "throttled" | "abandoned" | "stale" }
>;

function effectOutcome(turn: Turn, found: Found, outcome: EffectOutcome): void {
  const { chain, call } = found;
  const { callId, admitted, durationMs } = outcome;
  const { effectKey, name: tool, attempt } = call;
  const common = { callId, effectKey, tool, attempt, admitted };
  switch (outcome.kind) {
    case "committed":
      return committedOutcome(turn, found, outcome);
    case "invalid": {
      const { result, reason } = outcome;
      emit(
        turn,
        "EffectCommittedInvalid",
        { chain, claimCheck: aside(outcome, "result") },
        { ...common, result, reason, durationMs },
      );
      break;
    }
    case "failed":
      return toolFailed(turn, found, outcome);
    case "throttled":
      return toolThrottled(turn, found, outcome);
    case "stale":
      return toolStale(turn, found, outcome);
    case "timeout":
    case "unknown":
      return answerLost(turn, found, outcome);
    case "abandoned":
      return toolNotStarted(turn, found, outcome);
  }
  answerWaiting(turn, chain.chainId, effectKey);
}

function committedOutcome(
  turn: Turn,
  { chain, call }: Found,
  outcome: Extract<EffectOutcome, { kind: "committed" }>,
): void {
  const { callId, admitted, durationMs, result } = outcome;
  const { effectKey, name: tool, attempt } = call;
  const { readBack = "", version = "", claims = [], reconciled = [], shadows = [] } = outcome;
  const cited = emit(
    turn,
    "EffectCommitted",
    { chain, claimCheck: aside(outcome, "result") },
    { callId, effectKey, tool, attempt, admitted, result, durationMs, readBack, version, claims, reconciled },
  );
  recordShadows(turn, chain, shadows);
  const doubt = reconciled.find((one) => one.outcome === "unresolved");
  if (doubt !== undefined) {
    const reason = `${doubt.subject}: ${doubt.reason}`;
    degrade(turn, chain.chainId, { rule: RECONCILIATION_RULE, reason, evidence: [cited] });
  }
  answerWaiting(turn, chain.chainId, effectKey);
}

/** A read whose answer is late or lost failed; a mutation may have happened, or may still happen. */
function answerLost(
  turn: Turn,
  { chain, call }: Found,
  outcome: Extract<EffectOutcome, { kind: "timeout" | "unknown" }>,
): void {
  const { callId, admitted, durationMs, reason } = outcome;
  const { effectKey, name: tool, attempt } = call;
  const code = outcome.kind === "timeout" ? "BUSBAR_OUTCOME_LATE" : "BUSBAR_OUTCOME_UNKNOWN";
  const body = { callId, effectKey, tool, attempt, admitted, code, reason };
  if (call.effectClass === "read") {
    emit(turn, "EffectFailed", { chain }, { ...body, final: true, retryAtMs: 0, durationMs, freshness: "" });
    return;
  }
  emit(turn, "EffectInDoubt", { chain }, { ...body, settleAtMs: lookAgainAtMs(turn, attempt) });
}

/** Longest wait before what is in doubt is looked into, ms. */
const LONGEST_DOUBT_MS = 60_000;

/** The process that ran the call is still here and tells late what came of it. */
function lateOutcome(turn: Turn, { chain }: Found, outcome: EffectOutcome): void {
  const { callId } = outcome;
  const common = { by: "late-outcome", evidenceOffset: outcome.admitted };
  if (outcome.kind === "committed" || outcome.kind === "invalid") {
    const { readBack = "", claims = [] } = outcome.kind === "committed" ? outcome : {};
    const settlement = { ...common, result: outcome.result, readBack, claims, reason: "the tool answered late" };
    settle(turn, chain, callId, { ...settlement, outcome: "committed" }, aside(outcome, "result"));
  } else if (provesNothingDone(outcome)) {
    settle(turn, chain, callId, { ...common, outcome: "not-done", result: "", reason: outcome.reason });
  }
}

/** After a time-out only these say that nothing happened; any other late failure proves nothing. */
function provesNothingDone(
  outcome: EffectOutcome,
): outcome is Exclude<EffectOutcome, { kind: "committed" | "invalid" }> {
  if (outcome.kind === "failed") return outcome.beforeEffect;
  return outcome.kind === "abandoned" || outcome.kind === "throttled" || outcome.kind === "stale";
}

/**
 * What a former owner wrote too late to count. It settles a doubt; against an earlier settlement it is a contradiction,
 * and a chain that rests on one of two truths stops (PROTOCOL 2.5).
 */
function evidence(turn: Turn, { chain, call }: Found, outcome: Extract<CallOutcome, { kind: "evidence" }>): void {
  const { callId, evidenceOffset, result } = outcome;
  if (call.status !== "answered") {
    const reason = `a void record of the former owner tells it`;
    const said = outcome.happened ? "committed" : "not-done";
    return settle(turn, chain, callId, { outcome: said, by: "evidence", evidenceOffset, result, reason });
  }
  if (outcome.happened) contradict(turn, { chain, call }, evidenceOffset, "a void record tells that it happened");
}

/** The process that ran the call tells, after somebody settled it as not done, that it happened. */
function afterAnswer(turn: Turn, found: Found, outcome: CallOutcome): void {
  if (outcome.kind !== "committed" && outcome.kind !== "invalid") return;
  contradict(turn, found, outcome.admitted, "the tool answered later that it happened");
}

function contradict(turn: Turn, { chain, call }: Found, evidenceOffset: string, told: string): void {
  const { effectKey, step } = call;
  if (own(chain.ledger, effectKey)?.status !== "failed") return;
  const callId = `${chain.chainId}:${step}`;
  const reason = `it was settled as not done, and ${told}`;
  const body = { callId, effectKey, settledOffset: call.answered, evidenceOffset, reason };
  const cited = emit(turn, "EffectContradicted", { chain }, body);
  if (chain.halted !== null) return;
  const halt = { rule: "contradicted", ruleVersion: 1, reason, evidence: [cited], directive: "" };
  emit(turn, "ChainHalted", { chain }, halt);
}

function readBackOutcome(
  turn: Turn,
  { chain, call }: Found,
  outcome: Extract<CallOutcome, { kind: "read-back" }>,
): void {
  if (call.status !== "in-doubt") return;
  const { callId, result, reason } = outcome;
  if (outcome.shown) {
    settle(turn, chain, callId, {
      outcome: "committed",
      by: "read-back",
      evidenceOffset: call.admitted,
      result,
      reason,
    });
    return;
  }
  // Nothing to be seen is no proof: the bytes of a frozen sender may still arrive.
  leaveToPerson(turn, chain, callId, `the read-back does not show it: ${reason}`);
}

type ModelOutcome = Extract<CallOutcome, { kind: "model-completed" | "model-failed" | "model-throttled" }>;

function modelOutcome(turn: Turn, found: Found, outcome: ModelOutcome): void {
  const { chain, call } = found;
  if (outcome.kind !== "model-completed") return modelFailed(turn, found, outcome);
  const { callId, admitted, durationMs, response, inputTokens, outputTokens } = outcome;
  const { estimated, finishReason, problems } = outcome;
  const told = { response, inputTokens, outputTokens, estimated, finishReason, problems };
  const body = { callId, model: call.name, attempt: call.attempt, admitted, ...told, durationMs };
  emit(turn, "ModelCallCompleted", { chain, claimCheck: aside(outcome, "response") }, body);
}

function checkedOutcome(turn: Turn, { chain, call }: Found, outcome: Extract<CallOutcome, { kind: "checked" }>): void {
  const { callId, fact, source, agrees, evidence } = outcome;
  const body = { callId, subject: call.name, statement: call.args, fact, source, agrees, evidence };
  emit(turn, "StatementChecked", { chain }, body);
}
