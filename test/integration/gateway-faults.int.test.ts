/**
 * Gateways that die and gateways that freeze, under load with exact and at-most-once tools, on two buses at once.
 *
 * Judged by the database's own journal (a checker that shares no code with the gateway), by what the tools say about
 * being fired, and by the set of tasks that were acknowledged to the client.
 */
import { describe, expect, inject, test } from "vitest";
import type { Bus, BusOptions } from "../harness/bus.ts";
import { withBus } from "../harness/bus.ts";
import { type Crowd, crowdOf } from "../harness/crowd.ts";
import { type Dice, rollDice } from "../harness/dice.ts";
import { decideUntilEnded, lateLandings } from "../harness/doubts.ts";
import { type Fire, judgeFires } from "../harness/fires.ts";
import type { ServiceProcess } from "../harness/process.ts";

const ROUNDS = 10;

/** Slow enough before the effect that some are always under way; nothing of it can be called back. */
const FAULTS = [
  { tool: "mail.send", kind: "latency", latencyMs: 120 },
  { tool: "orders.annotate", kind: "latency", latencyMs: 15 },
] as const;

const options = (name: string): BusOptions => ({ brokers: inject("brokers"), name, faults: FAULTS });

interface Scene {
  readonly bus: Bus;
  readonly crowd: Crowd;
  readonly dice: Dice;
  readonly gateways: Map<string, ServiceProcess>;
}

async function openScene(bus: Bus): Promise<Scene> {
  const agent = bus.agent("a1", { names: ["courier"] });
  const started = await Promise.all([bus.gateway("g1"), bus.gateway("g2"), bus.supervisor("s1"), agent]);
  const gateways = new Map(started.slice(0, 2).map((service) => [service.name, service]));
  await bus.doorsOpen();
  const input = (n: number) => ({ orderId: n, rounds: 5 });
  return { bus, gateways, dice: rollDice(), crowd: crowdOf(bus, { agent: "courier", input, perPartition: 3 }) };
}

const partitionsOf = ({ bus }: Scene, owner: string): readonly number[] =>
  [...Array(bus.partitions).keys()].filter((one) => bus.watch.door(one).owner === owner);

/** The gateway that owns most, in the middle of its work: something was admitted just now. */
async function busyOwner(scene: Scene): Promise<ServiceProcess> {
  const { bus, crowd, dice, gateways } = scene;
  const { watch } = bus;
  const admitted = watch.ofType("EffectAdmitted").length + 8 + dice.below(8);
  // Filled up as it is waited: every chain of the round before may by now be in doubt and wait for a person.
  const isBusy = (): boolean => {
    crowd.fill();
    return watch.ofType("EffectAdmitted").length >= admitted;
  };
  await watch.until(isBusy, "work is admitted");
  const [owner] = [...gateways.values()].toSorted(
    (a, b) => partitionsOf(scene, b.name).length - partitionsOf(scene, a.name).length,
  );
  if (owner === undefined) throw new Error("no gateway owns anything");
  return owner;
}

async function takenOver(scene: Scene, partitions: readonly number[], from: string): Promise<void> {
  const { watch } = scene.bus;
  const isTaken = (one: number): boolean => watch.door(one).owner !== from;
  await watch.until(() => partitions.every(isTaken), `another gateway claims what ${from} owned`);
}

interface Verdict {
  readonly decided: number;
  /** Fired after their bound by a frozen process, and named in doubt by the log. */
  readonly late: readonly Fire[];
  readonly text: string;
}

/** Ends the load, has a person decide what is left, and judges the whole run. */
async function judge(scene: Scene): Promise<Verdict> {
  const { bus, crowd, dice } = scene;
  const { watch } = bus;
  await crowd.settled();
  const decided = await decideUntilEnded(bus, crowd.open, 40_000);
  const report = await bus.check();
  expect(report.findings).toEqual([]);
  const { wrong, late } = judgeFires(bus.fires(), watch.events);
  expect(wrong).toEqual([]);
  expect(report.voidRecords).toBe(watch.voids());
  expect(watch.undecodable).toEqual([]);
  expect(watch.ofType("TaskFailed")).toEqual([]);
  const completed = new Set(watch.ofType("TaskCompleted").map(({ event }) => event.meta.chainId));
  expect(crowd.acknowledged().filter((chain) => !completed.has(chain))).toEqual([]);
  const { effects, lost, duplicated } = report.effects;
  const named = watch.ofType("EffectInDoubt").length;
  const text =
    `seed ${dice.seed}: ${crowd.acknowledged().length} chains acknowledged and completed, ${effects} effects, ` +
    `${lost} lost, ${duplicated} duplicated, ${named} named in doubt, ${decided} decided by a person, ` +
    `${watch.ofType("PartitionClaimed").length} claims, ${watch.voids()} void records`;
  return { decided, late, text };
}

