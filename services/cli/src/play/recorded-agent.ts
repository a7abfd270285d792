/**
 * The recorded agent and its recorded tools. The agent issues the calls of its run in their order and never looks at an
 * answer; a tool answers from the recording. Both find the run by its chain, in this process: a chain's input names the
 * run, it does not carry it.
 */
import { type AgentDefinition, defineAgent, isCallError } from "@busbar/agent";
import { assert, type Json } from "@busbar/kernel";
import type { ToolAnswer, Toolbox, ToolRun } from "@busbar/runtime";
import type { PlayedRun } from "./steps.ts";

/** Name of the agent in each chain. */
export const RECORDED_AGENT = "recorded";

/** The runs in flight, by chain. */
export type OpenRuns = ReadonlyMap<string, PlayedRun>;

export function recordedAgent(runs: OpenRuns): AgentDefinition {
  return defineAgent({
    name: RECORDED_AGENT,
    version: "1",
    description: "issues the tool calls of a recorded run",
    handler: async (task, ctx): Promise<Json> => {
      const played = runs.get(task.chainId);
      assert(played !== undefined, "a chain of this play has a run");
      for (const { tool, args } of played.steps) {
        try {
          await ctx.tool(tool, args);
        } catch (error) {
          // What the recorded agent did after an error is in the recording; what it would do after a refusal is not.
          if (isCallError(error) && error.kind === "failed") continue;
          if (isCallError(error) && error.kind === "refused") return { refused: error.code };
          throw error;
        }
      }
      return { calls: played.run.calls.length };
    },
  });
}

/** Steps of a chain count from 1. */
function answerOf(runs: OpenRuns, { callId, chainId, tool }: ToolRun): ToolAnswer {
  const step = Number(callId.slice(callId.lastIndexOf(":") + 1));
  const call = runs.get(chainId)?.steps[step - 1];
  if (call === undefined || call.tool !== tool) {
    return { kind: "failed", reason: `the recording has no call ${step} of ${tool}`, beforeEffect: true };
  }
  const { answer } = call;
  return answer.kind === "result"
    ? { kind: "result", result: answer.result }
    : { kind: "failed", reason: answer.reason, beforeEffect: false };
}

export function recordedToolbox(runs: OpenRuns): Toolbox {
  return {
    runTool: (run) => Promise.resolve(answerOf(runs, run)),
    askModel: ({ model }) =>
      Promise.resolve({
        kind: "failed",
        reason: `no model ${model} is recorded`,
        retryable: false,
        inputTokens: 0,
        outputTokens: 0,
      }),
  };
}
