/**
 * What only a supervisor can see: failures of one tool in chains of different partitions. With it the third chain is
 * refused; without it the same calls go through until the doors, which open under its heartbeats only, go read-only.
 */
import { expect, inject, test } from "vitest";
import { type Bus, keyIn, withBus } from "../harness/bus.ts";

const TOOL = "parcel.book";
const KEY = `tool:${TOOL}`;
const STALE_MS = 3000;

interface Booking {
  readonly chainId: string;
  readonly ended: Promise<number>;
}

let count = 0;

/** One chain of the booker in a partition; `ended` is how many of its bookings succeeded. */
async function book(bus: Bus, partition: number, fails: readonly boolean[], agent = "booker"): Promise<Booking> {
  count += 1;
  const key = keyIn(partition, bus.partitions, `book-${count}`);
  const handle = await bus.client.submit({ agent, input: { fails: [...fails] }, key });
  const ended = bus.client.awaitOutcome(handle, { timeoutMs: 45_000 }).then(({ state, output }) => {
    if (state !== "completed") throw new Error(`chain ${handle.chainId} is ${state}`);
    return (output as { readonly booked: number }).booked;
  });
  ended.catch(() => undefined);
  return { chainId: handle.chainId, ended };
}

/** The first directive of a kind about a breaker, that of the tool if none is named, that a partition has applied. */
function applied(bus: Bus, partition: number, kind: string, key = KEY) {
  const own = bus.watch.ofType("DirectivesApplied").filter((seen) => seen.partition === partition);
  return own.flatMap(({ event }) => event.applied).find((one) => one.kind === kind && one.detail.includes(`"${key}"`));
}

const refusals = (bus: Bus, chainId: string) =>
  bus.watch.ofType("EffectRefused").filter(({ event }) => event.meta.chainId === chainId);

const firesOf = (bus: Bus): number => bus.fires().filter(({ tool }) => tool === TOOL).length;

async function failInTwoPartitions(bus: Bus): Promise<void> {
  const failing = await Promise.all([book(bus, 0, [true]), book(bus, 1, [true])]);
  expect(await Promise.all(failing.map(({ ended }) => ended))).toEqual([0, 0]);
}

async function openBreaker(bus: Bus): Promise<void> {
  await failInTwoPartitions(bus);
  for (const partition of [2, 3]) {
    await bus.watch.until(() => applied(bus, partition, "OpenBreaker") !== undefined, "the breaker is open there");
    const { chainId, ended } = await book(bus, partition, [false]);
    expect(await ended).toBe(0);
    expect(refusals(bus, chainId)).toMatchObject([{ event: { code: "BUSBAR_BREAKER_OPEN", tool: TOOL } }]);
  }
  expect(firesOf(bus), "the third and fourth chain never reached the tool").toBe(2);
}

/** Half-open: a grant goes to one partition, and only there a call is let through, once. */
async function probe(bus: Bus): Promise<void> {
  const granted = (): readonly number[] =>
    [...Array(bus.partitions).keys()].filter((one) => applied(bus, one, "Grant") !== undefined);
  await bus.watch.until(() => granted().length === bus.partitions, "a probe is granted");
  const grant = JSON.parse(applied(bus, 0, "Grant")?.detail ?? "{}") as { partition: number; grantId: string };
  const elsewhere = grant.partition === 2 ? 3 : 2;
  const refused = await book(bus, elsewhere, [false]);
  expect(await refused.ended, "no grant, no probe").toBe(0);
  const probing = await book(bus, grant.partition, [false]);
  expect(await probing.ended).toBe(1);
  const probes = bus.watch.ofType("EffectAdmitted").filter(({ event }) => event.probes.length > 0);
  expect(probes).toMatchObject([{ partition: grant.partition, event: { probes: [grant.grantId], tool: TOOL } }]);
  await bus.watch.until(() => applied(bus, elsewhere, "CloseBreaker") !== undefined, "the breaker is closed again");
  expect(await (await book(bus, elsewhere, [false])).ended).toBe(1);
}

