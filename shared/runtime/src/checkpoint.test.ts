import { randomBytes } from "node:crypto";
import type { AppendOutcome, EventLog, Publication, StoredRecord } from "@busbar/log";
import { createEmbeddedLog } from "@busbar/log/embedded";
import { describe, expect, it } from "vitest";
import { type CheckpointStore, createCheckpointStore } from "./checkpoint.ts";

const TOPIC = "t.checkpoints";
const at = (offset: bigint, state: object = { n: offset.toString() }) => ({
  offset,
  version: "v1",
  state: state as { n: string },
});
/** Does not compress: several chunks. */
const big = (offset: bigint) => at(offset, { n: offset.toString(), noise: randomBytes(1_200_000).toString("base64") });

/** A compacted topic as a broker leaves it in the end: the last record of each key. `cutAfter` loses the rest of a save. */
function compacted() {
  const kept = new Map<string, StoredRecord>();
  const own = { offset: 0n, cutAfter: Infinity };
  const publish = (publications: readonly Publication[]): Promise<readonly AppendOutcome[]> =>
    Promise.resolve(
      publications.map(({ topic, partition, record }, index) => {
        if (index >= own.cutAfter) return { kind: "unknown" as const, cause: "cut off" };
        const offset = own.offset;
        own.offset += 1n;
        const { key, value, headers = {} } = record;
        kept.set(key, { topic, partition, offset, timestampMs: 0, key, value, headers });
        return { kind: "appended" as const, baseOffset: offset, appendedAtMs: 0 };
      }),
    );
  const log = {
    publish,
    offsets: () => Promise.resolve({ low: 0n, end: own.offset }),
    async *read() {
      yield await Promise.resolve({ records: [...kept.values()], unreadable: [], next: own.offset, end: own.offset });
    },
  } as unknown as EventLog;
  return { log, own, newProcess: (): CheckpointStore => createCheckpointStore(log, TOPIC) };
}

describe("checkpoints", () => {
  it("the newest one is loaded, by name and partition [ownership:checkpoint-newest-wins]", async () => {
    const log = createEmbeddedLog({});
    await log.ensureTopics([{ name: TOPIC, partitions: 2, config: {} }]);
    const store = createCheckpointStore(log, TOPIC);
    expect(await store.load("door", 0)).toBeNull();
    await store.save("door", 0, at(5n));
    await store.save("door", 0, at(9n));
    await store.save("supervisor", 0, at(7n));
    expect(await store.load("door", 0)).toEqual(at(9n));
    expect(await store.load("supervisor", 0)).toEqual(at(7n));
    expect(await store.load("door", 1)).toBeNull();
    await log.close();
  });

  it("an older one never wins, however late it is written [ownership:checkpoint-newest-wins]", async () => {
    const { newProcess } = compacted();
    await newProcess().save("door", 0, at(9n));
    const zombie = newProcess();
    await zombie.load("door", 0);
    await zombie.save("door", 0, at(5n));
    expect((await newProcess().load("door", 0))?.offset).toBe(9n);
  });

  it("is written between other work: many entries, no turn of the event loop that is held up for them [ownership:checkpoint-off-the-loop]", async () => {
    const { newProcess } = compacted();
    const chains = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`c${n}`, { n, text: "x".repeat(50) }]));
    let turns = 0;
    let isDone = false;
    const count = (): void => {
      turns += 1;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    const checkpoint = at(5n, { chains, end: "5", claim: null });
    await newProcess().save("door", 0, checkpoint);
    isDone = true;
    expect(turns).toBeGreaterThan(50);
    expect(await newProcess().load("door", 0)).toEqual(checkpoint);
  });

  it("loading reads back from the end, a few checkpoints and not the topic [ownership:checkpoint-off-the-loop]", async () => {
    const log = createEmbeddedLog({});
    await log.ensureTopics([{ name: TOPIC, partitions: 1, config: {} }]);
    const store = createCheckpointStore(log, TOPIC);
    for (let n = 1n; n <= 400n; n += 1n) await store.save(n % 2n === 0n ? "door" : "other", 0, at(n));
    let read = 0;
    const counting = {
      offsets: log.offsets.bind(log),
      async *read(...asked: Parameters<EventLog["read"]>) {
        for await (const delivery of log.read(...asked)) {
          read += delivery.records.length;
          yield delivery;
        }
      },
    } as unknown as EventLog;
    expect((await createCheckpointStore(counting, TOPIC).load("door", 0))?.offset).toBe(400n);
    expect(read).toBeLessThan(100);
    expect((await createCheckpointStore(counting, TOPIC).load("nobody", 0))?.offset).toBeUndefined();
    await log.close();
  });

  it("a large one goes in chunks and comes back whole [ownership:checkpoint-newest-wins]", async () => {
    const { newProcess, own } = compacted();
    const checkpoint = big(5n);
    await newProcess().save("door", 0, checkpoint);
    expect(own.offset).toBeGreaterThan(1n);
    expect(await newProcess().load("door", 0)).toEqual(checkpoint);
  });

  it("one that is cut off says so, and leaves the one before it whole [ownership:checkpoint-acknowledged]", async () => {
    const { newProcess, own } = compacted();
    const store = newProcess();
    await store.save("door", 0, big(5n));
    own.cutAfter = 1;
    expect(await store.save("door", 0, big(9n))).toBe(false);
    expect(await store.save("door", 0, big(11n))).toBe(false);
    expect((await newProcess().load("door", 0))?.offset).toBe(5n);
  });

  it("also when another process wrote that one: the slot is found on load [ownership:checkpoint-acknowledged]", async () => {
    const { newProcess, own } = compacted();
    await newProcess().save("door", 0, big(5n));
    const successor = newProcess();
    await successor.load("door", 0);
    own.cutAfter = 1;
    expect(await successor.save("door", 0, big(9n))).toBe(false);
    expect((await newProcess().load("door", 0))?.offset).toBe(5n);
  });

  it.each([
    [
      "a byte that is another one",
      (value: Uint8Array) => Uint8Array.from(value, (byte, index) => (index === 20 ? byte ^ 1 : byte)),
    ],
    ["no gzip", () => new Uint8Array([1, 2, 3])],
  ])("%s: not used [ownership:checkpoint-mismatch-reloads]", async (_name, spoil) => {
    const { newProcess, log } = compacted();
    const publish = log.publish.bind(log);
    log.publish = (publications) =>
      publish(publications.map((one) => ({ ...one, record: { ...one.record, value: spoil(one.record.value) } })));
    await newProcess().save("door", 0, at(5n));
    expect(await newProcess().load("door", 0)).toBeNull();
  });
});
