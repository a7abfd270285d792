/**
 * The journal of a chain, pure: what its events say about the calls that were made and how they were answered.
 *
 * J1 A step has one recorded call and one answer: the first of each in log order; later ones change nothing.
 * J2 Answers are in log order, since that is the order in which a handler saw them (PROTOCOL 8.3).
 * J3 The fold depends on the set of events alone: duplicates and their order of arrival change nothing.
 */
import { type BusEvent, CONFIDENCE_NAME, HANDOFF_NAME, type MessageOf, TIMER_NAME } from "@busbar/events";
import { canonicalJson, isJsonObject, type Json, parseJson, sha256Hex } from "@busbar/kernel";
import { toldReconciled } from "@busbar/policy";
import type { StatementVerdict } from "./agent-context.ts";
import { type CallError, HaltedError, InDoubtError, RefusedError, ToolFailedError } from "./errors.ts";
import type { ModelMessage, ModelReply } from "./model.ts";

/** An event with where it stands in its events partition. */
export interface SourcedEvent {
  /** Event id. */
  readonly source: string;
  readonly offset: bigint;
  readonly event: BusEvent;
}

export const CALL_KINDS = ["tool", "model", "send", "statement", "timer", "handoff", "report"] as const;
export type CallKind = (typeof CALL_KINDS)[number];

/** A call as both sides name it. */
export interface CallShape {
  readonly kind: CallKind;
  /** Tool, model, agent or subject; of a timer `sleep`. */
  readonly name: string;
  /** SHA-256 hex of the canonical arguments, request, input, statement or delay. */
  readonly hash: string;
}

/** What the record holds about a step. */
export interface RecordedCall {
  readonly step: number;
  readonly kind: CallKind;
  readonly name: string;
  readonly hash: string;
  readonly offset: bigint;
}

export type AnswerValue =
  | { readonly kind: "result"; readonly result: Json; readonly alreadyDone: boolean }
  | { readonly kind: "model"; readonly reply: ModelReply }
  | { readonly kind: "output"; readonly output: Json }
  | { readonly kind: "verdict"; readonly verdict: StatementVerdict }
  | { readonly kind: "fired" }
  | { readonly kind: "told" }
  | { readonly kind: "error"; readonly error: CallError };

export interface Answer {
  readonly step: number;
  readonly source: string;
  readonly offset: bigint;
  readonly atMs: number;
  /** Of the chain when the event was written. */
  readonly incarnation: number;
  readonly value: AnswerValue;
}

/** SHA-256 hex over the text that goes into the command. */
export function contentHash(canonicalText: string): string {
  return sha256Hex(canonicalText);
}

/** `chain:step`. */
export function formatCallId(chainId: string, step: number): string {
  return `${chainId}:${step}`;
}

/** The step of a call id of this chain, or null. */
export function stepOfCallId(callId: string): number | null {
  const step = Number(callId.slice(callId.lastIndexOf(":") + 1));
  return Number.isSafeInteger(step) && step > 0 ? step : null;
}

const REFUSED_PREFIXES: Readonly<Record<string, CallKind>> = {
  model: "model",
  agent: "send",
  statement: "statement",
  timer: "timer",
  handoff: "handoff",
  report: "report",
};

/** A refusal names what is no tool with a prefix: `model:gpt`, `agent:warehouse`. Names of tools hold no colon. */
function refusedName(tool: string): Pick<RecordedCall, "kind" | "name"> {
  const colon = tool.indexOf(":");
  const kind = colon < 0 ? undefined : REFUSED_PREFIXES[tool.slice(0, colon)];
  return kind === undefined ? { kind: "tool", name: tool } : { kind, name: tool.slice(colon + 1) };
}

/** The call that an event records, or null where it records none. */
export function recordedCallOf({ event, offset }: SourcedEvent): RecordedCall | null {
  switch (event.type) {
    case "EffectAdmitted":
    case "EffectAwaited":
    case "ApprovalRequested":
    case "EffectAlreadyDone":
      // A read-back or retry of the gateway is no call of the handler.
      if (event.type === "EffectAdmitted" && event.origin === "gateway") return null;
      return { step: event.step, kind: "tool", name: event.tool, hash: event.argsHash, offset };
    case "EffectRefused":
      return { step: event.step, ...refusedName(event.tool), hash: event.argsHash, offset };
    case "ModelCallAdmitted":
      return { step: event.step, kind: "model", name: event.model, hash: event.requestHash, offset };
    case "TaskSent":
      return { step: event.step, kind: "send", name: event.agent, hash: contentHash(event.input), offset };
    case "StatementRecorded":
      return { step: event.step, kind: "statement", name: event.subject, hash: contentHash(event.statement), offset };
    case "TimerSet":
      return { step: event.step, kind: "timer", name: TIMER_NAME, hash: event.argsHash, offset };
    case "HandedOff":
      // A rule hands off without the handler.
      return event.step === 0
        ? null
        : { step: event.step, kind: "handoff", name: HANDOFF_NAME, hash: event.argsHash, offset };
    case "ConfidenceReported":
      return { step: event.step, kind: "report", name: CONFIDENCE_NAME, hash: event.argsHash, offset };
    default:
      return null;
  }
}

