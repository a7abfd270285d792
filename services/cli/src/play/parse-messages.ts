/**
 * Plain OpenAI messages: `{messages: […]}`, a bare list, or a request with its response. A tool call stands in a
 * message of the assistant and its answer in a later message with the role `tool`.
 *
 * M1 Calls keep the order in which the assistant wrote them, whatever the order of the answers.
 * M2 An answer is an error when it says so: it begins with the word "error", or is a JSON object with an `error`.
 * M3 Arguments that are no JSON object are the model's doing, not the file's: they are played as `{unparsed: text}`.
 */
import { isJsonObject, type Json, type JsonObject, parseJson } from "@busbar/kernel";
import { effectOfName } from "./effect-of-tool.ts";
import { Talk } from "./talk.ts";
import {
  argsAt,
  LineFault,
  objectAt,
  type RecordedAnswer,
  type RecordedCall,
  type RecordedRun,
  reasonAt,
  resultAt,
  textAt,
  toolAt,
} from "./recorded-run.ts";

interface OpenCall {
  readonly id: string;
  readonly tool: string;
  readonly args: JsonObject;
  answer: RecordedAnswer | null;
}

const listIn = (value: Json | undefined, key: string): readonly Json[] | null => {
  const found = value !== undefined && isJsonObject(value) ? value[key] : undefined;
  return Array.isArray(found) ? (found as readonly Json[]) : null;
};

/** The messages of a line, in order; null where it holds none. Throws LineFault. */
export function messagesOf(line: Json): readonly Json[] | null {
  if (Array.isArray(line)) return line as readonly Json[];
  if (!isJsonObject(line)) return null;
  const request = listIn(line, "messages") ?? listIn(line["request"], "messages") ?? listIn(line["body"], "messages");
  const choices = listIn(line, "choices") ?? listIn(line["response"], "choices");
  if (choices === null || choices.length === 0) return request;
  return [...(request ?? []), objectAt(choices[0], "choices[0]")["message"] ?? null];
}

/** The run of a conversation. Throws LineFault. */
export function parseMessages(line: Json, messages: readonly Json[]): RecordedRun {
  const calls: OpenCall[] = [];
  const talk = new Talk();
  messages.forEach((value, index) => {
    const at = `messages[${index}]`;
    const message = objectAt(value, at);
    const role = textAt(message["role"], `${at}.role`);
    if (role === "assistant") calls.push(...callsOf(message, at));
    if (role === "tool" || role === "function") answer(calls, message, at);
    else talk.add(role, textOf(message["content"] ?? null), answeredCount(calls));
  });
  const answered = calls.flatMap(({ tool, args, answer: found }): readonly RecordedCall[] =>
    found === null ? [] : [{ tool, args, answer: found, effect: effectOfName(tool) }],
  );
  const id = isJsonObject(line) ? line["id"] : undefined;
  return {
    id: typeof id === "string" ? id : "",
    calls: answered,
    unanswered: calls.length - answered.length,
    label: null,
    ...talk.taken,
  };
}

const answeredCount = (calls: readonly OpenCall[]): number => calls.filter((call) => call.answer !== null).length;

function callsOf(message: JsonObject, at: string): readonly OpenCall[] {
  const { tool_calls: many, function_call: one } = message;
  if (many !== undefined && many !== null && !Array.isArray(many))
    throw new LineFault(`${at}.tool_calls is not a list`);
  const calls = ((many ?? []) as readonly Json[]).map((value, index) => {
    const place = `${at}.tool_calls[${index}]`;
    const call = objectAt(value, place);
    const id = call["id"];
    return openCall(typeof id === "string" ? id : "", objectAt(call["function"], `${place}.function`), place);
  });
  if (one === undefined || one === null) return calls;
  return [...calls, openCall("", objectAt(one, `${at}.function_call`), `${at}.function_call`)];
}

function openCall(id: string, called: JsonObject, at: string): OpenCall {
  const tool = toolAt(called["name"], `${at}.name`);
  return { id, tool, args: argumentsOf(called["arguments"], `${at}.arguments`), answer: null };
}

/** M3. */
function argumentsOf(value: Json | undefined, at: string): JsonObject {
  if (value === undefined || value === null || value === "") return {};
  const parsed = typeof value === "string" ? parseJson(value) : value;
  if (parsed !== undefined && isJsonObject(parsed)) return argsAt(parsed, at);
  const unparsed = typeof value === "string" ? value : JSON.stringify(value);
  return argsAt({ unparsed: unparsed.toWellFormed() }, at);
}

function answer(calls: readonly OpenCall[], message: JsonObject, at: string): void {
  const { tool_call_id: id, name } = message;
  const open = calls.filter((call) => call.answer === null);
  const found =
    typeof id === "string"
      ? open.find((call) => call.id === id)
      : (open.find((call) => call.tool === name) ?? (name === undefined ? open[0] : undefined));
  if (found === undefined) {
    throw new LineFault(`${at} answers ${JSON.stringify(id ?? name ?? "a call")}, which is no open call`);
  }
  found.answer = answerOf(message, at);
}

function answerOf(message: JsonObject, at: string): RecordedAnswer {
  const content = textOf(message["content"] ?? null);
  if (message["is_error"] === true || saysError(content)) return { kind: "error", reason: reasonAt(content) };
  return { kind: "result", result: resultAt(content, `${at}.content`) };
}

/** The text of a content that is split into parts; anything else as it is. */
function textOf(content: Json): Json {
  if (!Array.isArray(content)) return content;
  const texts = (content as readonly Json[]).map((part) => (isJsonObject(part) ? part["text"] : undefined));
  return texts.every((text) => typeof text === "string") ? texts.join("") : content;
}

/** M2. */
function saysError(content: Json): boolean {
  if (typeof content === "string" && /^\s*error\b/i.test(content)) return true;
  const value = typeof content === "string" && content.trimStart().startsWith("{") ? parseJson(content) : content;
  if (value === undefined || !isJsonObject(value)) return false;
  const { error } = value;
  return error !== undefined && error !== null && error !== false && error !== "";
}
