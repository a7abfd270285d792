/**
 * Further attempts of a call: at once, later, or none (PROTOCOL 5.2, 5.5). Each one is a new admission.
 *
 * A1 Only an attempt that provably changed nothing, or a model call, is tried again from here; what is in doubt settles
 *    elsewhere.
 * A2 Being asked to come later is no error and takes no attempt, nor does an attempt that was never started because it
 *    came too late; both are bounded by the chain's deadline and by the limit `throttleMs`.
 * A3 What waits is a record with its time, so a new owner waits for the same moment.
 */
import type { ErrorCode } from "@busbar/kernel";
import { canonicalJson, own, parseJson } from "@busbar/kernel";
import { parseExpected } from "../freshness.ts";
import type { CallState, ChainState } from "../partition-state.ts";
import { DEFAULT_LIMITS, DEFAULT_MODEL } from "../policy-document.ts";
import { readmit } from "./readmit.ts";
import { emitModelAdmission, modelProblem, modelSlotAgainst } from "./calls.ts";
import type { CallOutcome } from "./inputs.ts";
import { answerWaiting } from "./settle.ts";
import { chainOf, emit, type Turn } from "./turn.ts";

export interface Found {
  readonly chain: ChainState;
  readonly call: CallState;
}

const BACKOFF_FIRST_MS = 100;
const BACKOFF_LONGEST_MS = 10_000;
/** Who asks to be called later and names no time, or none to speak of, is left alone for this long. */
const THROTTLE_SHORTEST_MS = 100;

/** Wait after so many failures in a row, ms: it doubles. */
function backoffMs(failures: number): number {
  return Math.min(BACKOFF_FIRST_MS * 2 ** Math.min(Math.max(0, failures - 1), 16), BACKOFF_LONGEST_MS);
}

/** When a throttled call may go on, or null where that is past its deadline or the limit. */
function throttledUntil(turn: Turn, { chain, call }: Found, retryAfterMs: number): number | null {
  const { atMs } = turn.env;
  const retryAtMs = atMs + Math.max(THROTTLE_SHORTEST_MS, Math.ceil(retryAfterMs));
  const sinceMs = call.throttledSinceMs === 0 ? atMs : call.throttledSinceMs;
  const { throttleMs } = turn.state.policy?.limits ?? DEFAULT_LIMITS;
  if (retryAtMs - sinceMs > throttleMs) return null;
  return chain.deadlineAtMs > 0 && retryAtMs >= chain.deadlineAtMs ? null : retryAtMs;
}

type Of<K extends CallOutcome["kind"]> = Extract<CallOutcome, { kind: K }>;

const bodyOf = (call: CallState, { callId, admitted, durationMs }: Of<"failed" | "throttled" | "stale">) => ({
  callId,
  effectKey: call.effectKey,
  tool: call.name,
  attempt: call.attempt,
  admitted,
  durationMs,
  freshness: "",
});

/** A tool that asks to be called later. */
export function toolThrottled(turn: Turn, found: Found, outcome: Of<"throttled">): void {
  const { chain, call } = found;
  const until = throttledUntil(turn, found, outcome.retryAfterMs);
  const body = { ...bodyOf(call, outcome), code: "BUSBAR_THROTTLED", retryAtMs: until ?? 0 };
  const reason = until === null ? `${outcome.reason}; that is too late for this call` : outcome.reason;
  emit(turn, "EffectFailed", { chain }, { ...body, reason, final: until === null });
  if (until === null) answerWaiting(turn, chain.chainId, call.effectKey);
}

/**
 * An attempt that was never handed over. Where only its fire bound was over (a busy process, a clock that jumped), the
 * call gets another one, at once and then ever more rarely; where a halt or the loss of the partition stood against it,
 * none. At once, because the time of a log whose clock has jumped ahead stands still until the clock is there.
 */
export function toolNotStarted(turn: Turn, found: Found, outcome: Of<"abandoned">): void {
  const { chain, call } = found;
  const { callId, admitted, reason, again = false } = outcome;
  const { effectKey, name: tool, attempt } = call;
  const isFirst = call.throttled === 0;
  const until = again && chain.halted === null ? throttledUntil(turn, found, backoffMs(call.throttled)) : null;
  const retryAtMs = until === null ? 0 : isFirst ? turn.env.atMs : until;
  emit(turn, "EffectAbandoned", { chain }, { callId, effectKey, tool, attempt, admitted, reason, retryAtMs });
  if (retryAtMs === 0) answerWaiting(turn, chain.chainId, effectKey);
  else if (isFirst) retryDue(turn, chain, callId, call);
}

/** Another version is there than the chain read: it may read again and ask again. */
export function toolStale(turn: Turn, { chain, call }: Found, outcome: Of<"stale">): void {
  const { subject, version, read } = parseExpected(call.expects) ?? { subject: "", version: "", read: "" };
  const now = parseJson(outcome.now) ?? null;
  const freshness = canonicalJson({ subject, read: { version, offset: read }, now });
  const body = { ...bodyOf(call, outcome), code: "BUSBAR_STALE", reason: outcome.reason, freshness };
  emit(turn, "EffectFailed", { chain }, { ...body, final: true, retryAtMs: 0 });
  answerWaiting(turn, chain.chainId, call.effectKey);
}

