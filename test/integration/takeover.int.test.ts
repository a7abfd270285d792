/**
 * A gateway that is killed is missed by its beats, not by its group session (ADR 0013): with a session of the deployed
 * length its partitions are served again long before that session is over. And a gateway that falls asleep again and
 * again loses its partitions and starts no duel for them. Times are printed; what is asserted leaves room for a busy
 * machine.
 */
import { describe, expect, inject, test } from "vitest";
import type { Bus, BusOptions } from "../harness/bus.ts";
import { withBus } from "../harness/bus.ts";

/** What the deployed gateways use. */
const SESSION_MS = 30_000;
const FLAPS = 3;

const options = (name: string): BusOptions => ({
  brokers: inject("brokers"),
  name,
  env: { BUSBAR_SESSION_MS: String(SESSION_MS) },
});

const all = (bus: Bus): readonly number[] => [...Array(bus.partitions).keys()];
const ownedBy = (bus: Bus, name: string): readonly number[] =>
  all(bus).filter((one) => bus.watch.door(one).owner === name);
const claims = (bus: Bus): number => bus.watch.ofType("PartitionClaimed").length;

/** Two gateways that share the partitions, and the one that is looked at. */
async function opened(bus: Bus) {
  const [first, second] = await Promise.all([bus.gateway("g1"), bus.gateway("g2"), bus.supervisor("s1")]);
  await bus.doorsOpen();
  await bus.watch.until(
    () => ownedBy(bus, "g1").length > 0 && ownedBy(bus, "g2").length > 0,
    "both gateways own partitions",
  );
  await bus.doorsOpen();
  return { first, second };
}

describe("a gateway that is silent", () => {
  test(
    "because it was killed: another one serves its partitions long before its session is over [ownership:fast-takeover] [ownership:silence-by-the-log]",
    { timeout: 90_000 },
    async () => {
      await withBus(options("killed"), async (bus) => {
        const { first } = await opened(bus);
        const owned = ownedBy(bus, "g1");
        const startedMs = Date.now();
        await first.kill();
        await bus.watch.until(() => ownedBy(bus, "g2").length === bus.partitions, "g2 claims what g1 held");
        const claimedMs = Date.now() - startedMs;
        await bus.doorsOpen();
        const servedMs = Date.now() - startedMs;
        console.info(
          `killed with ${owned.length} partitions: claimed after ${claimedMs} ms, served after ${servedMs} ms`,
        );
        // The group still waits for the dead member: what was done was done without it.
        expect(servedMs).toBeLessThan(SESSION_MS);
        const takers = new Set(bus.watch.ofType("PartitionClaimed").map(({ event }) => event.owner));
        expect([...takers].toSorted()).toEqual(["g1", "g2"]);
      });
    },
  );

  test(
    `because it falls asleep ${FLAPS} times: it loses its partitions once, yields, and no duel begins [ownership:no-duel] [ownership:zombie-fires-nothing]`,
    { timeout: 120_000 },
    async () => {
      await withBus(options("flapping"), async (bus) => {
        const { first } = await opened(bus);
        const before = claims(bus);
        const owned = ownedBy(bus, "g1").length;
        for (let flap = 0; flap < FLAPS; flap += 1) {
          first.signal("SIGSTOP");
          // Only the first sleep has anything to lose; the others must be as long, so a record of a beat is waited for.
          if (flap === 0) await bus.watch.until(() => ownedBy(bus, "g1").length === 0, "g2 claims what g1 held");
          else await silentFor(bus, 1500);
          first.signal("SIGCONT");
          await silentFor(bus, 1000);
        }
        await bus.doorsOpen();
        expect(ownedBy(bus, "g2").length).toBe(bus.partitions);
        // One takeover of each partition; room for one more, where both claimed in the same moment.
        const made = claims(bus) - before;
        console.info(`${FLAPS} sleeps of a gateway with ${owned} partitions: ${made} claims`);
        expect(made).toBeGreaterThanOrEqual(owned);
        expect(made).toBeLessThanOrEqual(2 * owned);
      });
    },
  );
});

/** Resolves when the heartbeats topic, which others go on writing, has moved on by so many ms of the broker's time. */
async function silentFor(bus: Bus, ms: number): Promise<void> {
  const topic = bus.topics.heartbeats;
  const { end } = await bus.log.offsets(topic, 0);
  let firstMs = 0;
  await new Promise<void>((resolve) => {
    const follower = bus.log.follow({
      topic,
      partition: 0,
      from: end,
      onDelivery: ({ records }) => {
        for (const { timestampMs } of records) {
          firstMs = firstMs === 0 ? timestampMs : firstMs;
          if (timestampMs - firstMs >= ms) return void follower.stop().then(resolve);
        }
      },
      onProblem: () => undefined,
    });
  });
}
