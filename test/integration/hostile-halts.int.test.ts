/**
 * Hostile agents on every partition, halted by a person again and again at random points of its work. What the halts
 * promise is judged from the raw log and from the database's own journal, by the checker that shares no code with the
 * gateway, and from what the tools say about being fired.
 */
import { expect, inject, test } from "vitest";
import { type Bus, withBus } from "../harness/bus.ts";
import { crowdOf } from "../harness/crowd.ts";
import { type Dice, rollDice } from "../harness/dice.ts";
import { judgeFires } from "../harness/fires.ts";
import type { SeenEvent } from "../harness/watch.ts";

const HALTS = 50;
/** Turns of one chain: more than a few halts, less than a journal without an end. */
const TURNS = { looper: 12, rebel: 24 };

/** How the door answers what an agent asks for. */
const ANSWERS = ["EffectRefused", "EffectAdmitted", "EffectAlreadyDone", "CommandRejected"] as const;
const SCOPES = ["fleet", "agent:looper", "agent:rebel", "chain"] as const;

/** One halt: ordered while the agent works, acknowledged by every partition, defied, and lifted again. */
async function haltOnce(bus: Bus, open: () => readonly string[], dice: Dice): Promise<string> {
  const { watch } = bus;
  const kind = SCOPES[dice.below(SCOPES.length)] ?? "fleet";
  const victim = open()[dice.below(open().length)] ?? "";
  const scope = kind === "chain" ? `chain:${victim}` : kind;
  const admitted = watch.ofType("EffectAdmitted").length;
  const further = dice.below(8);
  await watch.until(() => watch.ofType("EffectAdmitted").length >= admitted + further, `${further} admissions more`);
  const fence = await bus.orders.halt(scope);
  const acknowledgement = (partition: number) =>
    watch.ofType("HaltAcknowledged").find((seen) => seen.partition === partition && BigInt(seen.event.through) > fence);
  const hasAcknowledged = (partition: number): boolean => acknowledgement(partition) !== undefined;
  const acknowledgedAt = (partition: number): bigint => acknowledgement(partition)?.offset ?? -1n;
  const all = [...Array(bus.partitions).keys()];
  await watch.until(() => all.every(hasAcknowledged), `every partition acknowledges the halt of ${scope}`);
  // An answer of any kind behind the acknowledgement: should the door let the agent through, the checker is to find it.
  const isDefiance = ({ partition, offset, event }: SeenEvent): boolean =>
    offset > acknowledgedAt(partition) && (kind !== "chain" || event.meta.chainId === victim);
  const isDefied = (): boolean => ANSWERS.some((type) => watch.ofType(type).some(isDefiance));
  const isOver = (): boolean => kind === "chain" && !open().includes(victim);
  await watch.until(() => isDefied() || isOver(), `the agent defies the halt of ${scope}`);
  await bus.orders.resume(scope, fence.toString());
  return scope;
}

test(
  `after each of ${HALTS} halts of a hostile agent nothing is admitted, and no effect begins that the acknowledgement did not name [chaos:hostile-agent-halted] [halt:acknowledged-by-every-owner] [halt:no-effect-after-log] [halt:no-effect-after-journal] [halt:names-in-flight] [halt:left-by-person-only]`,
  { timeout: 90_000 },
  async () => {
    const dice = rollDice();
    // Slow enough that some effects are under way whenever a halt comes.
    const faults = [{ tool: "orders.annotate", kind: "latency", latencyMs: 12 } as const];
    await withBus({ brokers: inject("brokers"), name: "halts", faults }, async (bus) => {
      const hostile = bus.agent("a1", { names: ["looper", "rebel"], obeysHalts: false });
      await Promise.all([bus.gateway("g1"), bus.supervisor("s1"), hostile]);
      await bus.doorsOpen();
      const crowds = (["looper", "rebel"] as const).map((agent) => {
        const input = () => ({ turns: TURNS[agent], defiance: 1_000_000 });
        return crowdOf(bus, { agent, input, perPartition: 1 });
      });
      const open = (): readonly string[] => crowds.flatMap((crowd) => crowd.open());
      const scopes = new Set<string>();
      for (let count = 0; count < HALTS; count += 1) {
        for (const crowd of crowds) crowd.fill();
        await Promise.all(crowds.map((crowd) => crowd.settled()));
        scopes.add(await haltOnce(bus, open, dice));
      }
      const { watch } = bus;
      await watch.until(() => open().length === 0, "every resumed chain ends", 30_000);
      const report = await bus.check([...scopes]);
      const windows = report.halts.flatMap((halt) => halt.windows);
      const named = report.halts.reduce((sum, halt) => sum + halt.namedInFlight, 0);
      const abandoned = watch.ofType("HaltAcknowledged").reduce((sum, { event }) => sum + event.abandoned.length, 0);
      console.info(
        `seed ${dice.seed}: ${HALTS} halts, ${windows.length} acknowledgements, ${report.effects.effects} effects, ` +
          `${watch.ofType("EffectRefused").length} refused, ${named} named in flight, ${abandoned} abandoned`,
      );
      expect(report.findings).toEqual([]);
      expect(judgeFires(bus.fires(), watch.events)).toEqual({ wrong: [], late: [] });
      expect(windows.length, "each partition acknowledged each halt").toBe(HALTS * bus.partitions);
      expect(windows.every(({ resumed }) => resumed !== null)).toBe(true);
      expect(named, "some halts came while effects were under way").toBeGreaterThan(0);
      expect(report.voidRecords).toBe(watch.voids());
    });
  },
);