async function withoutSupervisor(bus: Bus): Promise<void> {
  const { watch } = bus;
  const opened = watch.ofType("DoorDegraded").length;
  expect(opened).toBe(0);
  await failInTwoPartitions(bus);
  const before = firesOf(bus);
  expect(await (await book(bus, 2, [false])).ended, "the third chain's call goes through").toBe(1);
  expect(firesOf(bus)).toBe(before + 1);
  const all = [...Array(bus.partitions).keys()];
  await watch.until(() => all.every((one) => watch.door(one).state === "degraded"), "every door is read-only");
  const { chainId } = await book(bus, 2, [false]);
  const deferred = () => watch.ofType("CommandDeferred").filter(({ event }) => event.meta.chainId === chainId);
  await watch.until(() => deferred().length > 0, "a write is deferred");
  expect(deferred()[0]).toMatchObject({ event: { code: "BUSBAR_DOOR_DEGRADED", commandType: "CallTool" } });
  expect(watch.ofType("EffectAdmitted").filter(({ event }) => event.meta.chainId === chainId)).toEqual([]);
}

test(
  "failures of one tool in chains of two partitions open its breaker and a third chain is refused; without a supervisor the same calls go through until the doors go read-only [supervisor:breaker-across-chains] [supervisor:needed] [supervisor:half-open-by-grants] [halt:stale-supervisor-degrades]",
  { timeout: 120_000 },
  async () => {
    const breaker = { consecutiveFailures: 2, perAgent: 0, cooldownMs: 1500, probes: 1 };
    const project = { breaker, fireBoundMs: 30_000, timeoutMs: 30_000 };
    const env = { BUSBAR_HEARTBEAT_STALE_MS: String(STALE_MS) };
    await withBus({ brokers: inject("brokers"), name: "breaker", project, env }, async (bus) => {
      const agent = bus.agent("a1", { names: ["booker"] });
      const [supervisor] = await Promise.all([bus.supervisor("s1"), bus.gateway("g1"), agent]);
      await bus.doorsOpen();
      await openBreaker(bus);
      await probe(bus);
      await supervisor.kill();
      await withoutSupervisor(bus);
      expect((await bus.check()).findings).toEqual([]);
    });
  },
);

/** One agent books what cannot be booked, in chains of two partitions; another one books in the other two. */
async function failAlone(bus: Bus, opensWhat: string): Promise<void> {
  await failInTwoPartitions(bus);
  const all = [...Array(bus.partitions).keys()];
  const isOpen = (): boolean => all.every((one) => applied(bus, one, "OpenBreaker", opensWhat) !== undefined);
  await bus.watch.until(isOpen, `${opensWhat} is open everywhere`);
}

const booked = async (bus: Bus, partition: number, agent: string): Promise<number> =>
  (await book(bus, partition, [false], agent)).ended;

test(
  "one agent's failures at a tool cut off that agent at that tool; where they count for the tool alone, they take it from the others [supervisor:breaker-scopes] [supervisor:breaker-peers]",
  { timeout: 180_000 },
  async () => {
    const names = ["booker", "porter"] as const;
    const run = async (name: string, breaker: Record<string, number>, story: (bus: Bus) => Promise<void>) =>
      withBus(
        { brokers: inject("brokers"), name, project: { breaker, fireBoundMs: 30_000, timeoutMs: 30_000 } },
        async (bus) => {
          await Promise.all([bus.supervisor("s1"), bus.gateway("g1"), bus.agent("a1", { names })]);
          await bus.doorsOpen();
          await story(bus);
          expect((await bus.check()).findings).toEqual([]);
        },
      );
    const cooldownMs = 60_000;
    await run("pair", { consecutiveFailures: 2, perAgent: 1, pairFailures: 2, cooldownMs }, async (bus) => {
      await failAlone(bus, `agent:booker/${KEY}`);
      expect(await booked(bus, 2, "booker"), "refused").toBe(0);
      expect(await booked(bus, 3, "porter"), "goes on").toBe(1);
      expect(applied(bus, 3, "OpenBreaker")).toBeUndefined();
    });
    await run("no-pair", { consecutiveFailures: 2, perAgent: 0, cooldownMs }, async (bus) => {
      await failAlone(bus, KEY);
      expect(await booked(bus, 3, "porter"), "harmed").toBe(0);
    });
  },
);
