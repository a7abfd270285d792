import { expect, it } from "vitest";
import type { AgentContext, Task } from "./agent-context.ts";
import type { RunCommand } from "./run-context.ts";
import { playAgain, playLive } from "./test-door.ts";

/** Two branches of two calls each; the second one hesitates for some promise reactions in between. */
async function twoBranches(_task: Task, ctx: AgentContext): Promise<string[]> {
  const branch = async (name: string, hops: number): Promise<void> => {
    await ctx.tool(`${name}1`, {});
    for (let hop = 0; hop < hops; hop += 1) await Promise.resolve();
    await ctx.tool(`${name}2`, {});
  };
  await Promise.all([branch("a", 0), branch("b", 12)]);
  return [];
}

const toolAt = (command: RunCommand): string =>
  command.type === "CallTool" ? `${command.step}:${command.tool}` : command.type;

/** The first call of branch a is slow, so b is one step ahead of it. */
const unequal = (command: RunCommand): number => (command.type === "CallTool" && command.tool === "a1" ? 12 : 1);

it("parallel branches of unequal latency get the same steps live and replayed [agents:parallel-calls-same-steps]", async () => {
  const live = await playLive(twoBranches, unequal);
  expect(live.commands.map(toolAt)).toEqual(["1:a1", "2:b1", "3:b2", "4:a2", "CompleteTask"]);
  const again = await playAgain(twoBranches, live, 1);
  expect(again.commands).toEqual(live.commands);
  const fromFullJournal = await playAgain(twoBranches, live, live.events.length);
  expect(fromFullJournal.commands).toEqual(live.commands.slice(-1));
});

it("without the journal's order, answered at once, the same handler counts its steps otherwise [agents:parallel-calls-same-steps]", async () => {
  const calls: string[] = [];
  const naive = {
    tool: (name: string) => {
      calls.push(`${calls.length + 1}:${name}`);
      return Promise.resolve(null);
    },
  };
  await twoBranches({} as Task, naive as unknown as AgentContext);
  expect(calls).toEqual(["1:a1", "2:b1", "3:a2", "4:b2"]);
});

it("answers delivered in one turn are numbered otherwise than live: the scheduler's turn is needed [agents:results-in-log-order]", async () => {
  // b hesitates longer than a: with one answer per turn it is done before a's answer comes, and only then.
  const live = await playLive(twoBranches, (command) => (command.type === "CallTool" && command.tool === "a1" ? 2 : 1));
  const bypassed = await playAgain(twoBranches, live, 1, {
    timers: { after: () => () => undefined, turn: (run) => run() },
  });
  expect(live.commands.map(toolAt).slice(2, 4)).toEqual(["3:b2", "4:a2"]);
  expect(bypassed.commands.map(toolAt).slice(2, 4)).not.toEqual(["3:b2", "4:a2"]);
});

it("a recorded call is waited for before a later answer comes, however slow the handler is [agents:results-in-log-order]", async () => {
  // The pause is outside of ctx: it costs nothing live, where the answer is far away, and must cost nothing replayed.
  const pausing = async (_task: Task, ctx: AgentContext): Promise<void> => {
    const slow = async (): Promise<void> => {
      await ctx.tool("b1", {});
      for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      await ctx.tool("b2", {});
    };
    const other = async (): Promise<void> => {
      await ctx.tool("a1", {});
      await ctx.tool("a2", {});
    };
    await Promise.all([other(), slow()]);
  };
  const turns: Readonly<Record<string, number>> = { a1: 12, b2: 30 };
  const live = await playLive(pausing, (command) => (command.type === "CallTool" ? (turns[command.tool] ?? 1) : 0));
  expect(live.commands.map(toolAt).slice(0, 4)).toEqual(["1:a1", "2:b1", "3:b2", "4:a2"]);
  expect((await playAgain(pausing, live, live.events.length)).end).toEqual(live.end);
});
