/**
 * A cap over four partitions and two gateways, by what the tool itself writes down: no more calls under way at once and
 * no more begun in any window than the cap says, also while a killed gateway's partitions are taken over. The same chains
 * under a cap that every partition takes for its own exceed both.
 */
import { expect, inject, test } from "vitest";
import { type Bus, keyIn, withBus } from "../harness/bus.ts";

const TOOL = "inventory.sync";
const PARTITIONS = 4;
const CHAINS = 16;
const CONCURRENCY = 4;
const RATE = { calls: 8, perMs: 1500 };
/** How long a call lasts, at least. */
const LASTS_MS = 250;

interface Most {
  readonly calls: number;
  readonly atOnce: number;
  readonly inWindow: number;
}

/** By the tool's journal of beginnings alone. A call is under way for as long as it lasts at least. */
function most(bus: Bus): Most {
  const begun = bus
    .fires()
    .filter(({ tool }) => tool === TOOL)
    .map(({ atMs }) => atMs);
  const within = (spanMs: number): number =>
    Math.max(0, ...begun.map((fromMs) => begun.filter((atMs) => atMs >= fromMs && atMs < fromMs + spanMs).length));
  return { calls: begun.length, atOnce: within(LASTS_MS), inWindow: within(RATE.perMs) };
}

/** The same chains, spread over the partitions; resolves with how each ended. */
async function run(bus: Bus, name: string): Promise<readonly string[]> {
  const handles = await Promise.all(
    Array.from({ length: CHAINS }, (_, n) =>
      bus.client.submit({
        agent: "warehouse",
        input: { sku: "mug-blue", n },
        key: keyIn(n % PARTITIONS, PARTITIONS, `${name}-${n}`),
      }),
    ),
  );
  const ends = await Promise.all(handles.map((handle) => bus.client.awaitOutcome(handle, { timeoutMs: 90_000 })));
  return ends.map(({ state }) => state);
}

async function withCap(caps: object, work: (bus: Bus) => Promise<void>): Promise<void> {
  const project = { caps: { [TOOL]: caps }, fireBoundMs: 400 };
  const options = { brokers: inject("brokers"), name: "caps", partitions: PARTITIONS, project, inventoryMs: LASTS_MS };
  await withBus(options, async (bus) => {
    await Promise.all([bus.gateway("g1"), bus.gateway("g2"), bus.supervisor("s1")]);
    await bus.agent("a1", { names: ["warehouse"] });
    await bus.doorsOpen();
    await work(bus);
  });
}

const completed = Array.from({ length: CHAINS }, () => "completed");

test(
  "the total in flight and in any window never exceeds the cap over four partitions and a takeover; with every partition taking the whole cap it does [caps:totals-are-hard]",
  { timeout: 240_000 },
  async () => {
    await withCap({ concurrency: CONCURRENCY, rate: RATE }, async (bus) => {
      const ends = run(bus, "shared");
      await bus.watch.until(() => most(bus).calls >= CONCURRENCY, "calls are under way");
      await bus.kill("g2");
      expect(await ends).toEqual(completed);
      const found = most(bus);
      expect(found.calls).toBeGreaterThanOrEqual(CHAINS);
      expect(found.atOnce, "at once").toBeLessThanOrEqual(CONCURRENCY);
      expect(found.inWindow, "in a window").toBeLessThanOrEqual(RATE.calls);
      expect(bus.watch.ofType("CommandDeferred").some(({ event }) => event.code === "BUSBAR_SLOTS_TAKEN")).toBe(true);
    });
    const whole = { concurrency: CONCURRENCY * PARTITIONS, rate: { ...RATE, calls: RATE.calls * PARTITIONS } };
    await withCap(whole, async (bus) => {
      expect(await run(bus, "alone")).toEqual(completed);
      const found = most(bus);
      expect(found.atOnce, "at once").toBeGreaterThan(CONCURRENCY);
      expect(found.inWindow, "in a window").toBeGreaterThan(RATE.calls);
    });
  },
);
