import { defineAgent, defineTool } from "@busbar/agent";
import { afterEach, describe, expect, it, vi } from "vitest";
import { recordedModel } from "../recorded-model.ts";
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

/** A ledger of refunds: what the world knows. */
function refunds() {
  const done: { readonly order: number; readonly key: string }[] = [];
  const tool = defineTool<{ order: number }>({
    name: "refunds.pay",
    description: "Pays an order back",
    effect: "write",
    args: { type: "object", required: ["order"], properties: { order: { type: "integer" } } },
    identity: ["order"],
    timeoutMs: 500,
    run: ({ order }, { key }) => {
      done.push({ order, key });
      return { paid: order };
    },
  });
  return { done, tool };
}

const clerk = defineAgent<{ order: number }>({
  name: "clerk",
  version: "1",
  handler: async ({ input }, ctx) => {
    const answer = await ctx.tool("refunds.pay", { order: input.order });
    return { answer };
  },
});

describe("a bus in memory", () => {
  it("runs a user's agent through the real door, without a broker [agents:test-in-milliseconds]", async () => {
    const { done, tool } = refunds();
    const test = await open({ agents: [clerk], tools: [tool] });
    const outcome = await test.submit("clerk", { order: 7 });
    expect(outcome).toMatchObject({ state: "completed", output: { answer: { paid: 7 } } });
    expect(done.map(({ order }) => order)).toEqual([7]);
    const [chain] = test.events().filter(({ type }) => type === "TaskSubmitted");
    const types = test.events(chain?.meta.chainId).map(({ type }) => type);
    // On a busy machine the agent may send a command again before its answer has come: that is deferred as known.
    expect(types.filter((type) => type !== "CommandDeferred")).toEqual([
      "TaskSubmitted",
      "TaskAssigned",
      "EffectAdmitted",
      "EffectCommitted",
      "TaskCompleted",
    ]);
  });

  it("a repeated task is the same task: its effect happens once [door:submit-idempotent]", async () => {
    const { done, tool } = refunds();
    const test = await open({ agents: [clerk], tools: [tool] });
    const first = await test.submit("clerk", { order: 7 }, { key: "order-7" });
    const second = await test.submit("clerk", { order: 7 }, { key: "order-7" });
    expect(second).toEqual(first);
    expect(done.length).toBe(1);
  });

  it("refuses what the policy forbids, and the agent learns the reason [rules:freeze]", async () => {
    const { done, tool } = refunds();
    const test = await open({ agents: [clerk], tools: [tool] });
    await test.order("Freeze", {
      freezeId: "audit",
      scope: "tool:refunds.pay",
      effects: ["write"],
      fromMs: 0,
      untilMs: 0,
      reason: "year end",
      by: "operator:test",
    });
    const outcome = await test.submit("clerk", { order: 7 });
    expect(outcome).toMatchObject({ state: "failed", code: "BUSBAR_FREEZE_ACTIVE" });
    expect(done).toEqual([]);
  });

  it("halts and resumes as a person does; the chain runs on from its journal [halt:acknowledged-by-every-owner]", async () => {
    const { done, tool } = refunds();
    let held: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (held = resolve));
    const slow = defineTool({
      name: "orders.find",
      description: "Finds an order",
      effect: "read",
      args: { type: "object" },
      timeoutMs: 2000,
      run: () => gate.then(() => ({ found: true })),
    });
    const agent = defineAgent<{ order: number }>({
      name: "clerk",
      version: "1",
      handler: async ({ input }, ctx) => {
        await ctx.tool("orders.find", {});
        return ctx.tool("refunds.pay", { order: input.order });
      },
    });
    const test = await open({ agents: [agent], tools: [tool, slow] });
    const task = await test.start("clerk", { order: 7 });
    await test.waitFor("EffectAdmitted", ({ tool: name }) => name === "orders.find");
    const fence = await test.halt("fleet");
    expect(test.doors().length).toBe(2);
    held();
    await test.waitFor("EffectCommitted");
    expect(done).toEqual([]);
    await test.resume("fleet", fence);
    const completed = await test.waitFor("TaskCompleted", ({ meta }) => meta.chainId === task.chainId);
    expect(JSON.parse(completed.output)).toEqual({ paid: 7 });
    expect(completed.meta.incarnation).toBe(2);
    expect(done.length).toBe(1);
    const reads = test
      .events(task.chainId)
      .filter((event) => event.type === "EffectAdmitted" && event.tool === "orders.find");
    expect(reads.length).toBe(1);
  });

  it("two agents: one hands a sub-task to the other and gets its result [agents:subtask]", async () => {
    const { tool } = refunds();
    const boss = defineAgent({
      name: "boss",
      version: "1",
      handler: async (_task, ctx) => ({ from: await ctx.send("clerk", { order: 1 }) }),
    });
    const test = await open({ agents: [boss, clerk], tools: [tool], partitions: 4 });
    expect(await test.submit("boss", {})).toMatchObject({
      state: "completed",
      output: { from: { answer: { paid: 1 } } },
    });
  });

  it("a recorded model says what it was told to, call by call [agents:test-in-milliseconds]", async () => {
    const { done, tool } = refunds();
    const model = recordedModel("gpt", [{ calls: [{ tool: "refunds.pay", args: { order: 3 } }] }, "It is paid."]);
    const agent = defineAgent({
      name: "clerk",
      version: "1",
      handler: async (_task, ctx) => {
        const first = await ctx.model("gpt", { messages: [] });
        for (const call of first.message.tool_calls ?? []) {
          await ctx.tool(call.function.name, JSON.parse(call.function.arguments) as { order: number });
        }
        return (await ctx.model("gpt", { messages: [] })).message.content;
      },
    });
    const test = await open({ agents: [agent], tools: [tool], models: [model] });
    expect(await test.submit("clerk", {})).toMatchObject({ state: "completed", output: "It is paid." });
    expect(done.map(({ order }) => order)).toEqual([3]);
    expect(await test.submit("clerk", {})).toMatchObject({ output: "It is paid." });
  });

  it("without a supervisor no door opens, and nothing is done [halt:door-waits-for-supervisor]", async () => {
    const { done, tool } = refunds();
    const test = await open({ agents: [clerk], tools: [tool], supervisor: false });
    await test.start("clerk", { order: 7 });
    await test.waitFor("CommandDeferred", ({ code }) => code === "BUSBAR_DOOR_CLOSED");
    expect(test.doors().map(({ door }) => door)).toEqual(["closed", "closed"]);
    expect(done).toEqual([]);
  });

  it("a thing that never comes is a clear error, not a hang [agents:test-in-milliseconds]", async () => {
    const { tool } = refunds();
    const test = await open({ agents: [clerk], tools: [tool] });
    await expect(test.waitFor("EffectContradicted", () => true, 50)).rejects.toThrow(
      "after 50 ms still not: a EffectContradicted that fits",
    );
  });
});
