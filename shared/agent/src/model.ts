/** defineModel: a language model behind the gateway, recorded or over HTTP. Requests and replies in the OpenAI form. */
import { busbarError, type Json, type JsonObject } from "@busbar/kernel";
import { isDefinitionName } from "./tool.ts";

export type ModelToolCall = {
  readonly id: string;
  readonly type: "function";
  /** `arguments` is JSON text, as models write it: it may be broken. */
  readonly function: { readonly name: string; readonly arguments: string };
};

export type ModelMessage = {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string | null;
  readonly tool_calls?: readonly ModelToolCall[];
  readonly tool_call_id?: string;
};

/** Plain JSON: what `ctx.model(name, request)` sends. Further fields (temperature …) go as they are. */
export type ModelRequest = {
  readonly messages: readonly ModelMessage[];
  readonly tools?: readonly Json[];
  readonly [field: string]: unknown;
};

export interface ModelUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

export interface ModelReply {
  readonly message: ModelMessage;
  readonly usage: ModelUsage;
}

export interface ModelRunContext {
  /** Aborts at the time-out. */
  readonly signal: AbortSignal;
  readonly callId: string;
  readonly chainId: string;
}

export interface ModelSpec {
  readonly name: string;
  /** Default 60000. */
  readonly timeoutMs?: number;
  complete(request: ModelRequest, context: ModelRunContext): ModelReply | Promise<ModelReply>;
}

export interface ModelDefinition extends ModelSpec {
  readonly timeoutMs: number;
}

const TIMEOUT_MS_DEFAULT = 60_000;

/** Checks a model and fills in its defaults. Throws BUSBAR_CONFIG_INVALID. */
export function defineModel(spec: ModelSpec): ModelDefinition {
  const timeoutMs = spec.timeoutMs ?? TIMEOUT_MS_DEFAULT;
  const file = `model ${spec.name}`;
  if (!isDefinitionName(spec.name)) {
    throw busbarError("BUSBAR_CONFIG_INVALID", {
      file,
      reason: "a name has letters, digits, '_', '-' or '.', at most 64",
    });
  }
  if (!Number.isSafeInteger(timeoutMs) || timeoutMs <= 0) {
    throw busbarError("BUSBAR_CONFIG_INVALID", { file, reason: "timeoutMs must be a positive integer" });
  }
  return {
    name: spec.name,
    timeoutMs,
    complete: (request, context) => spec.complete(request, context),
  };
}

/** The arguments of a model's tool call, or null where the model wrote no JSON object. */
export function toolCallArguments(call: ModelToolCall): JsonObject | null {
  try {
    const value: unknown = JSON.parse(call.function.arguments);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;
  } catch {
    return null;
  }
}
