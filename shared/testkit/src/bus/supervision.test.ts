import { chainOfTaskKey, defineAgent, defineTool } from "@busbar/agent";
import { partitionOf } from "@busbar/events";
import type { EventLog, FollowOptions } from "@busbar/log";
import { afterEach, describe, expect, it, vi } from "vitest";
import { until } from "../until.ts";
import { gate, journal, keyIn, waiter } from "./scenes.ts";
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
const key = (partition: number): string => keyIn(partition, 2, chainOfTaskKey);

const caller = defineAgent({ name: "caller", version: "1", handler: (_task, ctx) => ctx.tool("vendor.ask", {}) });
/** A tool of a vendor that is down until the test says otherwise. */
function vendor() {
  const own = { isUp: false, asked: 0 };
  const tool = defineTool({
    name: "vendor.ask",
    description: "Asks the vendor",
    effect: "read",
    args: { type: "object" },
    timeoutMs: 200,
    run: () => {
      own.asked += 1;
      if (!own.isUp) throw new Error("the vendor is down");
      return { ok: true };
    },
  });
  return { own, tool };
}
/** A grant lives as long as the cool-down: long enough to arrive on a busy machine. */
const breaker = { consecutiveFailures: 2, perAgent: 0, pairFailures: 0, cooldownMs: 400, probes: 1 };

describe("a breaker across chains", () => {
  it("one failure each in chains of two partitions opens it; a third chain is refused [supervisor:breaker-across-chains]", async () => {
    const { own, tool } = vendor();
    const test = await open({
      agents: [caller],
      tools: [tool],
      policy: { breaker: { ...breaker, cooldownMs: 60_000 } },
    });
    const failed = await Promise.all([0, 1].map((partition) => test.submit("caller", {}, { key: key(partition) })));
    expect(failed.map(({ state }) => state)).toEqual(["failed", "failed"]);
    const applied = await test.waitFor("DirectivesApplied", (event) =>
      event.applied.some(({ kind }) => kind === "OpenBreaker"),
    );
    expect(applied.applied.find(({ kind }) => kind === "OpenBreaker")?.id).toBe("tool:vendor.ask");
    await until(() => opensOf(test).length === 2, "both doors have applied it", 15_000);
    expect(await test.submit("caller", {})).toMatchObject({ state: "failed", code: "BUSBAR_BREAKER_OPEN" });
    expect(own.asked).toBe(2);
  });

  it("opens half by a grant to the partition that asked: one probe, and its success closes it [supervisor:half-open-by-grants]", async () => {
    const { own, tool } = vendor();
    // A grant lasts for one cool-down: long enough to be spent on a busy machine.
    const test = await open({ agents: [caller], tools: [tool], policy: { breaker: { ...breaker, cooldownMs: 2000 } } });
    await Promise.all([0, 1].map((partition) => test.submit("caller", {}, { key: key(partition) })));
    await until(() => opensOf(test).length === 2, "both doors have applied it", 15_000);
    own.isUp = true;
    expect(await test.submit("caller", {})).toMatchObject({ code: "BUSBAR_BREAKER_OPEN" });
    await test.waitFor("DirectivesApplied", (event) => event.applied.some(({ kind }) => kind === "Grant"));
    await until(async () => (await test.submit("caller", {})).state === "completed", "a probe passes", 15_000);
    const probes = test.events().filter((event) => event.type === "EffectAdmitted" && event.probes.length > 0);
    expect(probes.length).toBe(1);
    await test.waitFor("DirectivesApplied", (event) => event.applied.some(({ kind }) => kind === "CloseBreaker"));
  });

  it("a supervisor that is replaced gives no second order for the same cause [supervisor:restart-same-orders]", async () => {
    const { tool } = vendor();
    const test = await open({
      agents: [caller],
      tools: [tool],
      policy: { breaker: { ...breaker, cooldownMs: 60_000 } },
    });
    await Promise.all([0, 1].map((partition) => test.submit("caller", {}, { key: key(partition) })));
    await until(() => opensOf(test).length === 2, "both doors have applied it", 15_000);
    await test.stopSupervisor();
    await test.startSupervisor();
    const { end } = await test.log.offsets("test.signals", partitionOf("tool:vendor.ask", 2));
    expect(end).toBeGreaterThanOrEqual(2n);
    await test.order("CloseBreaker", { key: "tool:vendor.ask", cause: "", reason: "fixed", by: "operator:test" });
    const causes = test
      .events()
      .flatMap((event) => ("applied" in event ? event.applied : []))
      .filter(({ kind }) => kind === "OpenBreaker")
      .map(({ detail }) => (JSON.parse(detail) as { cause: string }).cause);
    expect(new Set(causes).size).toBe(1);
  });

  it("without the supervisor the same calls go through, until the door goes read-only [supervisor:needed]", async () => {
    const { own, tool } = vendor();
    const world = journal();
    const at = gate();
    at.open();
    const settings = { heartbeatStaleMs: 400 };
    const test = await open({ agents: [caller, waiter(at)], tools: [tool, world.tool], policy: { breaker }, settings });
    await test.stopSupervisor();
    for (const partition of [0, 1]) await test.submit("caller", {}, { key: key(partition) });
    expect(await test.submit("caller", {})).toMatchObject({ code: "BUSBAR_TOOL_FAILED" });
    expect(own.asked).toBe(3);
    await until(() => test.doors().every(({ door }) => door === "degraded"), "both doors are read-only", 15_000);
    const task = await test.start("waiter", { n: 1 });
    await test.waitFor(
      "CommandDeferred",
      ({ code, meta }) => code === "BUSBAR_DOOR_DEGRADED" && meta.chainId === task.chainId,
    );
    expect(world.entries).toEqual([]);
    await test.startSupervisor();
    await expect(test.outcome(task)).resolves.toMatchObject({ state: "completed" });
  });
});

