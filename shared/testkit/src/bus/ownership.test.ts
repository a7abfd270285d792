import { chainOfTaskKey } from "@busbar/agent";
import { afterEach, describe, expect, it, vi } from "vitest";
import { until } from "../until.ts";
import { type HeldAppends, withHeldAppends } from "./held-appends.ts";
import { type Gate, EVENTS, faultyBus, gate, journal, type Journal, waiter } from "./scenes.ts";
import type { TestBus, TestBusOptions } from "./test-bus.ts";

// Milliseconds each on a free machine; a busy one gets more time, not another verdict.
vi.setConfig({ testTimeout: 20_000 });

let bus: TestBus | null = null;
afterEach(async () => {
  await bus?.stop();
  bus = null;
});

async function opened(world: Journal, at: Gate, more: Partial<TestBusOptions> = {}) {
  const made = await faultyBus({
    agents: [waiter(at)],
    tools: [world.tool],
    policy: { limits: { settleMarginMs: 1 } },
    ...more,
  });
  ({ bus } = made);
  return made;
}
const claims = (test: TestBus): number => test.events().filter(({ type }) => type === "PartitionClaimed").length;
/** Types of a chain's events; what is only said about commands that were sent again is left out. */
const typesOf = (test: TestBus, chain: string): readonly string[] =>
  test.events(chain).flatMap(({ type }) => (type === "CommandDeferred" ? [] : [type]));

/** A task that waits at its gate, with nothing left to append. */
async function idle(test: TestBus) {
  const task = await test.start("waiter", { n: 7 });
  await test.waitFor("TaskAssigned", ({ meta }) => meta.chainId === task.chainId);
  return task;
}

describe("an append whose answer is lost", () => {
  it("drops memory and queue, claims again, and starts nothing on the lost word; exact tools are fired once [door:unknown-drops-queue]", async () => {
    const [world, at] = [journal({ toolClass: "exact", keyLifetimeMs: 86_400_000, fireBoundMs: 400 }), gate()];
    const { bus: test, faults } = await opened(world, at);
    const task = await idle(test);
    faults.loseAnswer(EVENTS, 0);
    at.open();
    await expect(test.outcome(task)).resolves.toMatchObject({ state: "completed", output: { n: 7 } });
    expect(claims(test)).toBe(2);
    expect(typesOf(test, task.chainId)).toEqual([
      "TaskSubmitted",
      "TaskAssigned",
      "EffectAdmitted",
      "EffectInDoubt",
      "EffectAdmitted",
      "EffectCommitted",
      "TaskCompleted",
    ]);
    expect(world.entries.map(({ attempt }) => attempt)).toEqual([2]);
  });

  it("of an at-most-once tool leaves the effect to a person: never started, never started later [effects:at-most-once]", async () => {
    const [world, at] = [journal({ fireBoundMs: 400 }), gate()];
    const { bus: test, faults } = await opened(world, at);
    const task = await idle(test);
    faults.loseAnswer(EVENTS, 0);
    at.open();
    const settled = await test.waitFor("EffectSettled");
    expect([settled.outcome, settled.by]).toEqual(["unknown", "gateway"]);
    await test.waitFor("ChainDegraded", ({ meta }) => meta.chainId === task.chainId);
    expect(world.entries).toEqual([]);
  });

  it("that never lands: the command is decided again and the effect happens once; the late record is void [placement:void-at-mismatch]", async () => {
    const [world, at] = [journal(), gate()];
    const { bus: test, faults } = await opened(world, at);
    const task = await idle(test);
    faults.holdBack(EVENTS, 0);
    at.open();
    await expect(test.outcome(task)).resolves.toMatchObject({ state: "completed" });
    await faults.land(EVENTS, 0);
    await until(() => test.voids() > 0, "the late record is seen", 15_000);
    await expect(test.submit("waiter", { n: 8 })).resolves.toMatchObject({ state: "completed" });
    expect(world.entries.map(({ n }) => n)).toEqual([7, 8]);
  });

  it("of an outcome: it is appended again in the new epoch, the effect is not [effects:outcome-survives-reload]", async () => {
    const [inTool, at] = [gate(), gate()];
    at.open();
    const world = journal({
      timeoutMs: 2000,
      run: async ({ n }) => {
        world.entries.push({ n, key: "", attempt: 0 });
        await inTool.passed;
        return { n };
      },
    });
    const { bus: test, faults } = await opened(world, at);
    const task = await test.start("waiter", { n: 7 });
    await until(() => world.entries.length === 1, "the tool runs", 15_000);
    faults.holdBack(EVENTS, 0);
    inTool.open();
    await expect(test.outcome(task)).resolves.toMatchObject({ state: "completed", output: { n: 7 } });
    expect(claims(test)).toBe(2);
    expect(world.entries.length).toBe(1);
    expect(typesOf(test, task.chainId).filter((type) => type === "EffectCommitted").length).toBe(1);
  });

  it("of an outcome that came late, after its effect was named in doubt: it is told again in the new epoch [effects:outcome-survives-reload]", async () => {
    const [inTool, at] = [gate(), gate()];
    at.open();
    const world = journal({
      run: async ({ n }) => {
        await inTool.passed;
        return { n };
      },
    });
    const { bus: test, faults } = await opened(world, at);
    const task = await test.start("waiter", { n: 7 });
    await test.waitFor("ChainDegraded", ({ meta }) => meta.chainId === task.chainId);
    faults.holdBack(EVENTS, 0);
    inTool.open();
    const settled = await test.waitFor("EffectSettled", ({ outcome }) => outcome === "committed");
    expect(settled.by).toBe("late-outcome");
    expect(claims(test)).toBe(2);
    await expect(test.outcome(task)).resolves.toMatchObject({ state: "completed", output: { n: 7 } });
  });

  it("what waited in the queue goes with the memory: it is taken from the log again, once [door:unknown-drops-queue]", async () => {
    const [world, at] = [journal({ toolClass: "exact", keyLifetimeMs: 86_400_000, fireBoundMs: 400 }), gate()];
    let held: HeldAppends | null = null;
    const options = { agents: [waiter(at)], tools: [world.tool], policy: { limits: { settleMarginMs: 1 } } };
    const made = await faultyBus(options, (log) => (held = withHeldAppends(log)).log);
    bus = made.bus;
    const appends = held as HeldAppends | null;
    const task = await idle(made.bus);
    made.faults.loseAnswer(EVENTS, 0);
    appends?.hold(EVENTS, 0);
    at.open();
    await made.bus.waitFor("EffectAdmitted");
    const { end } = await made.bus.log.offsets("test.commands", 0);
    const second = made.bus.start("waiter", { n: 8 });
    await until(
      async () => (await made.bus.log.offsets("test.commands", 0)).end > end,
      "the command is on the log",
      1000,
    );
    appends?.release();
    await expect(made.bus.outcome(await second)).resolves.toMatchObject({ state: "completed" });
    await expect(made.bus.outcome(task)).resolves.toMatchObject({ state: "completed" });
    // A client that waits too long sends again; that is another command. One command has one answer.
    const submissions = ["TaskSubmitted", "TaskAlreadyKnown"];
    const answered = made.bus.events().filter(({ type }) => submissions.includes(type));
    const commands = answered.map(({ meta }) => meta.causationId);
    expect(commands.toSorted()).toEqual([...new Set(commands)].toSorted());
  });

  it("of a publication to an inbox is sent again, and the agent takes it once [agents:inbox-deduped]", async () => {
    const [world, at] = [journal(), gate()];
    const { bus: test, faults } = await opened(world, at);
    at.open();
    for (let n = 0; n < 5; n += 1) {
      faults.losePublishAnswer();
      await expect(test.submit("waiter", { n })).resolves.toMatchObject({ state: "completed" });
    }
    expect(world.entries.map(({ n }) => n)).toEqual([0, 1, 2, 3, 4]);
  });
});

