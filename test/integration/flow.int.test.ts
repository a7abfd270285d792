/**
 * An agent that does not keep up, on the real broker: here its process is not there at all while its tasks come. With flow
 * control its open chains end at its marks, another agent goes on, and every task is done once it works; without, all of
 * them are open at once.
 */
import { expect, inject, test } from "vitest";
import { type Bus, withBus } from "../harness/bus.ts";

const TASKS = 24;
const PAUSE = 8;

/** Open chains of the booker over all partitions, now and at most, from the records alone. */
function openBookings(bus: Bus): { readonly now: number; readonly most: number } {
  const changes = [
    ...bus.watch.ofType("TaskSubmitted").map(({ event }) => ({ by: 1, meta: event.meta })),
    ...bus.watch.ofType("TaskCompleted").map(({ event }) => ({ by: -1, meta: event.meta })),
  ].filter(({ meta }) => meta.agent === "booker");
  let [now, most] = [0, 0];
  // At the same moment one that ends makes room for one that begins.
  for (const { by } of changes.toSorted((left, right) => left.meta.atMs - right.meta.atMs || left.by - right.by)) {
    now += by;
    most = Math.max(most, now);
  }
  return { now, most };
}

const heldOf = (bus: Bus): number => {
  const held = bus.watch.ofType("CommandDeferred").filter(({ event }) => event.code === "BUSBAR_FLOW_HELD");
  return new Set(held.map(({ event }) => event.meta.chainId)).size;
};

const levels = (bus: Bus): readonly string[] =>
  bus.watch
    .ofType("DirectivesApplied")
    .flatMap(({ event }) => event.applied)
    .filter(({ id }) => id === "agent:booker")
    .map(({ kind, detail }) => (kind === "Throttle" ? (JSON.parse(detail) as { level: string }).level : kind));

interface Overload {
  /** Starts the booker, and waits until each task has ended; how many bookings were made. */
  readonly finish: () => Promise<number>;
}

async function overload(bus: Bus): Promise<Overload> {
  await Promise.all([bus.supervisor("s1"), bus.gateway("g1"), bus.agent("a1", { names: ["porter"] })]);
  await bus.doorsOpen();
  const started = Array.from({ length: TASKS }, (_, n) =>
    bus.client.submit({ agent: "booker", input: { fails: [false] }, key: `booking-${n}`, timeoutMs: 60_000 }),
  );
  for (const one of started) one.catch(() => undefined);
  return {
    finish: async () => {
      await bus.agent("a2", { names: ["booker"] });
      const handles = await Promise.all(started);
      const outcomes = await Promise.all(handles.map((one) => bus.client.awaitOutcome(one, { timeoutMs: 45_000 })));
      return outcomes.filter(({ state }) => state === "completed").length;
    },
  };
}

async function carried(bus: Bus): Promise<string> {
  const handle = await bus.client.submit({ agent: "porter", input: { fails: [false] }, key: "carried" });
  return (await bus.client.awaitOutcome(handle, { timeoutMs: 45_000 })).state;
}

test(
  "an agent that does not keep up has no more open chains than its marks allow, others go on and nothing is lost; without flow control its chains pile up [flow:slow-agent-bounded]",
  { timeout: 180_000 },
  async () => {
    const agent = { lower: 2, upper: 4, pause: PAUSE };
    const patient = { fireBoundMs: 30_000, timeoutMs: 30_000 };
    const on = { ...patient, flow: { agent, intervalMs: 50, retryAfterMs: 300, orderEveryMs: 100 } };
    await withBus({ brokers: inject("brokers"), name: "flow", project: on }, async (bus) => {
      const { finish } = await overload(bus);
      await bus.watch.until(() => heldOf(bus) >= TASKS - PAUSE, "what is too much is put off");
      await bus.watch.until(() => levels(bus).includes("paused"), "the supervisor has ordered it");
      expect(openBookings(bus)).toEqual({ now: PAUSE, most: PAUSE });
      expect(await carried(bus)).toBe("completed");
      expect(await finish()).toBe(TASKS);
      // The client may hear of an end before the watch reads it.
      await bus.watch.until(() => openBookings(bus).now === 0, "every chain has ended");
      expect(openBookings(bus).most).toBe(PAUSE);
      expect((await bus.check()).findings).toEqual([]);
    });
    const off = { ...patient, flow: { agent: { lower: 0, upper: 0, pause: 0 } } };
    await withBus({ brokers: inject("brokers"), name: "no-flow", project: off }, async (bus) => {
      const { finish } = await overload(bus);
      await bus.watch.until(() => openBookings(bus).now === TASKS, "everything is open");
      expect(await finish()).toBe(TASKS);
    });
  },
);
