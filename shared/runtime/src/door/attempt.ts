/** One attempt of a call: what a tool, a model or an authority is asked, and what its answer means as an outcome. */
import { type History, type MessageOf, readRequest, wholeRequest } from "@busbar/events";
import { canonicalJson, isBusbarError, type Json, own, parseJson, reasonOf } from "@busbar/kernel";
import {
  ANSWER_NAMES,
  atPath,
  checkScope,
  isShadow,
  type CallOutcome,
  claimsOf,
  type ClaimCheckRef,
  lookAfter,
  modeOf,
  type Known,
  parseExpected,
  type Policy,
  RECONCILIATION_RULE,
  RESULT_NAMES,
  type ResultCheck,
  ruleOf,
  type Shadow,
  told,
  toldReconciled,
  unheldChecks,
  versionOf,
} from "@busbar/policy";
import type { Clock, ModelAnswer, Timers, ToolAnswer, Toolbox } from "../ports.ts";
import { type ReadFor, type Reconciled, reconciledClaims } from "./authority.ts";
import { shortened } from "./look.ts";

/** Distributes over the union, unlike the built-in Omit. */
type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
/** An outcome without the call that it belongs to. */
export type Result = Without<CallOutcome, "chainId" | "callId" | "admitted" | "durationMs">;

/** What one attempt needs. */
export interface AttemptPorts {
  readonly toolbox: Toolbox;
  readonly clock: Clock;
  readonly timers: Pick<Timers, "after">;
  /** JSON Schema check: null, or what is wrong. */
  check(schema: Json, value: Json): string | null;
  /** Puts a text that is too large for a record aside; where it is then. */
  claimCheck(text: string): Promise<ClaimCheckRef>;
  /** The policy in force, and what a chain knows by its records; for checks of results. */
  policy(): Policy | null;
  known(chainId: string): Known;
  /** The messages that a model call refers to (PROTOCOL 5.8). Rejects with BUSBAR_MESSAGES_UNKNOWN. */
  messagesOf(chainId: string, history: History): Promise<readonly Json[]>;
  observe(kind: "tool" | "model", name: string, outcome: string, durationMs: number): void;
}

/** Results longer than this are put aside (bytes of JSON text). */
export const RESULT_LIMIT = 262_144;

export async function runTool(
  options: AttemptPorts,
  event: MessageOf<"EffectAdmitted">,
  policy: Policy,
  signal: AbortSignal,
): Promise<Result> {
  const { tool, effectKey: key, attempt, callId, meta } = event;
  const args = parseJson(event.args) ?? null;
  const ids = { callId, chainId: meta.chainId, agent: meta.agent };
  const expected = parseExpected(event.expects);
  const answer = await options.toolbox.runTool({
    tool,
    args,
    key,
    attempt,
    atMs: meta.atMs,
    ...ids,
    signal,
    ...(expected === null ? {} : { expected: { subject: expected.subject, version: expected.version } }),
  });
  if (answer.kind === "failed") {
    const code = answer.beforeEffect ? "BUSBAR_EFFECT_NOT_STARTED" : "BUSBAR_TOOL_FAILED";
    return { kind: "failed", code, reason: answer.reason, beforeEffect: answer.beforeEffect };
  }
  if (answer.kind === "unknown" || answer.kind === "throttled") return answer;
  if (answer.kind === "stale") return { ...answer, now: shortened(canonicalJson(answer.now)) };
  return doneOf(options, answer, policy, { args, tool, callId, chainId: meta.chainId, signal });
}

/** It happened: whether its result is what the tool promises, and what there is to look at. */
async function doneOf(
  options: AttemptPorts,
  answer: Extract<ToolAnswer, { kind: "result" | "invalid" }>,
  policy: Policy,
  call: DoneCall,
): Promise<Result> {
  const { args, chainId } = call;
  const tool = own(policy.tools, call.tool);
  const schema = tool?.result ?? null;
  const wrong = schema === null ? null : options.check(schema, answer.result);
  const checked = unheldIn(options, tool, { args, chainId, result: answer.result });
  const problem = answer.kind === "invalid" ? answer.reason : (wrong ?? checked.reason);
  const { text: result, claimCheck } = await bounded(options, canonicalJson(answer.result));
  if (problem !== null) return { kind: "invalid", result, reason: problem, claimCheck };
  const declared = tool?.readBack ?? null;
  const readBack = declared === null ? "" : lookAfter(declared, args, answer.result);
  const version = versionOf(tool, args, answer.result);
  const { claims, reconciled, shadows } = await comparedClaims(options, policy, call, answer.result);
  const seen = { claims, reconciled, shadows: [...checked.shadows, ...shadows] };
  return { kind: "committed", result, claimCheck, readBack, version, ...seen };
}

type DoneCall = ReadFor & { readonly args: Json };

/**
 * What a result claims, compared with the authorities of its subjects. Of reads: what a change claims of itself is looked
 * at by its read-back. In shadow mode the agent and the chain hear nothing of it.
 */
async function comparedClaims(
  options: AttemptPorts,
  policy: Policy,
  call: DoneCall,
  result: Json,
): Promise<Reconciled & { readonly shadows: readonly Shadow[] }> {
  const tool = own(policy.tools, call.tool);
  const claims = claimsOf(tool, call.args, result);
  const mode = modeOf(policy.rules, RECONCILIATION_RULE);
  if (mode === "off" || tool?.effect !== "read") return { claims, reconciled: [], shadows: [] };
  const compared = await reconciledClaims(options, policy, claims, call);
  if (mode === "enforce") return { ...compared, shadows: [] };
  const reason = toldReconciled(compared.reconciled);
  const would = { rule: RECONCILIATION_RULE, would: "dispute", reason: reason ?? "", evidence: [] };
  return { claims, reconciled: [], shadows: reason === null ? [] : [would] };
}

