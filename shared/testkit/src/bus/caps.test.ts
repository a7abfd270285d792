import { chainOfTaskKey, defineAgent, defineTool } from "@busbar/agent";
import { afterEach, describe, expect, it, vi } from "vitest";
import { gate, keyIn } from "./scenes.ts";
import { createTestBus, type TestBus, type TestPolicy } from "./test-bus.ts";

// Milliseconds each on a free machine; a busy one gets more time, not another verdict.
vi.setConfig({ testTimeout: 20_000 });

let bus: TestBus | null = null;
afterEach(async () => {
  await bus?.stop();
  bus = null;
});

const PARTITIONS = 4;
const caller = defineAgent<{ n: number }>({
  name: "caller",
  version: "1",
  handler: ({ input }, ctx) => ctx.tool("vendor.ask", { n: input.n }),
});

/** A tool that counts how many of its calls are under way, and holds them until the test opens the gate. */
function vendor() {
  const at = gate();
  const own = { now: 0, most: 0, calls: 0 };
  const tool = defineTool<{ n: number }>({
    name: "vendor.ask",
    description: "Asks the vendor",
    effect: "write",
    args: { type: "object" },
    timeoutMs: 15_000,
    fireBoundMs: 5000,
    run: async ({ n }) => {
      own.calls += 1;
      own.now += 1;
      own.most = Math.max(own.most, own.now);
      await at.passed;
      own.now -= 1;
      return { n };
    },
  });
  return { own, tool, open: at.open };
}

async function busOf(tool: ReturnType<typeof vendor>["tool"], policy: TestPolicy): Promise<TestBus> {
  bus = await createTestBus({ agents: [caller], tools: [tool], partitions: PARTITIONS, policy });
  return bus;
}
const keys = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `task-${index}`);

describe("a bulkhead over four partitions", () => {
  it("holds back what has no slot, shows it in /doors, and lets everything through in the end [caps:bulkhead] [caps:shown]", async () => {
    const { own, tool, open } = vendor();
    const test = await busOf(tool, { tools: { "vendor.ask": { concurrency: 4 } } });
    const all = keys(16);
    const tasks = await Promise.all(all.map((key, n) => test.start("caller", { n }, { key })));
    const partitions = new Set(tasks.map(({ partition }) => partition));
    expect(partitions.size).toBe(PARTITIONS);
    for (const { partition } of tasks) {
      const waits = tasks.filter((task) => task.partition === partition).length > 1;
      if (waits)
        await test.waitFor(
          "CommandDeferred",
          ({ code, meta }) =>
            code === "BUSBAR_SLOTS_TAKEN" &&
            tasks.some((task) => task.partition === partition && task.chainId === meta.chainId),
        );
    }
    const caps = test.doors().map((door) => door.caps[0]);
    expect(caps).toMatchObject(
      caps.map(() => ({ key: "tool:vendor.ask", concurrency: { total: 4, share: 1, out: 1 } })),
    );
    expect(caps.some((cap) => (cap?.waiting ?? 0) > 0)).toBe(true);
    open();
    const ends = await Promise.all(tasks.map((task) => test.outcome(task)));
    expect(ends.map(({ state }) => state)).toEqual(all.map(() => "completed"));
    expect(own).toMatchObject({ calls: 16, most: 4 });
  });

  it("of less than the partitions lives on one of them: elsewhere a call waits, says what to type, and its deadline ends it [caps:named-partitions]", async () => {
    const { own, tool, open } = vendor();
    open();
    const test = await busOf(tool, { tools: { "vendor.ask": { concurrency: 1 } } });
    const home = test.doors().find(({ caps }) => caps[0]?.concurrency?.share === 1)?.partition ?? -1;
    const away = (home + 1) % PARTITIONS;
    const keyOf = (partition: number): string => keyIn(partition, PARTITIONS, chainOfTaskKey);
    await expect(test.submit("caller", { n: 1 }, { key: keyOf(home) })).resolves.toMatchObject({ state: "completed" });
    const deadlineAtMs = Date.now() + 1500;
    const end = await test.submit("caller", { n: 2 }, { key: keyOf(away), deadlineAtMs });
    expect(end).toMatchObject({ state: "failed", code: "BUSBAR_DEADLINE_PASSED" });
    const waited = await test.waitFor("CommandDeferred", ({ code }) => code === "BUSBAR_CAP_ELSEWHERE");
    expect(waited.reason).toContain(`lives on partition ${home} of 4, and the chain is on partition ${away}`);
    expect(own.calls).toBe(1);
  });
});
