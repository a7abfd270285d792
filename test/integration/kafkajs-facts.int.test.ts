/**
 * What kafkajs 2.2.4 does on a live broker, each beside the port, which does not. When one of
 * these fails because the harm is gone, the guard against it may go too.
 */
import { zstdCompressSync } from "node:zlib";
import { SchemaRegistry } from "@kafkajs/confluent-schema-registry";
import { CompressionCodecs, CompressionTypes, type Consumer } from "kafkajs";
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import type { Delivery, EventLog, FollowProblem, StoredRecord, UnreadablePosition } from "@busbar/log";
import { createKafkaEventLog } from "@busbar/log/kafka";
import { type TcpProxy, until } from "@busbar/testkit";
import {
  contentsOf,
  freshTopic,
  newRecord,
  openProxy,
  plainKafka,
  plainSend,
  proxiedLog,
  repeated,
  withAdmin,
} from "../support/plain-kafka.ts";
import { rawSnappy } from "../support/raw-snappy.ts";

const brokers = inject("brokers");
const RETRY = { retries: 20, initialRetryTime: 50 };
const numbers = (count: number) => [...Array(count).keys()].map(String);
let log: EventLog;
let proxy: TcpProxy;
let proxied: EventLog;

beforeAll(async () => {
  log = createKafkaEventLog({ brokers, clientId: "facts" });
  proxy = await openProxy(brokers);
  proxied = proxiedLog(brokers, proxy);
});

afterAll(async () => {
  await Promise.all([log.close(), proxied.close()]);
  await proxy.close();
});

describe("K1, K2: producing", () => {
  test("K1: overlapping idempotent sends lose and repeat records after one lost answer, without an error; appends do neither [log:overlapping-sends]", async () => {
    const plain = await freshTopic(log, "k1-plain");
    const producer = plainKafka(brokers, { retry: RETRY }, proxy).producer({
      idempotent: true,
      allowAutoTopicCreation: false,
    });
    await producer.connect();
    await plainSend(producer, plain, "first");
    proxy.cutOnNext("to-client");
    await Promise.all(numbers(20).map((text) => plainSend(producer, plain, text)));
    await producer.disconnect();
    const { texts } = await contentsOf(log, plain);
    const lost = numbers(20).filter((text) => !texts.includes(text));
    expect(lost.length, "acknowledged and nowhere in the log").toBeGreaterThan(0);
    expect(repeated(texts).length, "and others twice").toBeGreaterThan(0);

    const topic = await freshTopic(log, "k1");
    const appender = await proxied.openAppender(topic, 0);
    await appender.append([newRecord("first")]);
    proxy.cutOnNext("to-client");
    const answers = await Promise.all(numbers(20).map((text) => appender.append([newRecord(text)])));
    expect(new Set(answers.map(({ kind }) => kind))).toEqual(new Set(["appended"]));
    expect((await contentsOf(log, topic)).texts).toEqual(["first", ...numbers(20)]);
  });

  test("K2: a record without a key moves to another partition when it is retried, and is there twice; ours is put by number [log:partition-by-us]", async () => {
    const plain = await freshTopic(log, "k2-plain", { partitions: 8 });
    const producer = plainKafka(brokers, { retry: RETRY }, proxy).producer({ idempotent: true });
    await producer.connect();
    await producer.send({ topic: plain, messages: [{ value: "first" }] });
    for (const text of numbers(8)) {
      proxy.cutOnNext("to-client");
      await producer.send({ topic: plain, messages: [{ value: text }] });
    }
    await producer.disconnect();
    expect(repeated(await textsOfAll(plain, 8)).length).toBeGreaterThan(0);

    const topic = await freshTopic(log, "k2", { partitions: 8 });
    await proxied.publish([{ topic, partition: 3, record: newRecord("first") }]);
    for (const text of numbers(8)) {
      proxy.cutOnNext("to-client");
      const [outcome] = await proxied.publish([{ topic, partition: 3, record: newRecord(text) }]);
      expect(outcome?.kind).toBe("appended");
    }
    expect(await textsOfAll(topic, 8)).toEqual(["first", ...numbers(8)]);
    await expect(log.publish([{ topic, partition: 0, record: { ...newRecord("x"), key: "" } }])).resolves.toMatchObject(
      [{ kind: "refused" }],
    );
  });
});

