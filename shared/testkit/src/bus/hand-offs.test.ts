/**
 * A person in the middle of a task, on a whole bus: the question outlives agent and gateway, and so does the answer. And
 * an agent that is not sure: its doubt narrows what it may do; without the ladder the harm is done.
 */
import { defineAgent, defineTool, type ToolDefinition } from "@busbar/agent";
import type { Json } from "@busbar/kernel";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createTestBus, type TestBus, type TestBusOptions } from "./test-bus.ts";

vi.setConfig({ testTimeout: 45_000 });

let bus: TestBus | null = null;
afterEach(async () => {
  await bus?.stop();
  bus = null;
});

const refunds = (paid: number[]): ToolDefinition =>
  defineTool<{ amount: number }>({
    name: "pay.refund",
    description: "Pays money back.",
    effect: "write",
    args: { type: "object", properties: { amount: { type: "integer" } }, required: ["amount"] },
    result: { type: "object" },
    timeoutMs: 5000,
    run: ({ amount }): Json => {
      paid.push(amount);
      return { paid: amount };
    },
  }) as unknown as ToolDefinition;

/** Asks which amount, and pays what it is told. */
const asker = defineAgent({
  name: "asker",
  version: "1",
  handler: async (_task, ctx) => {
    const amount = await ctx.handOff<number>("20 or 30?");
    return ctx.tool("pay.refund", { amount });
  },
});

/** Asks, and goes on by itself when nobody answers soon. */
const hasty = defineAgent({
  name: "hasty",
  version: "1",
  handler: (_task, ctx) => ctx.race([ctx.handOff("anybody?"), ctx.sleep(50).then(() => "nobody")]),
});

/** Says that it is not sure, and pays all the same; once more, less sure. */
const unsure = defineAgent({
  name: "unsure",
  version: "1",
  handler: async (_task, ctx) => {
    const pay = (amount: number) => ctx.tool("pay.refund", { amount }).catch(() => "no");
    await ctx.confidence(0.3, "which of two orders is meant");
    await pay(1);
    await ctx.confidence(0.1, "whether there is an order at all");
    await pay(2);
    return "done";
  },
});

async function opened(policy: TestBusOptions["policy"] = {}) {
  const paid: number[] = [];
  const agents = [asker, hasty, unsure];
  bus = await createTestBus({ agents, tools: [refunds(paid)], policy: policy ?? {}, partitions: 1 });
  return { bus, paid };
}
const offsetOf = (eventId: string): string => eventId.slice(eventId.lastIndexOf("/") + 1);

describe("a question to a person", () => {
  it("is answered after agent and gateway were started anew, before and after the answer [handoffs:answered]", async () => {
    const { bus: test, paid } = await opened();
    const task = await test.start("asker", {});
    const { callId, meta } = await test.waitFor("HandedOff");
    await test.replaceGateway();
    await test.replaceAgent("asker");
    const word = { callId, asked: offsetOf(meta.eventId) };
    await test.word("TakeHandOff", meta.chainId, word);
    await test.waitFor("HandOffTaken");
    await test.word("AnswerHandOff", meta.chainId, { ...word, answer: "20" });
    await test.waitFor("HandOffAnswered");
    await test.replaceAgent("asker");
    await expect(test.outcome(task)).resolves.toMatchObject({ state: "completed", output: { paid: 20 } });
    expect(paid).toEqual([20]);
    expect(test.events(meta.chainId).filter(({ type }) => type === "Diverged")).toEqual([]);
  });

  it("is raced with a sleep by who cannot wait; it ends with its task [handoffs:no-error]", async () => {
    const { bus: test } = await opened();
    await expect(test.submit("hasty", {})).resolves.toMatchObject({ state: "completed", output: "nobody" });
  });
});

describe("an agent that says it is not sure", () => {
  it("pays all the same where no ladder is: the harm [degradation:rung-by-rung]", async () => {
    const { bus: test, paid } = await opened();
    await expect(test.submit("unsure", {})).resolves.toMatchObject({ state: "completed" });
    expect(paid).toEqual([1, 2]);
  });

  it("reads only at its first doubt, and at its second a person is asked [degradation:rung-by-rung]", async () => {
    const { bus: test, paid } = await opened({ degradation: {} });
    const task = await test.start("unsure", {});
    const { callId, argsHash, meta, rule } = await test.waitFor("ApprovalRequested");
    expect(rule).toBe("degradation");
    expect(paid).toEqual([]);
    await test.word("DenyEffect", meta.chainId, { callId, argsHash, requested: offsetOf(meta.eventId) });
    await expect(test.outcome(task)).resolves.toMatchObject({ state: "completed" });
    expect(paid).toEqual([]);
    const narrowed = test.events(meta.chainId).map(({ type }) => type);
    expect(narrowed.filter((type) => ["ChainDegraded", "ScopeNarrowed"].includes(type))).toEqual([
      "ChainDegraded",
      "ScopeNarrowed",
    ]);
  });
});
