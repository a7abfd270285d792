import { defineAgent } from "@busbar/agent";
import { afterEach, describe, expect, it, vi } from "vitest";
import { journal } from "./scenes.ts";
import { createTestBus, type TestBus } from "./test-bus.ts";

// Milliseconds each on a free machine; a busy one gets more time, not another verdict.
vi.setConfig({ testTimeout: 20_000 });

let bus: TestBus | null = null;
afterEach(async () => {
  await bus?.stop();
  bus = null;
});

/** Gives the first change up where it is refused, and needs the second one. */
const changer = defineAgent({
  name: "changer",
  version: "1",
  handler: async (_task, ctx) => {
    const first = await ctx.tool("world.change", { n: 1 }).catch(() => "given up");
    const second = await ctx.tool("world.change", { n: 2 });
    return [first, second, await ctx.tool("world.change", { n: 3 })];
  },
});

const freeze = {
  freezeId: "f",
  scope: "fleet",
  effects: ["write"],
  fromMs: 0,
  untilMs: 0,
  reason: "stocktaking",
  by: "",
};

/** A chain that two refusals of a freeze have halted, after the thaw. */
async function halted(): Promise<{
  test: TestBus;
  world: ReturnType<typeof journal>;
  task: Awaited<ReturnType<TestBus["start"]>>;
  fence: string;
}> {
  const world = journal();
  const test = await createTestBus({
    agents: [changer],
    tools: [world.tool],
    policy: { rules: { consecutiveErrors: 2 } },
  });
  bus = test;
  await test.order("Freeze", freeze);
  const task = await test.start("changer", {});
  const { meta, rule } = await test.waitFor("ChainHalted");
  expect(rule).toBe("consecutive-errors");
  await test.order("Unfreeze", { freezeId: "f", reason: "done", by: "" });
  return { test, world, task, fence: meta.eventId };
}

describe("a chain that a freeze's refusals halted, thawed and resumed by a person", () => {
  it("goes on: what it gave up stays given up, what it still needs is asked again [agents:stale-refusals-asked-again]", async () => {
    const { test, world, task, fence } = await halted();
    await test.resume(`chain:${task.chainId}`, fence);
    const completed = await test.waitFor("TaskCompleted");
    expect(JSON.parse(completed.output)).toEqual(["given up", { n: 2 }, { n: 3 }]);
    expect(world.entries.map(({ n }) => n)).toEqual([2, 3]);
    const steps = test
      .events(task.chainId)
      .flatMap((event) => ("step" in event ? [`${event.type} ${event.step}`] : []));
    expect(steps).toEqual(["EffectRefused 1", "EffectRefused 2", "EffectAdmitted 3", "EffectAdmitted 4"]);
  });

  it("and its agent dies after the resume: the next run makes the same steps, and no effect twice [agents:stale-refusals-asked-again]", async () => {
    const { test, world, task, fence } = await halted();
    await test.resume(`chain:${task.chainId}`, fence);
    await test.waitFor("EffectAdmitted", ({ step }) => step === 3);
    await test.replaceAgent("changer");
    const completed = await test.waitFor("TaskCompleted");
    expect(JSON.parse(completed.output)).toEqual(["given up", { n: 2 }, { n: 3 }]);
    expect(world.entries.map(({ n }) => n)).toEqual([2, 3]);
    expect(test.events(task.chainId).filter(({ type }) => type === "Diverged")).toEqual([]);
  });
});