describe("K6, R1, K11: what nobody can decode", () => {
  test("K6, R1: three bytes that the registry client decodes stop a kafkajs consumer for good; a follower hands them on as data [log:poison-is-data]", async () => {
    const topic = await freshTopic(log, "k6");
    const producer = plainKafka(brokers).producer();
    await producer.connect();
    const values = ["good", Buffer.from([1, 2, 3]), null, "good again"];
    await producer.send({ topic, messages: values.map((value) => ({ key: "k", value })) });
    await producer.disconnect();

    const registry = new SchemaRegistry({ host: "http://127.0.0.1:9" });
    const consumer = plainConsumer(topic);
    const handled: string[] = [];
    await consumer.run({
      eachMessage: async ({ message }) => {
        if (message.offset === "1") await registry.decode(message.value ?? Buffer.alloc(0));
        handled.push(message.offset);
      },
    });
    const crash = await crashOf(consumer);
    expect(crash.restart, "the consumer stays down, the process lives").toBe(false);
    expect(crash.error.name).toMatch(/RangeError|NonRetriable/u);
    expect(handled, "the good record behind it is never handled").toEqual(["0"]);

    const followed = await follow(log, topic, 4n);
    expect(followed.records.map(({ value }) => value?.length ?? null)).toEqual([4, 3, null, 10]);
  });

  test("K11: a zstd batch stops a kafkajs consumer; a follower opens it, and passes over a snappy one [log:compressed-batch]", async () => {
    const topic = await freshTopic(log, "k11", { config: { "compression.type": "producer" } });
    await log.publish([{ topic, partition: 0, record: newRecord("plain") }]);
    await sendCompressed(topic, CompressionTypes.ZSTD, zstdCompressSync, ["zstd 1", "zstd 2"]);
    await sendCompressed(topic, CompressionTypes.Snappy, rawSnappy, ["snappy 1", "snappy 2"]);
    await sendCompressed(topic, CompressionTypes.GZIP, null, ["gzip"]);
    await log.publish([{ topic, partition: 0, record: newRecord("plain") }]);

    const consumer = plainConsumer(topic);
    await consumer.run({ eachMessage: () => Promise.resolve() });
    const crash = await crashOf(consumer);
    expect(crash.restart).toBe(false);
    expect(crash.error.message).toMatch(/not implemented/u);

    const followed = await follow(log, topic, 7n);
    const texts = followed.records.map(({ value }) => new TextDecoder().decode(value ?? new Uint8Array()));
    expect(texts).toEqual(["plain", "zstd 1", "zstd 2", "gzip", "plain"]);
    const passed = followed.unreadable.map(({ offset, kind, reason }) => `${offset} ${kind} ${reason}`);
    const reason = "undecodable snappy batches cannot be opened";
    expect(passed).toEqual([`3 ${reason}`, `4 ${reason}`]);
  });
});

describe("K13: the end of the log", () => {
  test("K13: a control record takes the last offset, so the last record is not the end; a read ends, and names the hole [log:end-past-control-records] [append:hole-is-void]", async () => {
    const topic = await freshTopic(log, "k13");
    await inTransaction(topic, ["a", "b"], "commit");
    const end = 3n;
    await until(async () => (await log.offsets(topic, 0)).end === end, "two records and the marker");

    const consumer = plainConsumer(topic);
    const seen: string[] = [];
    let fetches = 0;
    consumer.on(consumer.events.FETCH, () => void (fetches += 1));
    await consumer.run({ eachMessage: ({ message }) => Promise.resolve(void seen.push(message.offset)) });
    await until(() => seen.length === 2, "both records");
    const before = fetches;
    await until(() => fetches > before + 3, "fetches at the end");
    expect(seen.includes(String(end - 1n)), "'read until high watermark - 1' never finishes").toBe(false);

    const { texts, unreadable } = await contentsOf(log, topic);
    expect(texts).toEqual(["a", "b"]);
    expect(unreadable).toEqual([{ offset: 2n, kind: "hole", reason: "a control record" }]);
    const followed = await follow(log, topic, 3n);
    expect(followed.next).toBe(3n);
  });

  test("an open transaction of anyone hides the end from kafkajs's default consumer, and not from ours [append:reads-past-open-transaction]", async () => {
    const topic = await freshTopic(log, "open-transaction");
    await log.publish([{ topic, partition: 0, record: newRecord("before") }]);
    const end = await inTransaction(topic, ["foreign"], "leave-open");
    onTestFinished(end);
    await log.publish([{ topic, partition: 0, record: newRecord("Halt") }]);

    const consumer = plainConsumer(topic);
    const seen: string[] = [];
    let fetches = 0;
    consumer.on(consumer.events.FETCH, () => void (fetches += 1));
    await consumer.run({ eachMessage: ({ message }) => Promise.resolve(void seen.push(String(message.value))) });
    await until(() => seen.length === 1, "the record before");
    const before = fetches;
    await until(() => fetches > before + 3, "more fetches");
    expect(seen, "the halt is hidden").toEqual(["before"]);

    expect((await log.offsets(topic, 0)).end).toBe(3n);
    expect((await contentsOf(log, topic)).texts).toEqual(["before", "foreign", "Halt"]);
    expect((await follow(log, topic, 3n)).records).toHaveLength(3);
  });
});

