/** The gateway's own comparison, on a whole bus: a read right before the change (PROTOCOL 5.7, `check: gateway`). */
import { defineAgent, defineTool, isCallError, type ToolDefinition, type ToolSpec } from "@busbar/agent";
import type { Json } from "@busbar/kernel";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type Gate, gate } from "./scenes.ts";
import { createTestBus, type TestBus } from "./test-bus.ts";

vi.setConfig({ testTimeout: 45_000 });

let bus: TestBus | null = null;
afterEach(async () => {
  await bus?.stop();
  bus = null;
});

interface Shelf {
  row: { version: number; n: number };
  /** Looks that the gateway made for a comparison, and calls that reached the change. */
  compared: number;
  puts: number;
  /** Where it is there, a read for a comparison waits at it. */
  gate: Gate | null;
}
const shelf = (): Shelf => ({ row: { version: 1, n: 1 }, compared: 0, puts: 0, gate: null });

const ARGS = { type: "object", properties: { n: { type: "integer" } } } as const;

function tools(on: Shelf, more: Partial<ToolSpec<{ n: number }>>): readonly ToolDefinition[] {
  const get = defineTool({
    name: "row.get",
    description: "Gets the row.",
    effect: "read",
    args: { type: "object" },
    version: "$result.version",
    volatile: true,
    timeoutMs: 5000,
    run: async (_args, { callId }): Promise<Json> => {
      // The agent reads in its first step and after each refusal; all other reads are the gateway's.
      if (Number(callId.split(":")[1]) % 2 === 0) {
        on.compared += 1;
        await on.gate?.passed;
      }
      return { ...on.row };
    },
  });
  const put = defineTool<{ n: number }>({
    name: "row.put",
    description: "Puts the row.",
    effect: "write",
    args: ARGS,
    dependsOn: { tool: "row.get", args: {} },
    timeoutMs: 5000,
    ...more,
    run: ({ n }): Json => {
      on.puts += 1;
      on.row = { version: on.row.version + 1, n };
      return { ok: true };
    },
  });
  return [get, put].map((tool) => tool as unknown as ToolDefinition);
}

/** Reads, lets `meddle` happen, writes one more than it read; tells what it was told of a stale change, and tries again. */
const adder = (meddle: () => void) =>
  defineAgent({
    name: "adder",
    version: "1",
    handler: async (_task, ctx) => {
      const told: Json[] = [];
      for (;;) {
        const { n } = await ctx.tool<{ n: number }>("row.get", {});
        if (told.length === 0) meddle();
        try {
          await ctx.tool("row.put", { n: n + 1 });
          return told;
        } catch (thrown) {
          if (!isCallError(thrown) || thrown.code !== "BUSBAR_STALE") throw thrown;
          told.push(thrown.freshness);
        }
      }
    },
  });

async function opened(on: Shelf, meddle: () => void, more: Partial<ToolSpec<{ n: number }>> = {}): Promise<TestBus> {
  bus = await createTestBus({ agents: [adder(meddle)], tools: tools(on, more), limitMs: 40_000 });
  return bus;
}
/** What another chain does between the read and the change. */
const other = (on: Shelf) => () => {
  on.row = { version: on.row.version + 1, n: on.row.n + 10 };
};

describe("a change that the gateway compares for", () => {
  it("is refused where another version is there: the tool is not called, and the agent reads again [effects:stale-refused]", async () => {
    const on = shelf();
    const test = await opened(on, other(on));
    const { state, output } = await test.submit("adder", {});
    expect(state).toBe("completed");
    expect(output).toMatchObject([{ read: { version: "1" }, now: { version: "2", result: { n: 11 } } }]);
    expect([on.row.n, on.puts, on.compared]).toEqual([12, 1, 2]);
  });

  it("is made where the version is the one that was read [effects:stale-refused]", async () => {
    const on = shelf();
    const test = await opened(on, () => undefined);
    expect((await test.submit("adder", {})).output).toEqual([]);
    expect([on.row.n, on.puts, on.compared]).toEqual([2, 1, 1]);
  });

  it("overwrites what another chain did where it depends on nothing [effects:stale-refused]", async () => {
    const on = shelf();
    const put = tools(on, {}).find(({ name }) => name === "row.put");
    const { dependsOn: _rule, ...blind } = put as ToolDefinition;
    bus = await createTestBus({
      agents: [adder(other(on))],
      tools: [...tools(on, {}).slice(0, 1), blind],
      limitMs: 40_000,
    });
    expect((await bus.submit("adder", {})).output).toEqual([]);
    expect(on.row.n).toBe(2);
  });

  it("is not started where a halt is applied while it compares; the halt names it in flight [effects:fire-step-sees-fence]", async () => {
    const on = shelf();
    on.gate = gate();
    const test = await opened(on, () => undefined);
    const task = await test.start("adder", {});
    await vi.waitUntil(() => on.compared > 0, { timeout: 40_000 });
    await test.halt("fleet");
    const { inFlight } = await test.waitFor("HaltAcknowledged", (event) => event.inFlight.length > 0);
    expect(inFlight.map(({ chainId }) => chainId)).toEqual([task.chainId]);
    on.gate.open();
    const { reason } = await test.waitFor("EffectAbandoned");
    expect(reason).toContain("halt");
    expect(on.puts).toBe(0);
  });

  it("is not started where the comparison takes longer than its fire bound [effects:fire-bound]", async () => {
    const on = shelf();
    on.gate = gate();
    const test = await opened(on, () => undefined, { fireBoundMs: 60 });
    await test.start("adder", {});
    await test.waitFor("EffectAbandoned");
    on.gate.open();
    expect(on.puts).toBe(0);
  });
});
