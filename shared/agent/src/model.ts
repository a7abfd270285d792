/** defineModel: a language model behind the gateway, recorded or over HTTP. Requests and replies in the OpenAI form. */
import { busbarError, type Json, type JsonObject } from "@busbar/kernel";
import { DEFAULT_MODEL } from "@busbar/policy";
import { isDefinitionName, type ToolDefinition } from "./tool.ts";

export type ModelToolCall = {
  readonly id: string;
  readonly type: "function";
  /** `arguments` is JSON text, as models write it: it may be broken. */
  readonly function: { readonly name: string; readonly arguments: string };
};

export type ModelMessage = {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string | null;
  /** Why the model would not answer, in its own words. */
  readonly refusal?: string;
  readonly tool_calls?: readonly ModelToolCall[];
  readonly tool_call_id?: string;
};

/** Plain JSON: what `ctx.model(name, request)` sends. Further fields (temperature …) go as they are. */
export type ModelRequest = {
  readonly messages: readonly ModelMessage[];
  /** Tools on offer: names of tools of the bus, which the gateway replaces by their manifests, or whole specifications. */
  readonly tools?: readonly Json[];
  readonly [field: string]: unknown;
};

export interface ModelUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** True where the model told none and they were counted by length. Default false. */
  readonly estimated?: boolean;
}

/** A tool call in a model's answer that cannot be made: the name is not on offer, or its arguments are no JSON object. */
export interface ToolCallProblem {
  readonly toolCallId: string;
  /** As the model wrote it. */
  readonly tool: string;
  readonly reason: string;
}

export interface ModelReply {
  readonly message: ModelMessage;
  readonly usage: ModelUsage;
  /** Why the model stopped, in its own word: `stop`, `tool_calls`, `length`, `content_filter`; empty: it told none. */
  readonly finishReason?: string;
  /** Tool calls in the answer that cannot be made; the message keeps their text. An error for the rules of the chain. */
  readonly problems?: readonly ToolCallProblem[];
}

export interface ModelRunContext {
  /** Aborts at the time-out. */
  readonly signal: AbortSignal;
  readonly callId: string;
  readonly chainId: string;
  /**
   * A secret that the model declares, from the gateway's environment or files; "" for an optional one that is not there.
   * Throws for a name that the model does not declare.
   */
  secret(name: string): string;
}

export interface ModelSpec {
  readonly name: string;
  /** Default 60000. */
  readonly timeoutMs?: number;
  /** Attempts of one call; being throttled takes none. Default 3. */
  readonly attempts?: number;
  /** Names of the secrets that it asks its context for; the gateway does not start without them. */
  readonly secrets?: readonly string[];
  /** Names of those that it can do without. */
  readonly optionalSecrets?: readonly string[];
  /**
   * One attempt. After `throw noReply(reason)` another one follows, after `throw throttled(reason, ms)` not before that
   * time; any other error is final.
   */
  complete(request: ModelRequest, context: ModelRunContext): ModelReply | Promise<ModelReply>;
}

export interface ModelDefinition extends ModelSpec {
  readonly timeoutMs: number;
  readonly attempts: number;
}

/** Checks a model and fills in its defaults. Throws BUSBAR_CONFIG_INVALID. */
export function defineModel(spec: ModelSpec): ModelDefinition {
  const timeoutMs = spec.timeoutMs ?? DEFAULT_MODEL.timeoutMs;
  const attempts = spec.attempts ?? DEFAULT_MODEL.attempts;
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
  if (!Number.isSafeInteger(attempts) || attempts <= 0) {
    throw busbarError("BUSBAR_CONFIG_INVALID", { file, reason: "attempts must be a positive integer" });
  }
  return {
    name: spec.name,
    timeoutMs,
    attempts,
    ...(spec.secrets === undefined ? {} : { secrets: spec.secrets }),
    ...(spec.optionalSecrets === undefined ? {} : { optionalSecrets: spec.optionalSecrets }),
    complete: (request, context) => spec.complete(request, context),
  };
}

/** A tool of the bus as a model is offered it. Pure. */
export function modelTool({
  name,
  description,
  args,
}: Pick<ToolDefinition, "name" | "description" | "args">): JsonObject {
  return { type: "function", function: { name, description, parameters: args } };
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

/** What is wrong with the tool calls of an answer: arguments that are no JSON object, names that were not on offer. */
export function toolCallProblems(message: ModelMessage, offered: readonly string[] | null): readonly ToolCallProblem[] {
  return (message.tool_calls ?? []).flatMap((call) => {
    const { name: tool } = call.function;
    const isOffered = offered === null || offered.includes(tool);
    if (isOffered && toolCallArguments(call) !== null) return [];
    const reason = isOffered ? "its arguments are no JSON object" : "no tool of this name was offered";
    return [{ toolCallId: call.id, tool, reason }];
  });
}