describe("positions outside the log", () => {
  test("K10: a position that retention took away is a gap and stops the follower; kafkajs jumps in silence [log:gap-fails-closed]", async () => {
    const topic = await freshTopic(log, "gap");
    await log.publish(numbers(6).map((text) => ({ topic, partition: 0, record: newRecord(text) })));
    await withAdmin(brokers, async (admin) => {
      // kafkajs deletes only from topics that this client has heard of.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "4" }] });
    });

    const consumer = plainConsumer(topic);
    const seen: string[] = [];
    await consumer.run({ eachMessage: ({ message }) => Promise.resolve(void seen.push(message.offset)) });
    consumer.seek({ topic, partition: 0, offset: "1" });
    await until(() => seen.length >= 2, "what is left");
    expect(seen, "positions 1 to 3 are skipped without a word").toEqual(["4", "5"]);

    const { follower, problems, deliveries } = start(log, topic, 1n);
    await until(() => problems.length > 0, "the problem");
    expect(problems).toEqual([{ kind: "gap", position: 1n, low: 4n }]);
    expect(deliveries).toEqual([]);
    await follower.stop();
    await expect(contentsOf(log, topic)).rejects.toMatchObject({ code: "BUSBAR_LOG_GAP" });
  });

  test("a log that was replaced by a shorter one is truncated, and stops the follower [log:truncated-fails-closed]", async () => {
    const topic = await freshTopic(log, "truncated");
    await log.publish(numbers(6).map((text) => ({ topic, partition: 0, record: newRecord(text) })));
    const { follower, problems, deliveries } = start(log, topic, 0n);
    await until(() => follower.position() === 6n, "the end");
    await withAdmin(brokers, (admin) => admin.deleteTopics({ topics: [topic] }));
    await until(async () => !(await log.listTopics()).includes(topic), "the topic to be gone");
    await until(
      () =>
        log.ensureTopics([{ name: topic, partitions: 1, config: {} }]).then(
          () => true,
          () => false,
        ),
      "the new topic",
    );
    await until(() => problems.some(({ kind }) => kind === "truncated"), "the problem", 20_000);
    expect(problems.at(-1)).toEqual({ kind: "truncated", position: 6n, end: 0n });
    expect(deliveries.at(-1)?.next).toBe(6n);
    await follower.stop();
  });
});

function plainConsumer(topic: string): Consumer {
  const consumer = plainKafka(brokers).consumer({ groupId: `group-${topic}`, maxWaitTimeInMs: 50 });
  onTestFinished(() => consumer.disconnect());
  const run = consumer.run.bind(consumer);
  consumer.run = async (config) => {
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await run(config);
  };
  return consumer;
}

async function crashOf(consumer: Consumer): Promise<{ restart: boolean; error: Error }> {
  let crash: { restart: boolean; error: Error } | null = null;
  consumer.on(consumer.events.CRASH, ({ payload }) => void (crash = payload));
  await until(() => crash !== null, "the consumer's crash", 20_000);
  return crash ?? expect.fail();
}

function start(from: EventLog, topic: string, position: bigint) {
  const deliveries: Delivery[] = [];
  const problems: FollowProblem[] = [];
  const follower = from.follow({
    topic,
    partition: 0,
    from: position,
    onDelivery: (delivery) => void deliveries.push(delivery),
    onProblem: (problem) => void problems.push(problem),
  });
  onTestFinished(() => follower.stop());
  return { follower, deliveries, problems };
}

/** Follows from 0 until a position. */
async function follow(
  from: EventLog,
  topic: string,
  to: bigint,
): Promise<{ records: StoredRecord[]; unreadable: UnreadablePosition[]; next: bigint }> {
  const { follower, deliveries } = start(from, topic, 0n);
  await until(() => follower.position() === to, `position ${to}`);
  return {
    records: deliveries.flatMap(({ records }) => records),
    unreadable: deliveries.flatMap(({ unreadable }) => unreadable),
    next: follower.position(),
  };
}

async function textsOfAll(topic: string, partitions: number): Promise<readonly string[]> {
  const all = await Promise.all([...Array(partitions).keys()].map((partition) => contentsOf(log, topic, partition)));
  return all.flatMap(({ texts }) => texts);
}

/** A producer with a codec that kafkajs lacks; the codec is gone again afterwards. */
async function sendCompressed(
  topic: string,
  type: CompressionTypes,
  compress: ((bytes: Buffer) => Buffer) | null,
  texts: readonly string[],
): Promise<void> {
  const codecs: Record<number, unknown> = CompressionCodecs;
  const original = codecs[type];
  if (compress !== null) {
    codecs[type] = () => ({ compress: ({ buffer }: { buffer: Buffer }) => Promise.resolve(compress(buffer)) });
  }
  const producer = plainKafka(brokers).producer();
  try {
    await producer.connect();
    await producer.send({ topic, compression: type, messages: texts.map((value) => ({ key: "k", value })) });
  } finally {
    codecs[type] = original;
    await producer.disconnect();
  }
}

/** Writes in a transaction; returns what ends an open one. */
async function inTransaction(
  topic: string,
  texts: readonly string[],
  end: "commit" | "leave-open",
): Promise<() => Promise<void>> {
  const producer = plainKafka(brokers).producer({
    transactionalId: `tx-${topic}`,
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  const transaction = await producer.transaction();
  await transaction.send({ topic, messages: texts.map((value) => ({ key: "k", value })) });
  const finish = async (): Promise<void> => {
    await transaction.abort();
    await producer.disconnect();
  };
  if (end === "leave-open") return finish;
  await transaction.commit();
  await producer.disconnect();
  return () => Promise.resolve();
}