const opensOf = (test: TestBus) =>
  test.events().filter((event) => "applied" in event && event.applied.some(({ kind }) => kind === "OpenBreaker"));

describe("halts", () => {
  it("of a rule reach the sub-tasks in other partitions [door:halt-reaches-subtasks]", async () => {
    const at = gate();
    const world = journal();
    const boss = defineAgent({
      name: "boss",
      version: "1",
      handler: async (_task, ctx) => {
        const child = ctx.send("waiter", { n: 1 });
        child.catch(() => undefined);
        await ctx.tool("no.such.tool", {}).catch(() => undefined);
        await ctx.tool("no.such.tool", { again: true }).catch(() => undefined);
        return child;
      },
    });
    const test = await open({ agents: [boss, waiter(at)], tools: [world.tool] });
    let parent = "";
    for (let index = 0; ; index += 1) {
      const outcome = await test.start("boss", {}, { key: `p${index}` });
      parent = outcome.chainId;
      const sent = await test.waitFor("TaskSent", ({ meta }) => meta.chainId === parent);
      if (partitionOf(sent.childChainId, 2) !== partitionOf(parent, 2)) break;
    }
    await test.waitFor("ChainHalted", ({ meta, rule }) => meta.chainId === parent && rule === "consecutive-errors");
    const child = await test.waitFor("TaskSubmitted", ({ parentChainId }) => parentChainId === parent);
    const partition = partitionOf(child.meta.chainId, 2);
    const covers = (applied: readonly { readonly scope: string }[]) =>
      applied.some(({ scope }) => scope === `chain:${parent}`);
    await test.waitFor(
      "HaltAcknowledged",
      ({ meta, applied }) => covers(applied) && meta.eventId.startsWith(`test.events/${partition}/`),
    );
    at.open();
    await expect(test.submit("waiter", { n: 2 }, { key: key(partition) })).resolves.toMatchObject({
      state: "completed",
    });
    expect(world.entries.filter(({ n }) => n === 1)).toEqual([]);
  });
});

