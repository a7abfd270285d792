/**
 * runTools: the loop of an LLM agent. The model is offered tools of the bus, each of its calls goes through the door, and
 * what comes back, refusals and failures too, is told to the model. What ends the run (halts, stops, doubts) ends the loop.
 */
import { canonicalJson, type JsonObject } from "@busbar/kernel";
import type { AgentContext } from "./agent-context.ts";
import { isCallError, ToolFailedError } from "./errors.ts";
import { type ModelMessage, type ModelReply, type ModelToolCall, toolCallArguments } from "./model.ts";

export interface ToolLoop {
  /** Name of the model. */
  readonly model: string;
  /** What the conversation begins with. */
  readonly messages: readonly ModelMessage[];
  /** Tools of the bus on offer, by name. */
  readonly tools: readonly string[];
  /** Answers of the model that may ask for tools; default 16. Then the loop throws. */
  readonly maxRounds?: number;
  /** Further fields of the request (temperature …). */
  readonly request?: JsonObject;
  /** Characters of a tool's result that the model is told; default 16384. */
  readonly resultCharacters?: number;
}

export interface ToolLoopEnd {
  /** The first answer that asks for no tool. `finishReason` tells whether it is whole. */
  readonly reply: ModelReply;
  /** The whole conversation, that answer included. */
  readonly messages: readonly ModelMessage[];
}

const MAX_ROUNDS = 16;
const RESULT_CHARACTERS = 16_384;

/** Runs the loop to the model's last word. Calls are made one after the other, in the order of the model's answer. */
export async function runTools(ctx: Pick<AgentContext, "model" | "tool">, loop: ToolLoop): Promise<ToolLoopEnd> {
  const { model, tools, maxRounds = MAX_ROUNDS, request = {} } = loop;
  const messages = [...loop.messages];
  for (let round = 0; round < maxRounds; round += 1) {
    const reply = await ctx.model(model, { ...request, messages, ...(tools.length === 0 ? {} : { tools }) });
    messages.push(reply.message);
    const calls = reply.message.tool_calls ?? [];
    if (calls.length === 0) return { reply, messages };
    for (const call of calls) {
      const content = bounded(await resultOf(ctx, reply, call), loop.resultCharacters ?? RESULT_CHARACTERS);
      messages.push({ role: "tool", tool_call_id: call.id, content });
    }
  }
  throw new Error(`model ${model} asked for tools in ${maxRounds} answers and came to no end`);
}

/** What the model is told about one of its calls, as JSON text. */
async function resultOf(ctx: Pick<AgentContext, "tool">, reply: ModelReply, call: ModelToolCall): Promise<string> {
  const problem = reply.problems?.find(({ toolCallId }) => toolCallId === call.id);
  const args = toolCallArguments(call);
  if (problem !== undefined || args === null) {
    const reason = problem?.reason ?? "its arguments are no JSON object";
    return canonicalJson({ error: "not called", reason, arguments: call.function.arguments });
  }
  try {
    return canonicalJson(await ctx.tool(call.function.name, args));
  } catch (error) {
    if (!isCallError(error) || (error.kind !== "refused" && error.kind !== "failed")) throw error;
    const happened = error instanceof ToolFailedError && error.happened;
    return canonicalJson({ error: error.code, reason: error.reason, ...(happened ? { happened } : {}) });
  }
}

function bounded(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit)} … (${text.length - limit} more characters)`;
}
