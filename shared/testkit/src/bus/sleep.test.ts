import { defineAgent, defineTool } from "@busbar/agent";
import type { JsonObject } from "@busbar/kernel";
import { afterEach, describe, expect, it } from "vitest";
import { until } from "../until.ts";
import { createTestBus, type TestBus } from "./test-bus.ts";

let bus: TestBus | null = null;
afterEach(async () => {
  await bus?.stop();
  bus = null;
});

/** A tool that does not answer within the time-out of its caller. */
const slow = defineTool({
  name: "slow",
  description: "Takes its time",
  effect: "read",
  args: { type: "object" },
  timeoutMs: 300,
  run: (_args, { signal }) => new Promise<JsonObject>((resolve) => signal.addEventListener("abort", () => resolve({}))),
});

const sleeper = defineAgent<{ ms: number }>({
  name: "sleeper",
  version: "1",
  handler: async ({ input }, ctx) => {
    const before = ctx.now();
    await ctx.sleep(input.ms);
    return { slept: ctx.now() - before >= input.ms };
  },
});

const hasty = defineAgent({
  name: "hasty",
  version: "1",
  handler: (_task, ctx) => ctx.race([ctx.tool("slow", {}), ctx.sleep(20).then(() => "not waited for")]),
});

describe("a handler that waits", () => {
  it("is woken by a record, though its process and the gateway were replaced meanwhile [timers:survives-kill]", async () => {
    bus = await createTestBus({ agents: [sleeper], partitions: 1 });
    const task = await bus.start("sleeper", { ms: 600 });
    const set = await bus.waitFor("TimerSet");
    await bus.replaceAgent("sleeper");
    await bus.replaceGateway();
    await expect(bus.outcome(task)).resolves.toMatchObject({ state: "completed", output: { slept: true } });
    const told = bus.events(task.chainId);
    expect(told.filter(({ type }) => type === "TimerSet").length).toBe(1);
    const [fired, ...more] = told.filter((event) => event.type === "TimerFired");
    expect([fired?.callId, more.length]).toEqual([set.callId, 0]);
    expect(fired?.meta.atMs).toBeGreaterThanOrEqual(set.dueAtMs);
    expect(told.filter(({ type }) => type === "TaskAssigned").length).toBeGreaterThan(1);
  });

  it("gives a tool its own time: the timer wins the race, the task ends when the tool is known [timers:race-by-the-log] [timers:lost-race]", async () => {
    bus = await createTestBus({ agents: [hasty], tools: [slow], partitions: 1 });
    await expect(bus.submit("hasty", {})).resolves.toMatchObject({ state: "completed", output: "not waited for" });
    const types = bus.events().flatMap(({ type }) => (/Timer|Effect|TaskCompleted/.test(type) ? [type] : []));
    expect(types.slice(-4)).toEqual(["TimerSet", "TimerFired", "EffectFailed", "TaskCompleted"]);
  });

  it("and is halted asleep hears of it at once, and sleeps on after the resume [timers:halt-and-deadline]", async () => {
    bus = await createTestBus({ agents: [sleeper], partitions: 1 });
    const task = await bus.start("sleeper", { ms: 50 });
    const { dueAtMs } = await bus.waitFor("TimerSet");
    const fence = await bus.halt("agent:sleeper");
    await until(() => Date.now() > dueAtMs + 50, "it would be due", 5000);
    expect(bus.events(task.chainId).some(({ type }) => type === "TimerFired")).toBe(false);
    await bus.resume("agent:sleeper", fence);
    await expect(bus.outcome(task)).resolves.toMatchObject({ state: "completed", output: { slept: true } });
  });
});
