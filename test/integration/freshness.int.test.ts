/**
 * Two chains in two partitions change one order of the shop's database, each from what it has read. With the version
 * that a change carries the second one is refused, reads again, and both changes are there. With the rule taken out one
 * of them is lost, and nobody hears of it.
 */
import { existsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { expect, inject, test } from "vitest";
import type { AdderOutput } from "../harness/agents.ts";
import { type Bus, keyIn, withBus } from "../harness/bus.ts";

const ORDER = 5;
/** Two processes and a bus of their own start first, on a machine that may be busy. */
const LIMIT_MS = 180_000;

function quantityIn(bus: Bus): number {
  const database = new DatabaseSync(bus.shop, { readOnly: true, timeout: 5000 });
  try {
    return Number(database.prepare("SELECT quantity FROM orders WHERE id = ?").get(ORDER)?.["quantity"]);
  } finally {
    database.close();
  }
}

interface Race {
  readonly before: number;
  readonly after: number;
  readonly outputs: readonly AdderOutput[];
}

/** One chain in each partition; both have read before either changes anything. */
async function race(bus: Bus): Promise<Race> {
  const gate = join(tmpdir(), `busbar-gate-${randomUUID()}`);
  const before = quantityIn(bus);
  try {
    const handles = await Promise.all(
      [0, 1].map((partition) =>
        bus.client.submit({ agent: "adder", input: { orderId: ORDER, gate }, key: keyIn(partition, 2, "add") }),
      ),
    );
    const reads = (): number =>
      bus.watch.ofType("EffectCommitted").filter(({ event }) => event.tool === "orders.read").length;
    await bus.watch.until(() => reads() >= 2, "both chains have read the order");
    writeFileSync(gate, "");
    const ends = await Promise.all(handles.map((handle) => bus.client.awaitOutcome(handle, { timeoutMs: 90_000 })));
    expect(ends.map(({ state }) => state)).toEqual(["completed", "completed"]);
    return { before, after: quantityIn(bus), outputs: ends.map(({ output }) => output as unknown as AdderOutput) };
  } finally {
    if (existsSync(gate)) rmSync(gate);
  }
}

function raceOn(
  name: string,
  env: Readonly<Record<string, string>>,
  judge: (bus: Bus, run: Race) => Promise<void>,
): Promise<void> {
  return withBus({ brokers: inject("brokers"), name, partitions: 2, env }, async (bus) => {
    await Promise.all([bus.supervisor("s1"), bus.gateway("g1"), bus.agent("a1", { names: ["adder"] })]);
    await bus.doorsOpen();
    await judge(bus, await race(bus));
  });
}

test(
  "a change made from an old read is refused, with what was read and what is there; no update is lost [effects:stale-refused]",
  () =>
    raceOn("fresh", {}, async (bus, { before, after, outputs }) => {
      expect(after).toBe(before + 2);
      const told = outputs.flatMap(({ stale }) => stale);
      expect(told).toEqual([
        {
          subject: `["orders.read",${ORDER}]`,
          read: { version: "1", offset: expect.stringMatching(/^\d+$/) as string },
          now: { version: 2, status: expect.any(String) as string, quantity: before + 1 },
        },
      ]);
      const refused = bus.watch.ofType("EffectFailed").filter(({ event }) => event.code === "BUSBAR_STALE");
      expect(refused).toHaveLength(1);
      expect(bus.watch.ofType("EffectVerified")).toHaveLength(2);
      const { findings } = await bus.check();
      expect(findings).toEqual([]);
    }),
  LIMIT_MS,
);

test(
  "without the version one of the two updates is lost, and both chains believe in theirs [effects:stale-refused]",
  () =>
    raceOn("blind", { BUSBAR_TEST_BLIND: "yes" }, (_bus, { before, after, outputs }) => {
      expect(outputs).toEqual([
        { quantity: before + 1, stale: [] },
        { quantity: before + 1, stale: [] },
      ]);
      expect(after).toBe(before + 1);
      return Promise.resolve();
    }),
  LIMIT_MS,
);
