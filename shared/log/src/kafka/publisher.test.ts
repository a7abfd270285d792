/** One bad topic fails alone: requests are of one topic each, and nothing is ever sent a second time. */
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Publication } from "../event-log.ts";
import type { PartitionBatch } from "./producer.ts";
import { Lane, Publisher, type PublisherPorts } from "./publisher.ts";

const FORBIDDEN = "inbox.stranger";
const publication = (topic: string, key: string, partition = 0): Publication => ({
  topic,
  partition,
  record: { key, value: new Uint8Array(8) },
});

/** Producers of a broker that refuses any request in which the forbidden topic stands, as kafkajs tells it. */
function broker(delays: Readonly<Record<string, Promise<void>>> = {}) {
  const requests: string[][] = [];
  const own = { opened: 0, killed: 0, inFlight: 0, most: 0 };
  let offset = 0n;
  const send = async (batches: readonly PartitionBatch[]) => {
    requests.push(batches.flatMap(({ topic, records }) => records.map(({ key }) => `${topic} ${key}`)));
    for (const { topic } of batches) await delays[topic];
    if (batches.some(({ topic }) => topic === FORBIDDEN)) throw new Error("TOPIC_AUTHORIZATION_FAILED");
    return batches.map(({ records }) => {
      const baseOffset = offset;
      offset += BigInt(records.length);
      return { baseOffset, appendedAtMs: null };
    });
  };
  const ports: PublisherPorts = {
    maxBatchBytes: () => 1_000_000,
    openProducer: () => {
      own.opened += 1;
      const producer = { alive: true, kill, send: guarded };
      function kill(): void {
        if (producer.alive) own.killed += 1;
        producer.alive = false;
      }
      async function guarded(batches: readonly PartitionBatch[]) {
        own.inFlight += 1;
        own.most = Math.max(own.most, own.inFlight);
        try {
          return await send(batches);
        } catch (cause) {
          producer.kill();
          throw cause;
        } finally {
          own.inFlight -= 1;
        }
      }
      return Promise.resolve(producer);
    },
  };
  return { ports, requests, own };
}

const MIXED = [
  publication("commands", "a"),
  publication(FORBIDDEN, "b"),
  publication("commands", "c", 1),
  publication("directives", "d"),
];
const kinds = async (outcomes: readonly Promise<{ readonly kind: string }>[]): Promise<readonly string[]> =>
  (await Promise.all(outcomes)).map(({ kind }) => kind);

describe("a topic that may not be written", () => {
  test("is unknown alone; what came with it for other topics is appended, and nothing is sent twice [append:bad-topic-alone]", async () => {
    const { ports, requests } = broker();
    const publisher = new Publisher(ports);
    expect(await kinds(MIXED.map((one) => publisher.publish(one)))).toEqual([
      "appended",
      "unknown",
      "appended",
      "appended",
    ]);
    expect(new Set(requests.map((one) => one.join(", ")))).toEqual(
      new Set(["commands a, commands c", "directives d", "inbox.stranger b"]),
    );
    expect(requests).toHaveLength(3);
    await publisher.close();
  });

  test("where all share one request, everything is unknown with it [append:bad-topic-alone]", async () => {
    const { ports } = broker();
    const shared = new Lane(ports);
    expect(await kinds(MIXED.map((one) => shared.publish(one)))).toEqual(["unknown", "unknown", "unknown", "unknown"]);
    await shared.close();
  });

  test("holds nobody up while the broker takes its time with it [append:bad-topic-alone]", async () => {
    let answer: () => void = () => undefined;
    const { ports } = broker({ [FORBIDDEN]: new Promise((resolve) => (answer = resolve)) });
    const publisher = new Publisher(ports);
    const stuck = publisher.publish(publication(FORBIDDEN, "b"));
    expect(await publisher.publish(publication("commands", "a"))).toMatchObject({ kind: "appended" });
    answer();
    expect(await stuck).toMatchObject({ kind: "unknown" });
    await publisher.close();
  });

  test("gets a new producer for its next request, and the others keep theirs [append:unknown-drops-producer]", async () => {
    const { ports, own } = broker();
    const publisher = new Publisher(ports);
    for (const topic of [FORBIDDEN, "commands", FORBIDDEN, "commands"])
      await publisher.publish(publication(topic, "x"));
    expect(own).toMatchObject({ opened: 3, killed: 2 });
    await publisher.close();
    expect(own.killed).toBe(3);
  });
});

test("one request of a topic is in flight, and what arrives meanwhile goes together, in order [append:one-in-flight]", async () => {
  let answer: () => void = () => undefined;
  const { ports, requests, own } = broker({ commands: new Promise((resolve) => (answer = resolve)) });
  const publisher = new Publisher(ports);
  const outcomes = [publisher.publish(publication("commands", "1"))];
  await turn();
  await turn();
  for (const key of ["2", "3"]) outcomes.push(publisher.publish(publication("commands", key)));
  await turn();
  expect(requests).toEqual([["commands 1"]]);
  answer();
  expect(await kinds(outcomes)).toEqual(["appended", "appended", "appended"]);
  expect(requests).toEqual([["commands 1"], ["commands 2", "commands 3"]]);
  expect(own.most).toBe(1);
  await publisher.close();
  expect(await publisher.publish(publication("commands", "late"))).toMatchObject({ kind: "unknown" });
});
