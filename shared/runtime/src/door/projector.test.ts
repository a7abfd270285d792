import { HEADER } from "@busbar/events";
import { builtinSchemaIds, createCodec } from "@busbar/events/codec";
import { busbarError } from "@busbar/kernel";
import type { AppendOutcome, EventLog, Publication } from "@busbar/log";
import { SILENT_LOGGER } from "@busbar/telemetry";
import { expect, it } from "vitest";
import { metaWith } from "../meta.ts";
import { SYSTEM_CLOCK, type Timers } from "../ports.ts";
import { topicNames } from "../topic-names.ts";
import { type AckedEvent, Projector } from "./projector.ts";

const OK: AppendOutcome = { kind: "appended", baseOffset: 0n, appendedAtMs: 1 };
const LOST: AppendOutcome = { kind: "unknown", cause: new Error("the broker is away") };

/** A projector whose publications end as the test says; its waits take no time and are written down. */
function bench(answers: readonly AppendOutcome[]) {
  const left = [...answers];
  const waits: number[] = [];
  const published: string[] = [];
  const memory = new Map<string, bigint>();
  let journal: (from: bigint) => Promise<readonly AckedEvent[]> = () => Promise.resolve([]);
  let publications = 0;
  let during: () => void = () => undefined;
  const log = {
    publish: (all: readonly Publication[]) => {
      publications += 1;
      for (const { record } of all) {
        const count = record.headers?.[HEADER.journalCount];
        published.push(`${record.headers?.[HEADER.type]}${count === undefined ? "" : ` of ${count}`}`);
      }
      during();
      return Promise.resolve([left.shift() ?? OK]);
    },
  } as unknown as EventLog;
  const timers = {
    after: (delayMs: number, run: () => void) => {
      waits.push(delayMs);
      setImmediate(run);
      return () => undefined;
    },
  } as unknown as Timers;
  const projector = new Projector({
    log,
    timers,
    codec: createCodec({ ids: builtinSchemaIds() }),
    topics: topicNames("t"),
    partition: 0,
    partitionCount: 1,
    keyring: { commandKeys: () => [], isOrderSigned: () => false, signOrder: () => "" },
    clock: SYSTEM_CLOCK,
    logger: SILENT_LOGGER,
    owner: "g",
    namespace: "",
    journal: (_chainId, from) => journal(from),
    submittedAt: (chainId) => memory.get(chainId) ?? null,
    hasChildren: () => false,
    policy: () => null,
    parentOf: () => null,
  });
  const onJournal = (read: typeof journal) => void (journal = read);
  return {
    projector,
    published,
    memory,
    onJournal,
    waits,
    count: () => publications,
    onPublish: (run: () => void) => void (during = run),
  };
}

const acked = (offset: bigint): AckedEvent => {
  const meta = metaWith({ eventId: `t.events/0/${offset}`, atMs: 1, chainId: "c", agent: "a" });
  const event = { type: "ChainResumed", meta, directive: "", reason: "", by: "" } as const;
  return { offset, event, bytes: new Uint8Array([1]) };
};

it("an inbox that cannot be written is tried again ever more slowly, up to a bound, and seen meanwhile [agents:inbox-retried-visibly]", async () => {
  const { projector, waits, count, onPublish } = bench(Array.from({ length: 12 }, () => LOST));
  const seen: unknown[] = [];
  onPublish(() => void seen.push(projector.status()));
  projector.enqueue([acked(7n)]);
  await expect.poll(() => projector.through()).toBe(8n);
  expect(waits).toEqual([50, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000, 5000]);
  expect(seen[12]).toMatchObject({ waiting: 1, failures: 12, reason: "the broker is away" });
  expect(projector.status()).toEqual({ waiting: 0, failures: 0, reason: "", refused: 0, lastRefusal: "" });
  projector.enqueue([acked(8n)]);
  await expect.poll(() => projector.through()).toBe(9n);
  expect(count()).toBe(14);
});

it("what an inbox refuses is passed and counted: no other record waits for it [agents:inbox-retried-visibly]", async () => {
  const error = busbarError("BUSBAR_NOT_FOUND", { what: "topic", id: "t.inbox.a" });
  const { projector, waits } = bench([{ kind: "refused", error }]);
  projector.enqueue([acked(7n)]);
  await expect.poll(() => projector.through()).toBe(8n);
  expect(waits).toEqual([]);
  expect(projector.status()).toMatchObject({ waiting: 0, refused: 1, lastRefusal: error.message });
});

const assigned = (offset: bigint, chainId: string): AckedEvent => {
  const meta = metaWith({ eventId: `t.events/0/${offset}`, atMs: 1, chainId, agent: "a", incarnation: 1 });
  const event = { type: "TaskAssigned", meta, agent: "a", incarnation: 1, version: "", reason: "" } as const;
  return { offset, event, bytes: new Uint8Array([1]) };
};

const submission = (offset: bigint): AckedEvent => {
  const found = acked(offset);
  return { ...found, event: { ...found.event, type: "TaskSubmitted" } as unknown as AckedEvent["event"] };
};

it("memory that is dropped while a journal is read publishes no assignment without its journal; the load publishes it whole [agents:assignment-is-a-fact]", async () => {
  const { projector, published, memory, onJournal } = bench([]);
  const chains = ["c", "d"];
  const remember = () => chains.forEach((chainId, index) => memory.set(chainId, BigInt(index)));
  remember();
  const dropped = new Promise<void>((resolve) => {
    onJournal((from) => {
      // The owner was superseded: its memory goes while the log is read.
      projector.suspend();
      memory.clear();
      resolve();
      return Promise.resolve([submission(from)]);
    });
  });
  projector.enqueue([assigned(7n, "c"), assigned(8n, "d")]);
  await dropped;
  await new Promise((resolve) => setImmediate(resolve));
  expect(published).toEqual([]);

  remember();
  onJournal((from) => Promise.resolve([submission(from)]));
  projector.reset(7n);
  projector.enqueue([assigned(7n, "c"), assigned(8n, "d")]);
  await expect.poll(() => projector.through()).toBe(9n);
  expect(published).toEqual(["TaskAssigned of 1", "TaskSubmitted", "TaskAssigned of 1", "TaskSubmitted"]);
});

it("an assignment of a chain that is gone is told to nobody [agents:assignment-is-a-fact]", async () => {
  const { projector, published } = bench([]);
  projector.enqueue([assigned(7n, "gone"), acked(8n)]);
  await expect.poll(() => projector.through()).toBe(9n);
  expect(published).toEqual(["ChainResumed"]);
});
