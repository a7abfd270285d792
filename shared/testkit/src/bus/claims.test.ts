/** Claims on a whole bus: the gateway makes them of the result, wherever that stands. */
import { defineAgent, defineTool, type ToolDefinition } from "@busbar/agent";
import { afterEach, expect, it, vi } from "vitest";
import { createTestBus, type TestBus } from "./test-bus.ts";

vi.setConfig({ testTimeout: 45_000 });

let bus: TestBus | null = null;
afterEach(async () => {
  await bus?.stop();
  bus = null;
});

const orders = defineTool<{ id: string; padding: number }>({
  name: "orders.read",
  description: "Reads an order.",
  effect: "read",
  args: { type: "object", properties: { id: { type: "string" }, padding: { type: "integer" } } },
  claims: [{ subject: "order:{$args.id}", value: "$result.status", source: "orders", version: "$result.rev" }],
  timeoutMs: 5000,
  run: ({ id, padding }) => ({ id, status: "shipped", rev: 3, text: "x".repeat(padding) }),
}) as unknown as ToolDefinition;

const reader = defineAgent({
  name: "reader",
  version: "1",
  handler: async (_task, ctx) => {
    await ctx.tool("orders.read", { id: "7", padding: 0 });
    await ctx.tool("orders.read", { id: "8", padding: 300_000 });
    return "done";
  },
});

it("what a result claims stands on its record, also where the result stands aside [evidence:claims]", async () => {
  bus = await createTestBus({ agents: [reader], tools: [orders], limitMs: 40_000 });
  expect((await bus.submit("reader", {})).state).toBe("completed");
  const claim = { value: '"shipped"', source: "orders", version: "3", asOfMs: 0, ttlMs: 0 };
  const small = await bus.waitFor("EffectCommitted", ({ meta }) => meta.claimCheck === null);
  expect(small.claims).toEqual([{ subject: "order:7", ...claim }]);
  const large = await bus.waitFor("EffectCommitted", ({ meta }) => meta.claimCheck !== null);
  expect(large).toMatchObject({ result: "", claims: [{ subject: "order:8", ...claim }] });
});