describe.concurrent("gateways that fail", () => {
  test(
    `${ROUNDS} gateways killed under load: no acknowledged work is lost, exact effects are done once, others never fired twice and the rest named in doubt [chaos:gateways-killed] [effects:at-most-once] [effects:exact-fires-again] [effects:inherited-waits] [effects:person-settles]`,
    { timeout: 120_000 },
    async () => {
      await withBus(options("kills"), async (bus) => {
        const scene = await openScene(bus);
        const { gateways } = scene;
        for (let round = 1; round <= ROUNDS; round += 1) {
          const victim = await busyOwner(scene);
          const owned = partitionsOf(scene, victim.name);
          await victim.kill();
          gateways.delete(victim.name);
          const successor = bus.gateway(`g${round + 2}`);
          await takenOver(scene, owned, victim.name);
          const service = await successor;
          gateways.set(service.name, service);
          await bus.doorsOpen();
        }
        const { decided, late, text } = await judge(scene);
        console.info(`${ROUNDS} gateways killed; ${text}`);
        expect(late, "nobody was frozen").toEqual([]);
        expect(decided, "some at-most-once effects were under way at a kill").toBeGreaterThan(0);
      });
    },
  );

  test(
    `${ROUNDS} gateways suspended, replaced and woken: what they append is void, they fire nothing, late landings are named in doubt [chaos:zombie-gateways] [ownership:zombie-fires-nothing] [ownership:superseded-stops] [placement:void-epoch-mismatch] [effects:fire-bound]`,
    { timeout: 120_000 },
    async () => {
      await withBus(options("zombies"), async (bus) => {
        const scene = await openScene(bus);
        const { dice } = scene;
        const woken: { readonly owner: string; readonly atMs: number }[] = [];
        for (let round = 1; round <= ROUNDS; round += 1) {
          const zombie = await busyOwner(scene);
          const owned = partitionsOf(scene, zombie.name);
          zombie.signal("SIGSTOP");
          await takenOver(scene, owned, zombie.name);
          // Sometimes it wakes before its successor's door is open, sometimes when that one is at work.
          if (dice.below(2) === 0) await bus.doorsOpen();
          woken.push({ owner: zombie.name, atMs: Date.now() });
          zombie.signal("SIGCONT");
          await bus.doorsOpen();
        }
        const { late, text } = await judge(scene);
        const claims = bus.watch.ofType("PartitionClaimed");
        const isAwake = (fire: { readonly owner: string; readonly atMs: number }): boolean =>
          woken.some(({ owner, atMs }) => {
            const next = claims.find(({ event }) => event.owner === owner && event.meta.atMs >= atMs);
            return owner === fire.owner && fire.atMs >= atMs && fire.atMs < (next?.event.meta.atMs ?? Infinity);
          });
        const lateText = `${lateLandings(scene.bus)} late landings, ${late.length} fired late`;
        console.info(`${ROUNDS} gateways suspended; ${text}, ${lateText}`);
        // A process stands at one place when it is frozen: at most one call is past the check and not yet in its tool.
        expect(late.length, "fired late, one for each freeze at most").toBeLessThanOrEqual(ROUNDS);
        const isLate = (fire: Fire): boolean => late.some(({ key, atMs }) => key === fire.key && atMs === fire.atMs);
        const stray = bus.fires().filter((fire) => isAwake(fire) && !isLate(fire));
        expect(stray, "fired between waking and the next claim").toEqual([]);
        expect(bus.watch.voids(), "what they appended on waking is void").toBeGreaterThan(0);
      });
    },
  );
});
