/**
 * defineOpenAiModel: a model behind an OpenAI-compatible chat-completions endpoint, streamed.
 *
 * M1 One call is one attempt: nothing here waits and tries again. The door does, and records it.
 * M2 The stream is consumed here and recorded as one answer. One that breaks off is no answer: its attempt used tokens
 *    that the endpoint never told, so they are estimated by length.
 * M3 Two bounds of time: to the first token, and (the caller's signal) to the last.
 */
import { busbarError, isJsonObject, type Json, parseJson } from "@busbar/kernel";
import { estimateTokens } from "@busbar/policy";
import { createParser } from "eventsource-parser";
import { noReply, throttled } from "../attempt-errors.ts";
import {
  defineModel,
  type ModelDefinition,
  type ModelMessage,
  type ModelReply,
  type ModelRequest,
  type ModelRunContext,
  type ModelUsage,
} from "../model.ts";
import { systemTimers } from "../timers.ts";
import { ChatAnswer } from "./chat-answer.ts";
import { retryAfterMs } from "./classify.ts";
import { offeredName, type WireNames, wireNames } from "./tool-names.ts";
import { type HttpResponse, readText, send } from "./transport.ts";

export interface OpenAiModelSpec {
  /** How agents ask for it. */
  readonly name: string;
  /** How the endpoint knows it; default: the name. */
  readonly model?: string;
  /** Default: the environment's OPENAI_BASE_URL, else `https://api.openai.com/v1`. */
  readonly baseUrl?: string;
  /** Name of the secret that holds the key. Default OPENAI_API_KEY, which may be missing: an endpoint may want none. */
  readonly apiKey?: string;
  /** The whole answer; default 60000. */
  readonly timeoutMs?: number;
  /** Up to the first token of a streamed answer; default 30000. */
  readonly firstTokenTimeoutMs?: number;
  /** Default 3. */
  readonly attempts?: number;
  /** False for endpoints that cannot stream; default true. */
  readonly stream?: boolean;
}

const BASE_URL = "https://api.openai.com/v1";
const KEY_NAME = "OPENAI_API_KEY";
const FIRST_TOKEN_MS = 30_000;
const ANSWER_LIMIT_BYTES = 4_194_304;
const TOLD_BYTES = 8192;
const TOLD_CHARACTERS = 300;
const RETRY_AFTER_MS = 1000;

