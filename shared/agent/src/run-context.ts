/** The handler's `ctx`: each method is one shape of call, and one way to read its answer. */
import {
  CONFIDENCE_NAME,
  confidenceHash,
  HANDOFF_NAME,
  isPercent,
  isTimerDelay,
  MAX_TIMER_MS,
  NO_HISTORY,
  QUESTION_CHARACTERS,
  readRequest,
  referringRequest,
  requestHash,
  TIMER_NAME,
  timerHash,
  withMessages,
} from "@busbar/events";
import { busbarError, chainId, type Json, type JsonObject, parseJson, shortHash, utf8Length } from "@busbar/kernel";
import { ARGUMENTS_LIMIT_BYTES, PAYLOAD_LIMIT_BYTES } from "@busbar/policy";
import type { AgentContext, StatementVerdict, ToolAnswer, ToolOptions } from "./agent-context.ts";
import { RefusedError } from "./errors.ts";
import { type Answer, type AnswerValue, type CallShape, contentHash, jsonText } from "./journal.ts";
import type { ModelReply, ModelRequest } from "./model.ts";

/** The commands of a run, without their meta. */
export type RunCommand =
  | {
      readonly type: "CallTool";
      readonly step: number;
      readonly tool: string;
      readonly args: string;
      readonly repeat: number;
    }
  | { readonly type: "CallModel"; readonly step: number; readonly model: string; readonly request: string }
  | { readonly type: "SendTask"; readonly step: number; readonly agent: string; readonly input: string }
  | { readonly type: "MakeStatement"; readonly step: number; readonly subject: string; readonly statement: string }
  | { readonly type: "SetTimer"; readonly step: number; readonly delayMs: number }
  | { readonly type: "HandOff"; readonly step: number; readonly question: string }
  | { readonly type: "ReportConfidence"; readonly step: number; readonly percent: number; readonly about: string }
  | { readonly type: "CompleteTask"; readonly step: number; readonly output: string }
  | { readonly type: "FailTask"; readonly step: number; readonly code: string; readonly reason: string }
  | { readonly type: "ReportDivergence"; readonly step: number; readonly expected: string; readonly actual: string };

export interface ContextPorts {
  readonly chainId: string;
  readonly signal: AbortSignal;
  /** Makes the next step; the answer may be an error. */
  call(shape: CallShape, command: (step: number) => RunCommand): Promise<Answer>;
  complete(output: Json): void;
  now(): number;
  /** Whether what runs now follows from the handler's start or from the answer delivered last. */
  isReaction(): boolean;
}

export function createContext(ports: ContextPorts): AgentContext {
  let drawn = 0;
  const heads = new Set<string>();
  // Counted per run from its start, so a re-run draws the same values; the incarnation is not part of it.
  const draw = (what: string): string => {
    drawn += 1;
    return shortHash(what, ports.chainId, String(drawn));
  };
  return {
    chainId: chainId(ports.chainId),
    signal: ports.signal,
    tool: async (name, args, options) => (await callTool(ports, name, args, options)).result as never,
    toolAnswer: async (name, args, options) => (await callTool(ports, name, args, options)) as never,
    model: (name, request) => callModel(ports, heads, name, request),
    send: async (agent, input) => (await sendTask(ports, agent, input)) as never,
    state: (subject, statement) => makeStatement(ports, subject, statement),
    sleep: (delayMs) => handled(sleep(ports, delayMs)),
    handOff: (question) => handled(handOff(ports, question)) as never,
    confidence: (share, about) => reportConfidence(ports, share, about ?? ""),
    race: (arms) => handled(race(ports, arms)),
    complete: (output) => {
      ports.complete(output);
    },
    now: () => ports.now(),
    random: () => Number.parseInt(draw("random").slice(0, 13), 16) / 2 ** 52,
    uuid: () => uuidOf(draw("uuid")),
  };
}

async function callTool(
  ports: ContextPorts,
  tool: string,
  args: JsonObject,
  options: ToolOptions = {},
): Promise<ToolAnswer> {
  const text = requireJson(args, `arguments of ${tool}`, ARGUMENTS_LIMIT_BYTES);
  const repeat = options.repeat ?? 0;
  const shape = { kind: "tool", name: tool, hash: contentHash(text) } as const;
  const answer = await ports.call(shape, (step) => ({ type: "CallTool", step, tool, args: text, repeat }));
  const { result, alreadyDone } = successOf(answer.value, "result", tool);
  return { result, alreadyDone, source: answer.source };
}

/** `heads`: of conversations that answers have shown to be on the log. */
async function callModel(
  ports: ContextPorts,
  heads: Set<string>,
  model: string,
  request: ModelRequest,
): Promise<ModelReply> {
  const whole = parseJson(jsonText(request) ?? "");
  if (whole === undefined) throw new TypeError(`request to ${model}: it has no JSON form`);
  // What the log has already is referred to: a conversation is written once, not again with each of its calls.
  const text = requireJson(
    referringRequest(whole, (head) => heads.has(head)),
    `request to ${model}`,
  );
  const shape = { kind: "model", name: model, hash: requestHash(whole) } as const;
  const answer = await ports.call(shape, (step) => ({ type: "CallModel", step, model, request: text }));
  const { reply } = successOf(answer.value, "model", model);
  const read = readRequest(whole);
  if (read !== null) {
    const asked = withMessages(NO_HISTORY, read.messages);
    heads.add(asked.head);
    heads.add(withMessages(asked, [reply.message]).head);
  }
  return reply;
}

