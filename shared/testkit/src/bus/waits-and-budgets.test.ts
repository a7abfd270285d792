import { chainOfTaskKey, defineAgent } from "@busbar/agent";
import { afterEach, describe, expect, it, vi } from "vitest";
import { recordedModel } from "../recorded-model.ts";
import { until } from "../until.ts";
import { keyIn } from "./scenes.ts";
import { createTestBus, type TestBus, type TestBusOptions } from "./test-bus.ts";

// Milliseconds each on a free machine; a busy one gets more time, not another verdict.
vi.setConfig({ testTimeout: 20_000 });

let bus: TestBus | null = null;
afterEach(async () => {
  await bus?.stop();
  bus = null;
});
async function open(options: TestBusOptions): Promise<TestBus> {
  bus = await createTestBus(options);
  return bus;
}

const asker = defineAgent({
  name: "asker",
  version: "1",
  handler: async (_task, ctx) => (await ctx.model("gpt", { messages: [] })).message.content,
});
const boss = defineAgent({
  name: "boss",
  version: "1",
  handler: async (_task, ctx) => {
    const told = await ctx.send("asker", {});
    return { told, own: (await ctx.model("gpt", { messages: [] })).message.content };
  },
});
const twice = defineAgent({
  name: "twice",
  version: "1",
  handler: async (_task, ctx) => [await ctx.send("asker", {}), await ctx.send("asker", {})],
});
const agents = [asker, boss];
/** What the recorded answer below costs. */
const ANSWER_TOKENS = 11;
const gpt = () => recordedModel("gpt", ["1234"]);

describe("without a supervisor", () => {
  it("model calls and sub-tasks wait for the door, and their chains go on when it opens [halt:calls-wait-for-door]", async () => {
    const test = await open({ agents, models: [gpt()], settings: { heartbeatStaleMs: 400 } });
    await test.stopSupervisor();
    await until(() => test.doors().every(({ door }) => door === "degraded"), "both doors are read-only", 15_000);
    const tasks = [await test.start("asker", {}), await test.start("boss", {})];
    for (const commandType of ["CallModel", "SendTask"])
      await test.waitFor("CommandDeferred", (event) => event.commandType === commandType);
    const admitted = test.events().filter(({ type }) => type === "ModelCallAdmitted" || type === "TaskSent");
    expect(admitted).toEqual([]);
    await test.startSupervisor();
    const ends = await Promise.all(tasks.map((task) => test.outcome(task)));
    expect(ends).toMatchObject([
      { state: "completed", output: "1234" },
      { state: "completed", output: { told: "1234", own: "1234" } },
    ]);
  });
});

describe("a budget", () => {
  it("gets back what a sub-task left, so that the next one gets half of the rest [door:deadline-and-budget-inherited]", async () => {
    const test = await open({ agents: [asker, twice], models: [gpt()] });
    const end = await test.submit("twice", {}, { key: keyIn(0, 2, chainOfTaskKey), budgetTokens: 100 });
    expect(end).toMatchObject({ state: "completed" });
    const finished = test.events().filter((event) => event.type === "SubtaskFinished");
    expect(finished).toMatchObject([{ tokensUsed: ANSWER_TOKENS }, { tokensUsed: ANSWER_TOKENS }]);
    const sent = test.events().filter((event) => event.type === "TaskSent");
    // Without the return the second one would get 25.
    expect(sent).toMatchObject([{ budgetTokens: 50 }, { budgetTokens: Math.floor((100 - ANSWER_TOKENS) / 2) }]);
  });

  it("is spent where the sub-task used it up [door:deadline-and-budget-inherited]", async () => {
    const test = await open({ agents, models: [gpt()] });
    const end = await test.submit("boss", {}, { budgetTokens: ANSWER_TOKENS });
    expect(end).toMatchObject({ state: "failed", code: "BUSBAR_BUDGET_SPENT" });
  });
});