/** Whether a call is the recorded one. */
export function isSameCall(recorded: RecordedCall, call: CallShape): boolean {
  return recorded.kind === call.kind && recorded.name === call.name && recorded.hash === call.hash;
}

const jsonOf = (text: string): Json => (text === "" ? null : (parseJson(text) ?? text));

const error = (failure: CallError): AnswerValue => ({ kind: "error", error: failure });

const HALT_CODES: ReadonlySet<string> = new Set(["BUSBAR_HALT_ACTIVE", "BUSBAR_CHAIN_HALTED"]);

function refusal(callId: string, code: string, reason: string, rule = ""): AnswerValue {
  const detail = { code, reason, rule, callId };
  return error(HALT_CODES.has(code) ? new HaltedError(detail) : new RefusedError(detail));
}

function settled(event: MessageOf<"EffectSettled">): AnswerValue | null {
  const { callId, reason } = event;
  switch (event.outcome) {
    case "committed":
      return { kind: "result", result: jsonOf(event.result), alreadyDone: false };
    case "not-done":
      return error(new ToolFailedError({ callId, reason, code: "BUSBAR_EFFECT_NOT_STARTED" }));
    case "unknown":
      // A person will settle it; until then the call stays open.
      return null;
    case "UNKNOWN":
      return error(new InDoubtError({ callId, reason, code: "BUSBAR_EFFECT_IN_DOUBT" }));
  }
}

function modelReply(event: MessageOf<"ModelCallCompleted">): AnswerValue {
  const message = jsonOf(event.response) as unknown as ModelMessage;
  const { inputTokens, outputTokens, estimated, finishReason, problems } = event;
  return { kind: "model", reply: { message, usage: { inputTokens, outputTokens, estimated }, finishReason, problems } };
}

/** A failed sub-task reports `{code, reason}` as its output. */
function subtask(event: MessageOf<"SubtaskFinished">): AnswerValue {
  const output = jsonOf(event.output);
  if (event.state === "completed") return { kind: "output", output };
  const told = isJsonObject(output) ? output["reason"] : undefined;
  const reason = typeof told === "string" ? told : `the sub-task ended ${event.state}`;
  return error(new ToolFailedError({ callId: event.callId, reason, code: "BUSBAR_SUBTASK_FAILED" }));
}

function verdict(event: MessageOf<"StatementChecked">): AnswerValue {
  const { agrees, fact, source, evidence } = event;
  return { kind: "verdict", verdict: { agrees, fact, source, evidence } };
}

type OutcomeType =
  | "EffectCommitted"
  | "EffectCommittedInvalid"
  | "EffectFailed"
  | "EffectSettled"
  | "EffectAlreadyDone"
  | "EffectRefused"
  | "EffectAbandoned";

/** That a change is stale is a refusal: nothing has happened, and it may be asked for again after another read. */
function failure({ callId, code, reason, freshness }: MessageOf<"EffectFailed">): AnswerValue {
  if (code !== "BUSBAR_STALE") return error(new ToolFailedError({ callId, code, reason }));
  return error(new RefusedError({ callId, code, reason, freshness: jsonOf(freshness) }));
}

/** What a better source contradicts is no result: the agent is told who says what before it reads on. */
function compared({ callId, result, reconciled }: MessageOf<"EffectCommitted">): AnswerValue {
  const reason = toldReconciled(reconciled);
  if (reason === null) return { kind: "result", result: jsonOf(result), alreadyDone: false };
  return error(new ToolFailedError({ callId, code: "BUSBAR_CLAIM_DISPUTED", reason, happened: true }));
}