/** A tool that failed: tried again only where that is known to lie before the effect, and only so often. */
export function toolFailed(turn: Turn, { chain, call }: Found, outcome: Of<"failed">): void {
  const { callId, code, reason } = outcome;
  const attempts = turn.state.policy?.tools[call.name]?.attempts ?? 1;
  const failures = call.attempt - call.throttled;
  const mayRetry = outcome.beforeEffect && failures < attempts && chain.halted === null;
  const body = { ...bodyOf(call, outcome), code, reason };
  // The first further attempt comes at once, since most of what fails before an effect is gone by then.
  const retryAtMs = mayRetry && failures > 1 ? turn.env.atMs + backoffMs(failures - 1) : 0;
  emit(turn, "EffectFailed", { chain }, { ...body, retryAtMs, final: !mayRetry });
  if (!mayRetry) return answerWaiting(turn, chain.chainId, call.effectKey);
  if (retryAtMs > 0) return;
  const next = readmit(turn, chain.chainId, callId, "gateway");
  if (next.kind === "refuse") {
    emit(
      turn,
      "EffectFailed",
      { chain },
      { ...body, reason: `no further attempt: ${reason}`, retryAtMs: 0, final: true },
    );
    answerWaiting(turn, chain.chainId, call.effectKey);
  } else if (next.kind === "defer") {
    // It is only put off: the next attempt has its time.
    const later = { reason: `the next attempt waits: ${reason}`, retryAtMs: turn.env.atMs + next.retryAfterMs };
    emit(turn, "EffectFailed", { chain }, { ...body, ...later, final: false });
  }
}

/** A model call that brought no answer. It changed nothing, so it may be asked again; its tokens are spent. */
export function modelFailed(turn: Turn, found: Found, outcome: Of<"model-failed" | "model-throttled">): void {
  const { chain, call } = found;
  const { callId, admitted, durationMs, reason } = outcome;
  const common = { callId, model: call.name, attempt: call.attempt, admitted, durationMs, reason };
  if (outcome.kind === "model-throttled") {
    const until = throttledUntil(turn, found, outcome.retryAfterMs);
    const body = { ...common, code: "BUSBAR_THROTTLED", inputTokens: 0, outputTokens: 0 };
    emit(turn, "ModelCallFailed", { chain }, { ...body, final: until === null, retryAtMs: until ?? 0 });
    return;
  }
  const { code, inputTokens, outputTokens } = outcome;
  const models = turn.state.policy?.models ?? {};
  const { attempts } = own(models, call.name) ?? DEFAULT_MODEL;
  const failures = call.attempt - call.throttled;
  const mayRetry = outcome.retryable && failures < attempts && chain.halted === null;
  const retryAtMs = mayRetry ? turn.env.atMs + backoffMs(failures) : 0;
  const body = { ...common, code, inputTokens, outputTokens, final: !mayRetry, retryAtMs };
  emit(turn, "ModelCallFailed", { chain }, body);
}

/** The time of a delayed call has come. A door that is shut for it leaves it due. */
export function retryDue(turn: Turn, chain: ChainState, callId: string, call: CallState): void {
  if (call.kind === "model") return retryModel(turn, chain, callId, call);
  const verdict = readmit(turn, chain.chainId, callId, "gateway");
  if (verdict.kind === "refuse") giveUpTool(turn, chain, callId, verdict.code, verdict.reason);
}

function retryModel(turn: Turn, chain: ChainState, callId: string, call: CallState): void {
  const { policy } = turn.state;
  if (policy === null) return;
  const { step, name: model, args: request, attempt, admitted } = call;
  const problem = modelProblem(turn, { chain, policy, model, step });
  if (problem === null) {
    // Without a slot it stays due.
    if (modelSlotAgainst(turn, chain, callId, model, true) !== null) return;
    emitModelAdmission(turn, { chain }, { chainId: chain.chainId, step, model, request, attempt: attempt + 1 });
    return;
  }
  const body = { callId, model, attempt, admitted, ...problem, durationMs: 0, inputTokens: 0, outputTokens: 0 };
  emit(turn, "ModelCallFailed", { chain }, { ...body, final: true, retryAtMs: 0 });
}

function giveUpTool(turn: Turn, chain: ChainState, callId: string, code: ErrorCode, reason: string): void {
  const call = chainOf(turn, chain.chainId)?.calls[callId];
  if (call?.status !== "delayed") return;
  const { effectKey, name: tool, attempt, admitted } = call;
  const body = {
    callId,
    effectKey,
    tool,
    attempt,
    admitted,
    code,
    reason,
    final: true,
    retryAtMs: 0,
    durationMs: 0,
    freshness: "",
  };
  emit(turn, "EffectFailed", { chain }, body);
  answerWaiting(turn, chain.chainId, effectKey);
}

/** Nothing is tried again after the end of a chain: what is delayed ends as not done. */
export function giveUpDelayed(turn: Turn, chain: ChainState, reason: string): void {
  for (const [callId, call] of Object.entries(chain.calls)) {
    if (call.status !== "delayed" || call.kind !== "tool") continue;
    const code = call.throttled > 0 ? "BUSBAR_THROTTLED" : "BUSBAR_EFFECT_NOT_STARTED";
    giveUpTool(turn, chain, callId, code, reason);
  }
}
