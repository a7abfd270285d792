import { defineAgent } from "@busbar/agent";
import type { EventLog } from "@busbar/log";
import { afterEach, describe, expect, it, vi } from "vitest";
import { until } from "../until.ts";
import { type HeldAppends, withHeldAppends } from "./held-appends.ts";
import { EVENTS, faultyBus, gate, journal, type Journal, waiter } from "./scenes.ts";
import type { TestBus } from "./test-bus.ts";

// Milliseconds each on a free machine; a busy one gets more time, not another verdict.
vi.setConfig({ testTimeout: 20_000 });

let bus: TestBus | null = null;
afterEach(async () => {
  await bus?.stop();
  bus = null;
});

/** A bus whose agent's admission is appended and not acknowledged yet. */
async function admittedNotAcknowledged(world: Journal) {
  const at = gate();
  let held: HeldAppends | null = null;
  const wrap = (log: EventLog): EventLog => (held = withHeldAppends(log)).log;
  const { bus: test } = await faultyBus({ agents: [waiter(at)], tools: [world.tool] }, wrap);
  bus = test;
  const appends = held as HeldAppends | null;
  if (appends === null) throw new Error("the log was not wrapped");
  const task = await test.start("waiter", { n: 7 });
  await test.waitFor("TaskAssigned", ({ meta }) => meta.chainId === task.chainId);
  appends.hold(EVENTS, 0);
  at.open();
  await test.waitFor("EffectAdmitted");
  return { test, task, appends };
}

describe("a sub-task", () => {
  it("is forwarded only after its admission is acknowledged, and once [door:subtask-after-acknowledgement]", async () => {
    const at = gate();
    at.open();
    const world = journal();
    const go = gate();
    const boss = defineAgent({
      name: "boss",
      version: "1",
      handler: async (_task, ctx) => {
        await go.passed;
        return ctx.send("waiter", { n: 1 });
      },
    });
    let held: HeldAppends | null = null;
    const wrap = (log: EventLog): EventLog => (held = withHeldAppends(log)).log;
    const { bus: test } = await faultyBus({ agents: [boss, waiter(at)], tools: [world.tool] }, wrap);
    bus = test;
    const appends = held as HeldAppends | null;
    const task = await test.start("boss", {});
    await test.waitFor("TaskAssigned", ({ meta }) => meta.chainId === task.chainId);
    appends?.hold(EVENTS, 0);
    go.open();
    const sent = await test.waitFor("TaskSent");
    const commands = async (): Promise<readonly string[]> => {
      const keys: string[] = [];
      for await (const { records } of test.log.read("test.commands", 0, { from: 0n }))
        keys.push(...records.map(({ key }) => key ?? ""));
      return keys;
    };
    expect(await commands()).not.toContain(sent.childChainId);
    appends?.release();
    await expect(test.outcome(task)).resolves.toMatchObject({ state: "completed", output: { n: 1 } });
    expect(world.entries.length).toBe(1);
    const opened = test.events(sent.childChainId).filter(({ type }) => type === "TaskSubmitted");
    expect(opened.length).toBe(1);
  });
});

describe("the fire step", () => {
  it("starts nothing before the admission is acknowledged [effects:intent-before-effect]", async () => {
    const world = journal();
    const { test, task, appends } = await admittedNotAcknowledged(world);
    expect(appends.waiting()).toBe(1);
    expect(world.entries).toEqual([]);
    appends.release();
    await expect(test.outcome(task)).resolves.toMatchObject({ state: "completed" });
    expect(world.entries.length).toBe(1);
  });

  it("tells an agent nothing before the record is acknowledged [door:effects-wait-for-acknowledgement] [agents:inbox-after-acknowledgement]", async () => {
    const world = journal();
    const { test, task, appends } = await admittedNotAcknowledged(world);
    const { end } = await test.log.offsets("test.inbox.waiter", 0);
    expect(end).toBe(2n);
    appends.release();
    await test.outcome(task);
    expect((await test.log.offsets("test.inbox.waiter", 0)).end).toBeGreaterThan(2n);
  });

  it("abandons an admission that is acknowledged after its bound: on the log, and never fired [effects:fire-bound]", async () => {
    const world = journal({ fireBoundMs: 20 });
    const { test, task, appends } = await admittedNotAcknowledged(world);
    const startedMs = performance.now();
    await until(() => performance.now() - startedMs > 30, "the bound is over", 15_000);
    appends.release();
    const abandoned = await test.waitFor("EffectAbandoned");
    expect(abandoned.reason).toBe("its fire bound of 20 ms is over");
    // The call gets another attempt, and the tool that one alone.
    await expect(test.outcome(task)).resolves.toMatchObject({ state: "completed" });
    expect(world.entries).toHaveLength(1);
    expect(world.entries[0]?.attempt).toBeGreaterThan(1);
  });

  it("abandons an admission when a halt was queued between append and acknowledgement [effects:fire-step-sees-fence]", async () => {
    const world = journal({ fireBoundMs: 5000 });
    const { test, appends } = await admittedNotAcknowledged(world);
    let seen = 0n;
    // Registered after the gateway's own follower, so it hears of the halt after that one did.
    const follower = test.log.follow({
      topic: "test.directives",
      partition: 0,
      from: 0n,
      onDelivery: ({ next }) => void (seen = next),
      onProblem: () => undefined,
    });
    await until(() => seen > 0n, "the follower has caught up", 15_000);
    const before = seen;
    const halted = test.halt("tool:world.change");
    await until(() => seen > before, "the halt was delivered", 15_000);
    await follower.stop();
    appends.release();
    await halted;
    const abandoned = await test.waitFor("EffectAbandoned");
    expect(abandoned.reason).toBe("a halt came before the effect was started");
    expect(world.entries).toEqual([]);
  });

  it("names in flight what was admitted before the halt and may be running [halt:names-in-flight]", async () => {
    const inTool = gate();
    const world = journal({
      timeoutMs: 2000,
      run: async ({ n }) => {
        world.entries.push({ n, key: "", attempt: 0 });
        await inTool.passed;
        return { n };
      },
    });
    const { test, task, appends } = await admittedNotAcknowledged(world);
    appends.release();
    await until(() => world.entries.length === 1, "the tool runs", 15_000);
    await test.halt("fleet");
    const acknowledged = await test.waitFor("HaltAcknowledged");
    expect(acknowledged.inFlight.map(({ callId }) => callId)).toEqual([`${task.chainId}:1`]);
    inTool.open();
    await test.waitFor("EffectCommitted");
    expect(world.entries.length).toBe(1);
  });
});
