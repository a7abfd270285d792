import { type AgentDefinition, defineAgent } from "@busbar/agent";
import type { BusEvent } from "@busbar/events";
import { afterEach, describe, expect, it, vi } from "vitest";
import { until } from "../until.ts";
import { gate } from "./scenes.ts";
import { createTestBus, type TestBus, type TestPolicy } from "./test-bus.ts";

// A second each on a free machine; a busy one gets more time, not another verdict.
vi.setConfig({ testTimeout: 90_000 });

let bus: TestBus | null = null;
afterEach(async () => {
  await bus?.stop();
  bus = null;
});

const TASKS = 60;
const PAUSE = 12;
const SLOW: NonNullable<TestPolicy["flow"]> = {
  agent: { lower: 4, upper: 8, pause: PAUSE },
  intervalMs: 20,
  retryAfterMs: 60,
  orderEveryMs: 50,
};

const quick = defineAgent({ name: "quick", version: "1", handler: async () => ({ done: true }) });
const slowUntil = (passed: Promise<void>): AgentDefinition =>
  defineAgent({
    name: "slow",
    version: "1",
    handler: async () => {
      await passed;
      return { done: true };
    },
  });

/** Open chains of the slow agent after each record, counted from the records alone. */
function openOverTime(events: readonly BusEvent[]): { readonly now: number; readonly most: number } {
  const open = new Set<string>();
  let most = 0;
  for (const { type, meta } of events) {
    if (meta.agent !== "slow") continue;
    if (type === "TaskSubmitted") open.add(meta.chainId);
    if (type === "TaskCompleted" || type === "TaskFailed") open.delete(meta.chainId);
    most = Math.max(most, open.size);
  }
  return { now: open.size, most };
}

const heldChains = (test: TestBus): number =>
  new Set(
    test
      .events()
      .filter((event) => event.type === "CommandDeferred" && event.code === "BUSBAR_FLOW_HELD")
      .map(({ meta }) => meta.chainId),
  ).size;

const orderedLevels = (test: TestBus): readonly string[] =>
  test
    .events()
    .flatMap((event) => ("applied" in event ? event.applied : []))
    .filter(({ kind, id }) => (kind === "Throttle" || kind === "Unthrottle") && id === "agent:slow")
    .map(({ kind, detail }) => (kind === "Unthrottle" ? "flowing" : (JSON.parse(detail) as { level: string }).level));

async function overload(flow: NonNullable<TestPolicy["flow"]>) {
  const at = gate();
  const test = await createTestBus({ agents: [slowUntil(at.passed), quick], policy: { flow }, limitMs: 60_000 });
  bus = test;
  const started = Array.from({ length: TASKS }, () => test.start("slow", {}));
  for (const one of started) one.catch(() => undefined);
  /** Lets the agent work, and waits until every task has ended. */
  const finish = async (): Promise<readonly string[]> => {
    at.open();
    const handles = await Promise.all(started);
    const outcomes = await Promise.all(handles.map((handle) => test.outcome(handle)));
    return outcomes.map(({ state }) => state);
  };
  return { test, finish };
}

describe("an agent that is given several times what it can do", () => {
  it("has no more open chains than its marks allow, others go on, halts are acknowledged, and every task is done in the end [flow:slow-agent-bounded]", async () => {
    const { test, finish } = await overload(SLOW);
    await until(() => heldChains(test) === TASKS - PAUSE, "all that is too much is put off", 45_000);
    expect(openOverTime(test.events()).now).toBe(PAUSE);
    await until(() => orderedLevels(test).includes("paused"), "the supervisor has ordered it", 45_000);
    for (let n = 0; n < 5; n += 1) expect((await test.submit("quick", {})).state).toBe("completed");
    const fence = await test.halt("agent:quick");
    await test.resume("agent:quick", fence);
    // A person lets go: no supervisor takes hold, or says that it is over, while the load is as high as it was.
    await test.order("Unthrottle", {
      key: "agent:slow",
      cause: "",
      sinceMs: 0,
      through: "",
      reason: "",
      by: "operator:test",
    });
    for (let n = 0; n < 5; n += 1) await test.submit("quick", {});
    // The person's word, in two partitions, and nothing since.
    expect(orderedLevels(test).filter((level) => level === "flowing").length).toBe(2);
    expect(orderedLevels(test).at(-1)).toBe("flowing");
    expect(await finish()).toEqual(Array.from({ length: TASKS }, () => "completed"));
    expect(openOverTime(test.events())).toEqual({ now: 0, most: PAUSE });
    await until(() => orderedLevels(test).at(-1) === "flowing", "it is let go", 45_000);
  });

  it("without flow control has them all open at once [flow:slow-agent-bounded]", async () => {
    const off = { agent: { lower: 0, upper: 0, pause: 0 } };
    const { test, finish } = await overload(off);
    await until(() => openOverTime(test.events()).now === TASKS, "everything is open", 45_000);
    expect(await finish()).toEqual(Array.from({ length: TASKS }, () => "completed"));
    expect([openOverTime(test.events()).most, heldChains(test), orderedLevels(test)]).toEqual([TASKS, 0, []]);
  });
});