async function sendTask(ports: ContextPorts, agent: string, input: Json): Promise<Json> {
  const text = requireJson(input, `input of ${agent}`);
  const shape = { kind: "send", name: agent, hash: contentHash(text) } as const;
  const answer = await ports.call(shape, (step) => ({ type: "SendTask", step, agent, input: text }));
  return successOf(answer.value, "output", agent).output;
}

async function makeStatement(ports: ContextPorts, subject: string, statement: string): Promise<StatementVerdict> {
  const shape = { kind: "statement", name: subject, hash: contentHash(statement) } as const;
  const answer = await ports.call(shape, (step) => ({ type: "MakeStatement", step, subject, statement }));
  return successOf(answer.value, "verdict", subject).verdict;
}

async function sleep(ports: ContextPorts, delayMs: number): Promise<void> {
  // A part of a millisecond more is at least as long; what is no time takes no step.
  const wholeMs = Math.ceil(delayMs);
  if (!isTimerDelay(wholeMs)) throw new TypeError(`sleep: ${delayMs} is not 0 to ${MAX_TIMER_MS} ms`);
  const shape = { kind: "timer", name: TIMER_NAME, hash: timerHash(wholeMs) } as const;
  const answer = await ports.call(shape, (step) => ({ type: "SetTimer", step, delayMs: wholeMs }));
  successOf(answer.value, "fired", TIMER_NAME);
}

async function handOff(ports: ContextPorts, question: string): Promise<Json> {
  if (question.trim() === "" || question.length > QUESTION_CHARACTERS)
    throw new TypeError(`handOff: a question has 1 to ${QUESTION_CHARACTERS} characters`);
  const shape = { kind: "handoff", name: HANDOFF_NAME, hash: contentHash(question) } as const;
  const answer = await ports.call(shape, (step) => ({ type: "HandOff", step, question }));
  return successOf(answer.value, "result", HANDOFF_NAME).result;
}

async function reportConfidence(ports: ContextPorts, share: number, about: string): Promise<void> {
  const percent = Math.round(share * 100);
  if (!isPercent(percent)) throw new TypeError(`confidence: ${share} is not 0 to 1`);
  const shape = { kind: "report", name: CONFIDENCE_NAME, hash: confidenceHash(percent, about) } as const;
  const answer = await ports.call(shape, (step) => ({ type: "ReportConfidence", step, percent, about }));
  successOf(answer.value, "told", CONFIDENCE_NAME);
}

/**
 * The first arm to settle. Answers come one per turn of the event loop and in log order (PROTOCOL 8.3), so which arm is
 * first is a function of the journal, as long as it settles in reaction to an answer.
 */
function race<T extends readonly unknown[]>(ports: ContextPorts, arms: T): Promise<Awaited<T[number]>> {
  const unrecorded = (arm: number) => busbarError("BUSBAR_RACE_UNRECORDED", { arm: arm + 1, arms: arms.length });
  return new Promise((resolve, reject) => {
    if (arms.length === 0) throw new TypeError("race: no arm could ever settle");
    for (const [index, arm] of arms.entries()) {
      const settle = (how: () => void): void => (ports.isReaction() ? how() : reject(unrecorded(index)));
      Promise.resolve(arm as Awaited<T[number]>).then(
        (value) => settle(() => resolve(value)),
        (reason: unknown) => settle(() => reject(reason)),
      );
    }
  });
}

/** A handler may leave it alone: that it fails then ends no process. Who awaits it still sees it. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** The value of the expected kind. Everything else throws: no answer can be read as a success that it is not. */
function successOf<K extends Exclude<AnswerValue["kind"], "error">>(
  value: AnswerValue,
  kind: K,
  name: string,
): Extract<AnswerValue, { kind: K }> {
  if (value.kind === "error") throw value.error;
  if (value.kind !== kind)
    throw new RefusedError({ code: "BUSBAR_STEP_CONFLICT", reason: `${name} was answered with a ${value.kind}` });
  return value as Extract<AnswerValue, { kind: K }>;
}

/** Checked before the call takes its step: the door would refuse it without consuming its sequence number. */
export function requireJson(value: unknown, what: string, limit = PAYLOAD_LIMIT_BYTES): string {
  const text = jsonText(value);
  if (text === null) throw new TypeError(`${what}: it has no JSON form`);
  const bytes = utf8Length(text);
  if (bytes > limit) throw busbarError("BUSBAR_RECORD_TOO_LARGE", { bytes, limit });
  return text;
}

/** A version 8 UUID (RFC 9562) from 32 hex digits. */
function uuidOf(hex: string): string {
  const variant = (8 + (Number.parseInt(hex.slice(16, 17), 16) % 4)).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
