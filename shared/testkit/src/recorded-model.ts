/** A model that says what it is told to: for tests of agents, deterministic and without a network. */
import {
  defineModel,
  type ModelDefinition,
  type ModelMessage,
  type ModelReply,
  type ModelRequest,
} from "@busbar/agent";
import { busbarError, canonicalJson, type JsonObject } from "@busbar/kernel";

/** A text, calls of tools, a whole message, or a function of the request. */
export type RecordedReply =
  | string
  | { readonly calls: readonly { readonly tool: string; readonly args: JsonObject }[] }
  | ModelMessage
  | ((request: ModelRequest) => RecordedReply);

function messageOf(reply: RecordedReply, request: ModelRequest, index: number): ModelMessage {
  if (typeof reply === "function") return messageOf(reply(request), request, index);
  if (typeof reply === "string") return { role: "assistant", content: reply };
  if ("role" in reply) return reply;
  const toolCalls = reply.calls.map(({ tool, args }, nth) => ({
    id: `call-${index + 1}-${nth + 1}`,
    type: "function" as const,
    function: { name: tool, arguments: canonicalJson(args) },
  }));
  return { role: "assistant", content: null, tool_calls: toolCalls };
}

const usageOf = (message: ModelMessage): ModelReply["usage"] => ({
  inputTokens: 1,
  outputTokens: Math.ceil(canonicalJson(message).length / 4),
});

/**
 * Each chain gets the replies from the first one on, in the order of its calls; a call that is asked again gets its own
 * reply again. After the last one the call fails with BUSBAR_NOT_FOUND.
 */
export function recordedModel(name: string, replies: readonly RecordedReply[]): ModelDefinition {
  const callsOfChain = new Map<string, string[]>();
  return defineModel({
    name,
    complete: (request, { chainId, callId }) => {
      const calls = callsOfChain.get(chainId) ?? [];
      callsOfChain.set(chainId, calls);
      if (!calls.includes(callId)) calls.push(callId);
      const index = calls.indexOf(callId);
      const reply = replies[index];
      if (reply === undefined) throw busbarError("BUSBAR_NOT_FOUND", { what: `reply ${index + 1} of model`, id: name });
      const message = messageOf(reply, request, index);
      return { message, usage: usageOf(message) };
    },
  });
}