function effectValue(event: MessageOf<OutcomeType>): AnswerValue | null {
  const { callId } = event;
  switch (event.type) {
    case "EffectCommitted":
      return compared(event);
    case "EffectAlreadyDone":
      return { kind: "result", result: { alreadyDone: true, offset: event.originalOffset }, alreadyDone: true };
    case "EffectCommittedInvalid":
      return error(
        new ToolFailedError({ callId, code: "BUSBAR_RESULT_INVALID", reason: event.reason, happened: true }),
      );
    case "EffectFailed":
      return event.final ? failure(event) : null;
    case "EffectSettled":
      return settled(event);
    case "EffectRefused":
      return refusal(callId, event.code, event.reason, event.rule);
    case "EffectAbandoned":
      return event.retryAtMs > 0 ? null : refusal(callId, "BUSBAR_EFFECT_NOT_STARTED", event.reason);
  }
}

function valueOf(event: BusEvent): AnswerValue | null {
  switch (event.type) {
    case "EffectCommitted":
    case "EffectCommittedInvalid":
    case "EffectFailed":
    case "EffectSettled":
    case "EffectAlreadyDone":
    case "EffectRefused":
    case "EffectAbandoned":
      return effectValue(event);
    case "ModelCallCompleted":
      return modelReply(event);
    case "ModelCallFailed":
      if (!event.final) return null;
      return error(new ToolFailedError({ callId: event.callId, code: event.code, reason: event.reason }));
    case "SubtaskFinished":
      return subtask(event);
    case "StatementChecked":
      return verdict(event);
    case "HandOffAnswered":
      return { kind: "result", result: jsonOf(event.answer), alreadyDone: false };
    case "ConfidenceReported":
      return { kind: "told" };
    case "TimerFired":
      // A timer of the bus itself names no call.
      return event.callId === "" ? null : { kind: "fired" };
    default:
      return null;
  }
}

/**
 * Steps from here on are asides: what a handler says after a halt. They are recorded and checked like any statement,
 * but they belong to no run: a re-run after a resume makes them again or not, and is not compared with them.
 */
export const ASIDE_BASE = 1_000_000;

/** The answer that an event gives to a call, or null. EffectInDoubt is none: the call stays open. */
export function answerOf({ event, source, offset }: SourcedEvent): Answer | null {
  const value = valueOf(event);
  if (value === null || !("callId" in event)) return null;
  const step = stepOfCallId(event.callId);
  if (step === null) return null;
  return { step, source, offset, value, atMs: event.meta.atMs, incarnation: event.meta.incarnation };
}

/** What a run starts with. */
export interface Journal {
  /** Null where the submission is missing: nothing can be run from it. */
  readonly submitted: MessageOf<"TaskSubmitted"> | null;
  readonly calls: ReadonlyMap<number, RecordedCall>;
  /** In log order; at most one per step. */
  readonly answers: readonly Answer[];
  /** Where a person's resumes stand, in log order. */
  readonly resumes: readonly bigint[];
}

/** By a person; one without an order ends a degradation, not a halt. */
const isResume = ({ event }: SourcedEvent): boolean => event.type === "ChainResumed" && event.directive !== "";

/** Folds events of one chain, in any order and with any repetitions (J3). */
export function foldJournal(events: Iterable<SourcedEvent>): Journal {
  const bySource = new Map<string, SourcedEvent>();
  for (const sourced of events) bySource.set(sourced.source, sourced);
  const ordered = [...bySource.values()].toSorted((a, b) => (a.offset < b.offset ? -1 : 1));
  const calls = new Map<number, RecordedCall>();
  const answers = new Map<number, Answer>();
  let submitted: MessageOf<"TaskSubmitted"> | null = null;
  for (const sourced of ordered) {
    if (sourced.event.type === "TaskSubmitted") submitted ??= sourced.event;
    const call = recordedCallOf(sourced);
    if (call !== null && call.step < ASIDE_BASE && !calls.has(call.step)) calls.set(call.step, call);
    const answer = answerOf(sourced);
    if (answer !== null && answer.step < ASIDE_BASE && !answers.has(answer.step)) answers.set(answer.step, answer);
  }
  return {
    submitted,
    calls,
    answers: [...answers.values()],
    resumes: ordered.filter(isResume).map(({ offset }) => offset),
  };
}

/** How a call is named in a divergence. */
export function describeCall(call: Pick<RecordedCall, "kind" | "name" | "hash">): string {
  return `${call.kind} ${call.name} ${call.hash}`;
}

/** Canonical text of a value that a handler handed over; null where it has no JSON form. */
export function jsonText(value: unknown): string | null {
  try {
    return canonicalJson(value === undefined ? null : value);
  } catch {
    return null;
  }
}