describe("agents", () => {
  it("a process that ends without a word: its chain runs on in another, each effect done once [agents:resume-after-kill]", async () => {
    const [first, second] = [gate(), gate()];
    const world = journal();
    const worker = defineAgent({
      name: "worker",
      version: "1",
      handler: async (_task, ctx) => {
        await ctx.tool("world.change", { n: 1 });
        await first.passed;
        await ctx.tool("world.change", { n: 2 });
        await second.passed;
        return ctx.tool("world.change", { n: 3 });
      },
    });
    const test = await open({ agents: [worker], tools: [world.tool] });
    const task = await test.start("worker", {});
    await test.waitFor("EffectCommitted");
    await test.replaceAgent("worker");
    first.open();
    second.open();
    await expect(test.outcome(task)).resolves.toMatchObject({ state: "completed", output: { n: 3 } });
    expect(world.entries.map(({ n }) => n)).toEqual([1, 2, 3]);
    const assigned = test
      .events(task.chainId)
      .flatMap((event) => (event.type === "TaskAssigned" ? [event.incarnation] : []));
    expect(assigned).toEqual([1, 2]);
  });
});

describe("starting", () => {
  it("gateway, supervisor and agent start in any order; what was asked meanwhile is done [ownership:any-start-order]", async () => {
    const at = gate();
    at.open();
    const world = journal();
    const test = await open({ agents: [waiter(at)], tools: [world.tool], supervisor: false });
    const first = await test.start("waiter", { n: 1 });
    await test.waitFor("CommandDeferred", ({ code }) => code === "BUSBAR_DOOR_CLOSED");
    await test.startSupervisor();
    await expect(test.outcome(first)).resolves.toMatchObject({ state: "completed" });
    await test.stopSupervisor();
    await test.replaceGateway();
    await test.replaceAgent("waiter");
    const second = await test.start("waiter", { n: 2 });
    await test.startSupervisor();
    await expect(test.outcome(second)).resolves.toMatchObject({ state: "completed" });
    expect(world.entries.map(({ n }) => n)).toEqual([1, 2]);
  });

  it("an agent process reads its inbox and the directives and nothing else [agents:reads-inbox-and-directives]", async () => {
    const at = gate();
    at.open();
    const world = journal();
    const topics = new Set<string>();
    const agentLog = (log: EventLog): EventLog =>
      new Proxy(log, {
        get: (target, name: keyof EventLog) => {
          if (name === "follow")
            return (options: FollowOptions) => target.follow({ ...options, topic: noted(topics, options.topic) });
          if (name === "read")
            return (topic: string, ...rest: [number, { from: bigint }]) => target.read(noted(topics, topic), ...rest);
          const member = target[name];
          return typeof member === "function" ? (member as (...all: unknown[]) => unknown).bind(target) : member;
        },
      });
    const test = await open({ agents: [waiter(at)], tools: [world.tool], agentLog });
    await expect(test.submit("waiter", { n: 1 })).resolves.toMatchObject({ state: "completed" });
    await test.halt("fleet");
    expect([...topics].toSorted()).toEqual(["test.directives", "test.inbox.waiter"]);
  });
});

const noted = (topics: Set<string>, topic: string): string => {
  topics.add(topic);
  return topic;
};

describe("time", () => {
  it("a clock that is off degrades the door: nothing is changed under it [time:clock-checked]", async () => {
    const at = gate();
    at.open();
    const world = journal();
    const skew = { ms: 0 };
    const clock = { nowMs: () => Date.now() + skew.ms, monotonicMs: () => performance.now() };
    const test = await open({
      agents: [waiter(at)],
      tools: [world.tool],
      clock,
      partitions: 1,
      settings: { heartbeatStaleMs: 60_000 },
    });
    await test.submit("waiter", { n: 1 });
    skew.ms = -30_000;
    await test.start("waiter", { n: 2 });
    const degraded = await test.waitFor("DoorDegraded");
    expect(degraded.reason).toMatch(/^our clock is -(29|30)\d{3} ms from the broker's$/u);
    expect(world.entries.filter(({ n }) => n === 3)).toEqual([]);
    const task = await test.start("waiter", { n: 3 });
    await test.waitFor(
      "CommandDeferred",
      ({ code, meta }) => code === "BUSBAR_DOOR_DEGRADED" && meta.chainId === task.chainId,
    );
    expect(world.entries.filter(({ n }) => n === 3)).toEqual([]);
  });
});
