/** Judges of a high-stakes call on a whole bus: what they see, and that a successor asks those who have said nothing. */
import { defineAgent, defineModel, type ModelRequest } from "@busbar/agent";
import { afterEach, expect, it, vi } from "vitest";
import { journal } from "./scenes.ts";
import { createTestBus, type TestBus } from "./test-bus.ts";

vi.setConfig({ testTimeout: 60_000 });

let bus: TestBus | null = null;
afterEach(async () => {
  await bus?.stop();
  bus = null;
});

const clerk = defineAgent<{ n: number }>({
  name: "clerk",
  version: "1",
  handler: async ({ input }, ctx) => {
    await ctx.model("own", { messages: [{ role: "user", content: "a secret thought" }] });
    return ctx.tool("world.change", { n: input.n });
  },
});
const own = defineModel({
  name: "own",
  complete: () => ({
    message: { role: "assistant", content: "I have decided" },
    usage: { inputTokens: 1, outputTokens: 1 },
  }),
});

function judgeModel(asked: ModelRequest[], hangsFirst: boolean) {
  return defineModel({
    name: "second",
    complete: async (request) => {
      asked.push(request);
      if (hangsFirst && asked.length === 1) await new Promise(() => undefined);
      const content = '{"agrees": true, "reason": "it is right"}';
      return { message: { role: "assistant", content }, usage: { inputTokens: 1, outputTokens: 1 } };
    },
  });
}

const QUORUM = {
  tools: ["world.change"],
  agree: 2,
  judges: [
    { name: "bound", kind: "rule", require: "args.n < 100" },
    { name: "second", kind: "model", model: "second", question: "Is it right?" },
  ],
} as const;

async function open(asked: ModelRequest[], hangsFirst = false) {
  const world = journal({ timeoutMs: 20_000 });
  bus = await createTestBus({
    agents: [clerk],
    tools: [world.tool as never],
    models: [own, judgeModel(asked, hangsFirst)],
    policy: { agents: { clerk: { tools: ["*"], models: ["own"] } }, quorum: QUORUM },
    limitMs: 40_000,
  });
  return { test: bus, world };
}

it("a judge sees task, call and facts, and neither another verdict nor what the agent's model has said [quorum:blind]", async () => {
  const asked: ModelRequest[] = [];
  const { test, world } = await open(asked);
  expect(await test.submit("clerk", { n: 7 })).toMatchObject({ state: "completed" });
  expect(world.entries.map(({ n }) => n)).toEqual([7]);
  const [request, ...more] = asked;
  expect(more).toEqual([]);
  const text = JSON.stringify(request?.messages.slice(1));
  expect(text).toContain("world.change");
  expect(text).not.toMatch(/bound|it holds|decided|secret thought/u);
  expect(test.events().filter(({ type }) => type === "VerdictGiven")).toMatchObject([
    { judge: "bound", agrees: true },
    { judge: "second", agrees: true, reason: "it is right" },
  ]);
});

it("a judge that an owner did not hear is asked again by the next one, and the change is made once [quorum:k-of-n]", async () => {
  const asked: ModelRequest[] = [];
  const { test, world } = await open(asked, true);
  const task = await test.start("clerk", { n: 7 });
  await vi.waitUntil(() => asked.length === 1, { timeout: 40_000 });
  await test.replaceGateway();
  expect(await test.outcome(task)).toMatchObject({ state: "completed" });
  expect([asked.length, world.entries.length]).toEqual([2, 1]);
});