/** Checks the model. Its address and key are looked up when it is asked, in the gateway. Throws BUSBAR_CONFIG_INVALID. */
export function defineOpenAiModel(spec: OpenAiModelSpec): ModelDefinition {
  const { name, timeoutMs, attempts, baseUrl, firstTokenTimeoutMs = FIRST_TOKEN_MS } = spec;
  const invalid = (reason: string) => busbarError("BUSBAR_CONFIG_INVALID", { file: `model ${name}`, reason });
  if (baseUrl !== undefined && !isHttpUrl(baseUrl)) throw invalid(`baseUrl ${baseUrl} is no http(s) address`);
  if (!Number.isSafeInteger(firstTokenTimeoutMs) || firstTokenTimeoutMs <= 0)
    throw invalid("firstTokenTimeoutMs must be a positive integer");
  return defineModel({
    name,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(attempts === undefined ? {} : { attempts }),
    ...(spec.apiKey === undefined ? { optionalSecrets: [KEY_NAME] } : { secrets: [spec.apiKey] }),
    complete: (request, context) => complete(spec, firstTokenTimeoutMs, request, context),
  });
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

function addressOf({ name, baseUrl }: OpenAiModelSpec): URL {
  const given = baseUrl ?? process.env["OPENAI_BASE_URL"] ?? "";
  const base = given === "" ? BASE_URL : given;
  if (!isHttpUrl(base)) {
    const reason = `model ${name}: OPENAI_BASE_URL is no http(s) address`;
    throw busbarError("BUSBAR_CONFIG_INVALID", { file: "environment", reason });
  }
  return new URL(`${base.replace(/\/+$/, "")}/chat/completions`);
}

function headersOf({ apiKey }: OpenAiModelSpec, context: ModelRunContext): Readonly<Record<string, string>> {
  const key = context.secret(apiKey ?? KEY_NAME);
  return {
    "content-type": "application/json",
    accept: "text/event-stream, application/json",
    "user-agent": "busbar",
    ...(key === "" ? {} : { authorization: `Bearer ${key}` }),
  };
}

const isSpec = (tool: Json): boolean => offeredName(tool) !== null;

/** The request as the endpoint takes it. What it costs and how it is sent is the bus's to say, not the agent's. */
function bodyOf(
  { name, model = name, stream = true }: OpenAiModelSpec,
  request: ModelRequest,
  names: WireNames,
): string {
  const { messages, tools = [], n: _n, stream_options: _options, ...rest } = request;
  const offered = tools.map((tool) => {
    if (!isJsonObject(tool) || !isJsonObject(tool["function"]) || !isSpec(tool)) return tool;
    return { ...tool, function: { ...tool["function"], name: names.toWire(offeredName(tool) ?? "") } };
  });
  return JSON.stringify({
    ...rest,
    model,
    messages: messages.map((message) => wireMessage(message, names)),
    ...(offered.length === 0 ? {} : { tools: offered }),
    stream,
    ...(stream ? { stream_options: { include_usage: true } } : {}),
  });
}

function wireMessage(message: ModelMessage, names: WireNames): ModelMessage {
  if (message.tool_calls === undefined) return message;
  const calls = message.tool_calls.map((call) => ({
    ...call,
    function: { ...call.function, name: names.toWire(call.function.name) },
  }));
  return { ...message, tool_calls: calls };
}

interface Attempt {
  readonly body: string;
  readonly answer: ChatAnswer;
  /** Ends the wait for the first token. */
  begun(): void;
}

/** What an attempt used: as the endpoint told it, else by length. */
function usageOf({ body, answer }: Attempt): ModelUsage {
  const { usage, written } = answer;
  return usage ?? { inputTokens: estimateTokens(body), outputTokens: estimateTokens(written), estimated: true };
}

async function complete(
  spec: OpenAiModelSpec,
  firstTokenMs: number,
  request: ModelRequest,
  context: ModelRunContext,
): Promise<ModelReply> {
  const names = wireNames(request.tools ?? []);
  const body = bodyOf(spec, request, names);
  const late = new AbortController();
  const cancel = systemTimers.after(firstTokenMs, () => {
    late.abort(new Error(`no token within ${firstTokenMs} ms`));
  });
  const attempt: Attempt = { body, answer: new ChatAnswer(), begun: cancel };
  try {
    const signal = AbortSignal.any([context.signal, late.signal]);
    const asked = {
      method: "POST",
      url: addressOf(spec),
      headers: headersOf(spec, context),
      body,
      isRepeatable: true,
      signal,
    };
    const response = await send(asked).catch((error: unknown) => {
      throw noReply(error);
    });
    await takeAnswer(response, attempt);
    return replyOf(attempt, names);
  } finally {
    cancel();
  }
}

function replyOf(attempt: Attempt, names: WireNames): ModelReply {
  const { answer } = attempt;
  if (!answer.hasChoice) throw noReply("the answer holds no choice", usageOf(attempt));
  const message = answer.message((wire) => names.fromWire(wire));
  return { message, usage: usageOf(attempt), finishReason: answer.finishReason };
}

async function takeAnswer(response: HttpResponse, attempt: Attempt): Promise<void> {
  const { status, headers } = response;
  if (status < 200 || status >= 300) throw await refusalOf(response);
  const type = headers["content-type"] ?? "no content type";
  try {
    if (/^text\/event-stream\b/i.test(type)) return await takeStream(response, attempt);
    if (!/^application\/([^;]+\+)?json\b/i.test(type)) throw new Error(`it answered ${type}`);
    attempt.begun();
    const { text, isCut } = await readText(response, ANSWER_LIMIT_BYTES);
    if (isCut) throw new Error(`its answer has more than ${ANSWER_LIMIT_BYTES} bytes`);
    takePiece(attempt.answer, text);
  } catch (error) {
    response.discard();
    throw noReply(error, usageOf(attempt));
  }
}

function takePiece(answer: ChatAnswer, text: string): void {
  const piece = parseJson(text);
  if (piece === undefined) throw new Error(`no JSON in its answer: ${text.slice(0, TOLD_CHARACTERS)}`);
  const wrong = answer.take(piece);
  if (wrong !== null) throw new Error(wrong);
}

async function takeStream(response: HttpResponse, attempt: Attempt): Promise<void> {
  const { answer } = attempt;
  let isDone = false;
  const parser = createParser({
    onEvent: ({ data }) => {
      if (data === "[DONE]") isDone = true;
      else if (!isDone && data !== "") takePiece(answer, data);
    },
  });
  const decoder = new TextDecoder();
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.length;
    if (bytes > ANSWER_LIMIT_BYTES) throw new Error(`its answer has more than ${ANSWER_LIMIT_BYTES} bytes`);
    parser.feed(decoder.decode(chunk, { stream: true }));
    if (answer.hasBegun) attempt.begun();
    if (isDone) break;
  }
  // A stream that just stops is an answer only where the model had said that it was done.
  if (!isDone && answer.finishReason === "") throw new Error("its stream ended before the answer did");
}

/** A status that is no success. A model changes nothing, so all but the client's own mistakes may be asked again. */
async function refusalOf(response: HttpResponse): Promise<Error> {
  const { status, headers } = response;
  const { text } = await readText(response, TOLD_BYTES).catch(() => ({ text: "" }));
  const body = parseJson(text);
  const detail = isJsonObject(body) && isJsonObject(body["error"]) ? body["error"] : {};
  const told = typeof detail["message"] === "string" ? detail["message"] : text;
  const reason = `it answered ${status}: ${told.replaceAll(/\s+/g, " ").slice(0, TOLD_CHARACTERS)}`;
  // An empty account also answers 429, and no time will fill it.
  if (detail["code"] === "insufficient_quota") return new Error(reason);
  return endOf(status, toldWaitMs(headers), reason);
}

function endOf(status: number, waitMs: number | null, reason: string): Error {
  if (status === 429 || (status === 503 && waitMs !== null)) return throttled(reason, waitMs ?? RETRY_AFTER_MS);
  return status >= 500 || status === 408 || status === 409 || status === 425 ? noReply(reason) : new Error(reason);
}

function toldWaitMs(headers: Readonly<Record<string, string>>): number | null {
  const exactMs = Number(headers["retry-after-ms"] ?? "");
  return exactMs > 0 ? Math.min(exactMs, 24 * 3600 * 1000) : retryAfterMs(headers, systemTimers.now());
}
