import { defineAgent, defineTool } from "@busbar/agent";
import { afterEach, describe, expect, it, vi } from "vitest";
import { until } from "../until.ts";
import { createTestBus, type TestBus } from "./test-bus.ts";

// A second each on a free machine; a busy one gets more time, not another verdict.
vi.setConfig({ testTimeout: 60_000 });

let bus: TestBus | null = null;
afterEach(async () => {
  await bus?.stop();
  bus = null;
});

const tool = (name: string) =>
  defineTool({
    name,
    description: "Answers",
    effect: "read",
    args: { type: "object" },
    timeoutMs: 2000,
    run: () => ({ ok: true }),
  });
const clerk = defineAgent<{ tool: string }>({
  name: "clerk",
  version: "1",
  handler: ({ input }, ctx) => ctx.tool(input.tool, {}),
});

const WINDOW = 16;

async function open(drift: { readonly window?: number; readonly action?: "inform" | "halt" }): Promise<TestBus> {
  bus = await createTestBus({
    agents: [clerk],
    tools: [tool("orders.read"), tool("orders.refund")],
    policy: { drift: { window: WINDOW, ...drift } },
  });
  return bus;
}

/** One after the other; two decisions each: the call, and the end of the task. */
async function asks(test: TestBus, name: string, times: number): Promise<readonly string[]> {
  const ended: string[] = [];
  for (let n = 0; n < times; n += 1) ended.push((await test.submit("clerk", { tool: name })).state);
  return ended;
}

const appliedKinds = (test: TestBus): readonly string[] =>
  test
    .events()
    .flatMap((event) => ("applied" in event ? event.applied : []))
    .map(({ kind }) => kind);

const noticed = (test: TestBus): Promise<void> =>
  until(
    () => appliedKinds(test).filter((kind) => kind === "DriftDetected").length === 2,
    "both doors know of it",
    30_000,
  );

describe("an agent that begins to decide otherwise", () => {
  it("is told in every partition with what moved, and goes on [drift:informs] [drift:detected]", async () => {
    const test = await open({});
    await asks(test, "orders.read", WINDOW);
    expect(appliedKinds(test)).not.toContain("DriftDetected");
    await asks(test, "orders.refund", WINDOW);
    await noticed(test);
    const [notice] = test
      .events()
      .flatMap((event) => ("applied" in event ? event.applied : []))
      .filter(({ kind }) => kind === "DriftDetected");
    const detail = JSON.parse(notice?.detail ?? "{}") as { key: string; moved: readonly { decision: string }[] };
    expect(detail.key).toBe("agent:clerk");
    expect(
      detail.moved
        .slice(0, 2)
        .map(({ decision }) => decision)
        .toSorted(),
    ).toEqual(["orders.read done", "orders.refund done"]);
    expect(await asks(test, "orders.refund", 2)).toEqual(["completed", "completed"]);
    expect(appliedKinds(test)).not.toContain("Halt");
  });

  it("is halted for it where the policy says so [drift:informs]", async () => {
    const test = await open({ action: "halt" });
    await asks(test, "orders.read", WINDOW);
    await asks(test, "orders.refund", WINDOW).catch(() => undefined);
    await noticed(test);
    await test.waitFor("HaltAcknowledged", ({ applied }) => applied.some(({ scope }) => scope === "agent:clerk"));
  });

  it("without the statistic nobody hears of it [drift:informs]", async () => {
    const test = await open({ window: 0 });
    await asks(test, "orders.read", WINDOW);
    await asks(test, "orders.refund", WINDOW);
    expect(await asks(test, "orders.refund", 2)).toEqual(["completed", "completed"]);
    expect(appliedKinds(test)).not.toContain("DriftDetected");
  });
});