interface Unheld {
  /** Why the result is invalid; null where it holds all that is enforced. */
  readonly reason: string | null;
  readonly shadows: readonly Shadow[];
}

/** What a result does not hold of what its tool's or model's row requires. */
function unheldIn(
  { known, clock }: AttemptPorts,
  row: { readonly resultChecks?: readonly ResultCheck[] } | undefined,
  { chainId, result, args }: { readonly chainId: string; readonly result: Json; readonly args?: Json },
): Unheld {
  if (row?.resultChecks === undefined) return { reason: null, shadows: [] };
  const judged = args === undefined ? { result } : { result, args };
  const scope = checkScope(known(chainId), clock.nowMs(), judged);
  const found = unheldChecks(row.resultChecks, args === undefined ? ANSWER_NAMES : RESULT_NAMES, scope);
  const first = found.find((one) => !isShadow(one));
  const shadows = found
    .filter(isShadow)
    .map((one) => ({ rule: ruleOf(one), would: "refuse", reason: told(one), evidence: [] }));
  return { reason: first === undefined ? null : told(first), shadows };
}

type Answered = Extract<ModelAnswer, { kind: "reply" }>;

/** A text as a record may hold it: itself, or nothing and where it is. An oversize result is never a lost outcome. */
async function bounded(
  options: AttemptPorts,
  text: string,
): Promise<{ readonly text: string; readonly claimCheck: ClaimCheckRef | null }> {
  if (Buffer.byteLength(text) <= RESULT_LIMIT) return { text, claimCheck: null };
  return { text: "", claimCheck: await options.claimCheck(text) };
}

/** The request with all that it refers to. A hole is a failure: no model is asked less than the agent did. */
async function wholeOf(
  options: AttemptPorts,
  { request: text, meta }: MessageOf<"ModelCallAdmitted">,
): Promise<{ readonly request: Json } | Result> {
  const request = parseJson(text) ?? null;
  const read = readRequest(request);
  if (read === null || read.history.head === "") return { request };
  try {
    return { request: wholeRequest(read, await options.messagesOf(meta.chainId, read.history)) };
  } catch (error) {
    // What is unknown stays so; a log that does not answer is asked again with the next attempt.
    const isUnknown = isBusbarError(error) && error.disposition !== "transient";
    const code = isUnknown ? "BUSBAR_MESSAGES_UNKNOWN" : "BUSBAR_LOG_UNAVAILABLE";
    return {
      kind: "model-failed",
      code,
      reason: reasonOf(error),
      retryable: !isUnknown,
      inputTokens: 0,
      outputTokens: 0,
    };
  }
}

export async function askModel(
  options: AttemptPorts,
  event: MessageOf<"ModelCallAdmitted">,
  signal: AbortSignal,
): Promise<Result> {
  const { model, callId, meta } = event;
  const startedMs = options.clock.monotonicMs();
  const asked = await wholeOf(options, event);
  if ("kind" in asked) return asked;
  const { request } = asked;
  const answer = await options.toolbox.askModel({ model, request, callId, chainId: meta.chainId, signal });
  options.observe("model", model, answer.kind, options.clock.monotonicMs() - startedMs);
  if (answer.kind === "failed") return { ...answer, kind: "model-failed", code: "BUSBAR_TOOL_FAILED" };
  if (answer.kind === "throttled") return { ...answer, kind: "model-throttled" };
  const row = own(options.policy()?.models ?? {}, model);
  const { reason } = unheldIn(options, row, { chainId: meta.chainId, result: answer.response });
  if (reason !== null) return notHeld(answer, reason);
  const text = canonicalJson(answer.response);
  const { text: response, claimCheck } = await bounded(options, text);
  const { inputTokens, outputTokens, estimated, finishReason, problems } = answer;
  const told = { inputTokens, outputTokens, estimated, finishReason, problems };
  return { kind: "model-completed", response, ...told, claimCheck };
}

/** An answer that its checks do not hold is none; another one may hold them, and it was paid for. */
function notHeld({ inputTokens, outputTokens }: Answered, reason: string): Result {
  const tokens = { inputTokens, outputTokens };
  return { kind: "model-failed", code: "BUSBAR_CHECK_FAILED", reason, retryable: true, ...tokens };
}

/** Asks the authority of a subject and compares its fact with the statement: the agent's word is never evidence. */
export async function check(
  toolbox: Toolbox,
  event: MessageOf<"StatementRecorded">,
  policy: Policy,
  atMs: number,
  signal: AbortSignal,
): Promise<Result> {
  const authority = policy.statements[event.subject];
  if (authority === undefined)
    return { kind: "checked", fact: "", source: "", agrees: false, evidence: ["no authority"] };
  const { callId, meta } = event;
  const common = { key: "", attempt: 1, atMs, callId, chainId: meta.chainId, agent: "gateway", signal };
  const answer = await toolbox.runTool({ ...common, tool: authority.tool, args: authority.args });
  if (answer.kind !== "result") {
    return { kind: "checked", fact: "", source: authority.tool, agrees: false, evidence: [answer.reason] };
  }
  const found = atPath(answer.result, authority.refutedWhen.path);
  const isRefuted = found !== undefined && canonicalJson(found) === canonicalJson(authority.refutedWhen.equals);
  const fact = shortened(canonicalJson(answer.result));
  return { kind: "checked", fact, source: authority.tool, agrees: !isRefuted, evidence: [] };
}
