/**
 * A handler asleep while everything around it dies: its process and its gateway are killed with SIGKILL in the middle of
 * the sleep, and started again elsewhere. The log wakes it, once, not before its time.
 */
import { expect, inject, test } from "vitest";
import { withBus } from "../harness/bus.ts";
import { judgeFires } from "../harness/fires.ts";

const SLEEP_MS = 6000;

test(
  "an agent killed in the middle of a sleep, and its gateway: another process wakes when the time is over, and each effect is done once [timers:survives-kill] [agents:resume-after-kill]",
  { timeout: 120_000 },
  async () => {
    await withBus({ brokers: inject("brokers"), name: "sleep", partitions: 1 }, async (bus) => {
      const { watch, client } = bus;
      await Promise.all([bus.gateway("g1"), bus.supervisor("s1"), bus.agent("a1", { names: ["booker"] })]);
      await bus.doorsOpen();
      const input = { fails: [false], sleepMs: SLEEP_MS };
      const task = await client.submit({ agent: "booker", input, key: "asleep" });
      await watch.until(() => watch.ofType("TimerSet").length === 1, "the handler sleeps");
      // Whoever takes over is there already: what is waited for is the sleep, not the start of a process.
      await Promise.all([bus.gateway("g2"), bus.agent("a2", { names: ["booker"] })]);
      await Promise.all([bus.kill("a1"), bus.kill("g1")]);
      const outcome = await client.awaitOutcome(task, { timeoutMs: 45_000 });
      expect(outcome).toMatchObject({ state: "completed", output: { booked: 1 } });

      const [set, ...others] = watch.ofType("TimerSet");
      const fired = watch.ofType("TimerFired").filter(({ event }) => event.callId !== "");
      expect([others.length, fired.map(({ event }) => event.callId)]).toEqual([0, [set?.event.callId]]);
      expect(fired[0]?.event.meta.atMs).toBeGreaterThanOrEqual(set?.event.dueAtMs ?? Infinity);
      const claims = watch.ofType("PartitionClaimed").filter(({ event }) => event.owner === "g2");
      expect(
        claims.some(({ offset }) => offset < (fired[0]?.offset ?? 0n)),
        "a successor fired it",
      ).toBe(true);
      expect(watch.ofType("TaskAssigned").at(-1)?.event.incarnation).toBeGreaterThan(1);
      expect(watch.ofType("Diverged")).toEqual([]);
      expect(judgeFires(bus.fires(), watch.events)).toEqual({ wrong: [], late: [] });
      expect(bus.fires().map(({ tool }) => tool)).toEqual(["orders.annotate", "parcel.book", "orders.annotate"]);
    });
  },
);
