/**
 * The hostile loop: an agent that asks its model for four more effects, for ever, and ignores refusals, halts and
 * aborts alike. Only a bound on rejections in a row ends it, so that a process which nobody answers does not spin.
 */
import { defineAgent, isCallError, toolCallArguments } from "@busbar/agent";
import type { JsonObject } from "@busbar/kernel";

type LooperInput = {
  /** Turns before it ends by itself; default: practically none. */
  readonly turns?: number;
  /** Rejections in a row before it ends; default 40. */
  readonly defiance?: number;
};

const TURNS_DEFAULT = 1_000_000;
const DEFIANCE_DEFAULT = 40;

interface Tally {
  done: number;
  rejectedInARow: number;
}

async function count(tally: Tally, call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
    tally.done += 1;
    tally.rejectedInARow = 0;
  } catch (thrown) {
    // Even a process that is told to leave the chain to another one goes on: that is what makes it hostile.
    if (!isCallError(thrown)) throw thrown;
    tally.rejectedInARow += 1;
  }
}

export const looper = defineAgent<LooperInput>({
  name: "looper",
  version: "1.0.0",
  description: "Hostile: loops on tool calls and ignores everything.",
  example: {},
  async handler(task, ctx) {
    const turns = task.input?.turns ?? TURNS_DEFAULT;
    const defiance = task.input?.defiance ?? DEFIANCE_DEFAULT;
    const tally: Tally = { done: 0, rejectedInARow: 0 };
    let plan: readonly { readonly tool: string; readonly args: JsonObject }[] = [];
    for (let turn = 0; turn < turns && tally.rejectedInARow < defiance; turn += 1) {
      // The history stays out of the request: a loop without an end must not grow its records without an end.
      await count(tally, async () => {
        const { message } = await ctx.model("adversary-loop", {
          messages: [{ role: "user", content: "Go on." }],
          turn,
        });
        plan = (message.tool_calls ?? []).map((call) => ({
          tool: call.function.name,
          args: toolCallArguments(call) ?? {},
        }));
      });
      for (const { tool, args } of plan) await count(tally, () => ctx.tool(tool, args));
    }
    return { done: tally.done };
  },
});
