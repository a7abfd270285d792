/**
 * One answer of a chat-completions endpoint, gathered from the pieces of its stream or read whole: pure, total over any
 * JSON. It keeps what the model wrote as it wrote it; what a tool call is worth is judged elsewhere.
 */
import { isJsonObject, type Json, type JsonObject } from "@busbar/kernel";
import type { ModelMessage, ModelToolCall, ModelUsage } from "../model.ts";

interface CallDraft {
  id: string;
  name: string;
  text: string;
}

const textOf = (value: Json | undefined): string => (typeof value === "string" ? value : "");
const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? (value as readonly Json[]) : []);
const objectOf = (value: Json | undefined): JsonObject => (isJsonObject(value) ? value : {});
const countOf = (value: Json | undefined): number | null =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;

export class ChatAnswer {
  #content = "";
  #refusal = "";
  #finishReason = "";
  #hasChoice = false;
  #usage: ModelUsage | null = null;
  readonly #calls = new Map<number, CallDraft>();

  /** Takes one piece of a stream, or a whole answer; returns what the endpoint says went wrong, or null. */
  take(piece: Json): string | null {
    const { error, choices, usage } = objectOf(piece);
    if (error !== undefined && error !== null) {
      return isJsonObject(error) ? textOf(error["message"]) || JSON.stringify(error) : JSON.stringify(error);
    }
    this.#takeUsage(usage);
    const choice = listOf(choices).find((one) => (countOf(objectOf(one)["index"]) ?? 0) === 0);
    if (choice === undefined) return null;
    this.#hasChoice = true;
    const { delta, message, finish_reason: finishReason } = objectOf(choice);
    this.#takeMessage(objectOf(delta ?? message));
    this.#finishReason = textOf(finishReason) || this.#finishReason;
    return null;
  }

  #takeMessage({ content, refusal, tool_calls: calls }: JsonObject): void {
    this.#content += textOf(content);
    this.#refusal += textOf(refusal);
    listOf(calls).forEach((entry, position) => {
      const call = objectOf(entry);
      const index = countOf(call["index"]) ?? position;
      const { name, arguments: text } = objectOf(call["function"]);
      const draft = this.#calls.get(index) ?? { id: "", name: "", text: "" };
      this.#calls.set(index, draft);
      draft.id ||= textOf(call["id"]);
      draft.name += textOf(name);
      // Some endpoints send the arguments as the object that they are.
      draft.text += isJsonObject(text) ? JSON.stringify(text) : textOf(text);
    });
  }

  #takeUsage(usage: Json | undefined): void {
    const { prompt_tokens: input, completion_tokens: output } = objectOf(usage);
    const inputTokens = countOf(input);
    const outputTokens = countOf(output);
    if (inputTokens !== null && outputTokens !== null) this.#usage = { inputTokens, outputTokens, estimated: false };
  }

  /** The answer held a choice. */
  get hasChoice(): boolean {
    return this.#hasChoice;
  }

  /** Something of the answer itself has come: text, a refusal, a tool call. */
  get hasBegun(): boolean {
    return this.#content !== "" || this.#refusal !== "" || this.#calls.size > 0 || this.#finishReason !== "";
  }

  /** Why the model stopped; empty while it did not say. */
  get finishReason(): string {
    return this.#finishReason;
  }

  /** As the endpoint told it; null where it did not. */
  get usage(): ModelUsage | null {
    return this.#usage;
  }

  /** All that the model wrote so far, for an estimate of its tokens. */
  get written(): string {
    return [this.#content, this.#refusal, ...[...this.#calls.values()].map(({ name, text }) => name + text)].join("");
  }

  message(nameOf: (wire: string) => string): ModelMessage {
    const calls = [...this.#calls.entries()].toSorted(([a], [b]) => a - b);
    const toolCalls = calls.map(([index, { id, name, text }]): ModelToolCall => ({
      id: id === "" ? `call_${index}` : id,
      type: "function",
      function: { name: nameOf(name), arguments: text },
    }));
    return {
      role: "assistant",
      content: this.#content === "" && (toolCalls.length > 0 || this.#refusal !== "") ? null : this.#content,
      ...(this.#refusal === "" ? {} : { refusal: this.#refusal }),
      ...(toolCalls.length === 0 ? {} : { tool_calls: toolCalls }),
    };
  }
}
