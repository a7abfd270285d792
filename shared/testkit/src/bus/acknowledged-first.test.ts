import { chainOfTaskKey, defineAgent } from "@busbar/agent";
import { HEADER } from "@busbar/events";
import type { EventLog } from "@busbar/log";
import { createEmbeddedLog } from "@busbar/log/embedded";
import { afterEach, describe, expect, it } from "vitest";
import { until } from "../until.ts";
import { type HeldAppends, withHeldAppends } from "./held-appends.ts";
import { EVENTS, faultyBus, gate, journal, keyIn, waiter } from "./scenes.ts";
import { createTestBus, type TestBus } from "./test-bus.ts";

let bus: TestBus | null = null;
let appends: HeldAppends | null = null;
afterEach(async () => {
  appends?.release();
  await bus?.stop();
  bus = null;
});

const endOf = async (log: EventLog, topic: string): Promise<bigint> => (await log.offsets(topic, 0)).end;

describe("what waits for an acknowledgement", () => {
  it("an inbox record: none before its event is acknowledged, then one with the event's id [agents:inbox-after-acknowledgement]", async () => {
    const [world, at] = [journal(), gate()];
    const held = withHeldAppends(createEmbeddedLog({}));
    appends = held;
    bus = await createTestBus({ agents: [waiter(at)], tools: [world.tool], partitions: 1, log: held.log });
    held.hold(EVENTS, 0);
    const starting = bus.start("waiter", { n: 1 });
    const assigned = await bus.waitFor("TaskAssigned");
    await until(() => held.waiting() === 1, "the append waits", 1000);
    // The watch of the client reads the log itself: it knows of the task before any agent is told.
    const task = await starting;
    expect(await endOf(bus.log, "test.inbox.waiter")).toBe(0n);
    held.release();
    at.open();
    await bus.outcome(task);
    const sources: string[] = [];
    for await (const { records } of bus.log.read("test.inbox.waiter", 0, { from: 0n }))
      sources.push(...records.map(({ headers }) => headers[HEADER.source] ?? ""));
    expect(sources[0]).toBe(assigned.meta.eventId);
  });

  it("a sub-task: it is submitted after TaskSent is acknowledged, once, under an id from parent and step [door:subtask-after-acknowledgement]", async () => {
    const [world, at, go] = [journal(), gate(), gate()];
    const boss = defineAgent({
      name: "boss",
      version: "1",
      handler: async (_task, ctx) => {
        await go.passed;
        return ctx.send("waiter", { n: 1 });
      },
    });
    const held = withHeldAppends(createEmbeddedLog({}));
    appends = held;
    bus = await createTestBus({ agents: [boss, waiter(at)], tools: [world.tool], partitions: 1, log: held.log });
    const task = await bus.start("boss", {});
    await bus.waitFor("TaskAssigned");
    const before = await endOf(bus.log, "test.commands");
    held.hold(EVENTS, 0);
    go.open();
    const sent = await bus.waitFor("TaskSent");
    await until(() => held.waiting() === 1, "the append waits", 1000);
    const submissions = async (): Promise<number> => {
      let count = 0;
      for await (const { records } of (bus as TestBus).log.read("test.commands", 0, { from: before }))
        count += records.filter(({ headers }) => headers[HEADER.type] === "SubmitTask").length;
      return count;
    };
    expect(await submissions()).toBe(0);
    held.release();
    at.open();
    await expect(bus.outcome(task)).resolves.toMatchObject({ state: "completed", output: { n: 1 } });
    const children = bus.events(sent.childChainId).filter(({ type }) => type === "TaskSubmitted");
    expect(children.map((event) => event.type === "TaskSubmitted" && event.taskKey)).toEqual([`${task.chainId}/1`]);
    expect(world.entries.length).toBe(1);
  });
});

describe("an append that a higher claim came before", () => {
  it("starts no effect, and its void records do not count in the chain's sequence [effects:fire-step-sees-epoch] [placement:sequence-counts-valid]", async () => {
    const [world, at] = [journal(), gate()];
    const made = await faultyBus({ agents: [waiter(at)], tools: [world.tool], settings: { idleCheckMs: 60_000 } });
    const test = made.bus;
    bus = test;
    const task = await test.start("waiter", { n: 7 });
    await test.waitFor("TaskAssigned");
    await made.faults.claim(EVENTS, 0, { owner: "other", nonce: "other-1" });
    at.open();
    await expect(test.outcome(task)).resolves.toMatchObject({ state: "completed" });
    const valid = test.events(task.chainId);
    const admissions: bigint[] = [];
    for await (const { records } of test.log.read(EVENTS, 0, { from: 0n }))
      for (const { headers, offset } of records) if (headers[HEADER.type] === "EffectAdmitted") admissions.push(offset);
    // Two were written, one counts: the first lies behind the claim that its author did not know of.
    expect(admissions.length).toBe(2);
    const admitted = valid.flatMap((event) => (event.type === "EffectAdmitted" ? [event.meta.eventId] : []));
    expect(admitted).toEqual([`${EVENTS}/0/${admissions[1]}`]);
    expect(world.entries.length).toBe(1);
    expect(valid.map(({ meta }) => meta.streamSeq)).toEqual(valid.map((_, index) => index + 1));
  });
});

describe("an agent's process", () => {
  it("reads its inbox and the directives, and no other topic [agents:reads-inbox-and-directives]", async () => {
    const at = gate();
    at.open();
    const world = journal();
    const asked = new Set<string>();
    const log = createEmbeddedLog({});
    // Nothing but the agent reads through this: the bus is open before, and the agent is replaced by one on it.
    let isAgent = false;
    const note = (topic: string): void => void (isAgent && asked.add(topic));
    const noted = new Proxy(log, {
      get: (target, name) => {
        const found: unknown = Reflect.get(target, name, target);
        if (typeof found !== "function") return found;
        return (...args: readonly unknown[]): unknown => {
          const [first] = args;
          if (name === "follow") note((first as { readonly topic: string }).topic);
          if (name === "read") note(String(first));
          return Reflect.apply(found, target, args) as unknown;
        };
      },
    });
    const settings = { idleCheckMs: 60_000, lifeBoundMs: 60_000 };
    bus = await createTestBus({ agents: [waiter(at)], tools: [world.tool], partitions: 1, log: noted, settings });
    isAgent = true;
    await bus.replaceAgent("waiter");
    await until(() => asked.has("test.inbox.waiter"), "the inbox is followed", 1000);
    isAgent = false;
    expect([...asked].sort()).toEqual(["test.directives", "test.inbox.waiter"]);
    const key = keyIn(0, 1, chainOfTaskKey);
    await expect(bus.submit("waiter", { n: 1 }, { key })).resolves.toMatchObject({ state: "completed" });
  });
});
