/** Checks of results on a whole bus: a malformed answer of a tool or a model dies at the boundary. */
import { defineAgent, defineTool, isCallError, type ToolDefinition, type ToolSpec } from "@busbar/agent";
import type { Json } from "@busbar/kernel";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createTestBus, type TestBus, type TestBusOptions } from "./test-bus.ts";

vi.setConfig({ testTimeout: 45_000 });

let bus: TestBus | null = null;
afterEach(async () => {
  await bus?.stop();
  bus = null;
});
const run = async (options: Omit<TestBusOptions, "limitMs">, agent: string) => {
  bus = await createTestBus({ ...options, limitMs: 40_000 });
  return bus.submit(agent, {});
};

const PLAUSIBLE = {
  name: "plausible",
  require: "result.cents >= 0 && result.cents < 1000000",
  reason: "no such price",
};

function priceTool(
  prices: readonly number[],
  more: Partial<ToolSpec> = {},
): { calls: () => number; tool: ToolDefinition } {
  let calls = 0;
  const tool = defineTool({
    name: "price.set",
    description: "Sets a price and says what it is now.",
    effect: "write",
    attempts: 3,
    args: { type: "object" },
    timeoutMs: 5000,
    run: (): Json => {
      calls += 1;
      return { cents: prices[calls - 1] ?? 0 };
    },
    ...more,
  });
  return { calls: () => calls, tool };
}

const setter = defineAgent({
  name: "setter",
  version: "1",
  handler: async (_task, ctx) => {
    try {
      return await ctx.tool("price.set", {});
    } catch (thrown) {
      if (!isCallError(thrown)) throw thrown;
      return { code: thrown.code, reason: thrown.reason };
    }
  },
});

describe("a result that a check does not hold", () => {
  it("is invalid: the change happened, is told as an error and is not made again [evidence:results]", async () => {
    const { tool, calls } = priceTool([-100, 5], { resultChecks: [PLAUSIBLE] });
    const { output } = await run({ agents: [setter], tools: [tool] }, "setter");
    expect(output).toEqual({ code: "BUSBAR_RESULT_INVALID", reason: "no such price (check plausible)" });
    expect(calls()).toBe(1);
    expect((await bus?.waitFor("EffectCommittedInvalid"))?.result).toBe('{"cents":-100}');
  });

  it("is believed in shadow mode, and the record says what would have been [evidence:shadow]", async () => {
    const { tool } = priceTool([-100], { resultChecks: [{ ...PLAUSIBLE, mode: "shadow" }] });
    expect((await run({ agents: [setter], tools: [tool] }, "setter")).output).toEqual({ cents: -100 });
    expect(await bus?.waitFor("RuleShadowed")).toMatchObject({ rule: "check:plausible", would: "refuse" });
  });

  it("is taken for the truth where no check stands [evidence:results]", async () => {
    const { tool } = priceTool([-100]);
    expect((await run({ agents: [setter], tools: [tool] }, "setter")).output).toEqual({ cents: -100 });
  });

  it("may lie too far from the last claim of its subject, which the first one made [evidence:plausible]", async () => {
    const jump = {
      name: "jump",
      when: '"price:1" in claims',
      require: 'abs(result.cents - claims["price:1"]) <= claims["price:1"] / 10',
      reason: "a price moves by a tenth at most",
    };
    const claims = [{ subject: "price:{$args.id}", value: "$result.cents", source: "prices" }];
    const { tool } = priceTool([1000, 1090, 5000], { effect: "read", volatile: true, claims, resultChecks: [jump] });
    const reader = defineAgent({
      name: "reader",
      version: "1",
      handler: async (_task, ctx) => {
        const seen: Json[] = [];
        for (let look = 1; look <= 3; look += 1) {
          const told: unknown = await ctx
            .tool("price.set", { id: 1 })
            .catch((thrown: unknown) => isCallError(thrown) && thrown.code);
          seen.push(told as Json);
        }
        return seen;
      },
    });
    const { output } = await run({ agents: [reader], tools: [tool] }, "reader");
    expect(output).toEqual([{ cents: 1000 }, { cents: 1090 }, "BUSBAR_RESULT_INVALID"]);
  });
});