describe("somebody else in the partition", () => {
  it("a second claimant: the owner stops, claims again and loses nothing [ownership:superseded-stops]", async () => {
    const [world, at] = [journal(), gate()];
    const { bus: test, faults } = await opened(world, at);
    const task = await idle(test);
    await faults.claim(EVENTS, 0, { owner: "other", nonce: "other-1" });
    at.open();
    await expect(test.outcome(task)).resolves.toMatchObject({ state: "completed" });
    expect(world.entries.length).toBe(1);
    const owners = test.events().flatMap((event) => (event.type === "PartitionClaimed" ? [event.owner] : []));
    expect(owners).toEqual(["gateway-1", "other", "gateway-1"]);
  });

  it("is noticed by an owner that has nothing to write [ownership:idle-owner-notices]", async () => {
    const [world, at] = [journal(), gate()];
    const { bus: test, faults } = await opened(world, at);
    await idle(test);
    await faults.claim(EVENTS, 0, { owner: "other", nonce: "other-1" });
    await until(() => claims(test) === 3, "the owner claims again", 15_000);
    await until(() => test.doors()[0]?.door === "open", "and opens", 15_000);
  });

  it("an intruder's record is void and changes no state; the work goes on [placement:void-is-never-state]", async () => {
    const [world, at] = [journal(), gate()];
    const { bus: test, faults } = await opened(world, at);
    const task = await idle(test);
    const headers = { type: "TaskCompleted", at: "999", epoch: "0:nobody", digest: "", prev: "" };
    await faults.intrude(EVENTS, 0, [{ key: task.chainId, value: new Uint8Array([1, 2, 3]), headers }]);
    at.open();
    await expect(test.outcome(task)).resolves.toMatchObject({ state: "completed" });
    // The intruder's, and what the owner had written for the place that it took.
    expect(test.voids()).toBeGreaterThanOrEqual(1);
    expect(world.entries.length).toBe(1);
  });
});

describe("a successor", () => {
  it("goes on from a checkpoint as from the beginning; finished tasks are known, open ones run on [ownership:restore-equals-replay]", async () => {
    const [world, at] = [journal(), gate()];
    const { bus: test } = await opened(world, at, { settings: { checkpointEvery: 3 } });
    const open = await idle(test);
    at.open();
    await test.outcome(open);
    const first = await test.submit("waiter", { n: 1 }, { key: "one" });
    await test.replaceGateway();
    expect(await test.submit("waiter", { n: 1 }, { key: "one" })).toEqual(first);
    await expect(test.submit("waiter", { n: 2 })).resolves.toMatchObject({ state: "completed" });
    expect(world.entries.map(({ n }) => n)).toEqual([7, 1, 2]);
    const known = test.events(chainOfTaskKey("one")).filter(({ type }) => type === "TaskAlreadyKnown");
    expect(known.length).toBe(1);
  });

  it("claims after the release of the one before it [ownership:release-then-claim]", async () => {
    const [world, at] = [journal(), gate()];
    const { bus: test } = await opened(world, at);
    await test.replaceGateway();
    const story = test
      .events()
      .map(({ type }) => type)
      .filter((type) => type.startsWith("Partition"));
    expect(story).toEqual(["PartitionClaimed", "PartitionReleased", "PartitionClaimed"]);
  });
});
