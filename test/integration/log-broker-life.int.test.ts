/**
 * The log on a broker of its own: one that is killed and comes back, creates topics on a slip of the pen, and
 * compacts within a second. The shared broker of the run must do none of these.
 */
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type JvmKafka, startJvmKafka } from "@busbar/infra";
import type { EventLog, FollowProblem } from "@busbar/log";
import { createKafkaEventLog } from "@busbar/log/kafka";
import { until } from "@busbar/testkit";
import { contentsOf, freshTopic, newRecord, plainKafka, plainSend } from "../support/plain-kafka.ts";

const LIMIT_MS = 60_000;
/** Below one record, so that a fetch brings one batch. */
const ONE_BATCH = 100;
let broker: JvmKafka;
let log: EventLog;

beforeAll(async () => {
  const props = { "auto.create.topics.enable": "true", "log.cleaner.backoff.ms": "100" };
  broker = await startJvmKafka({ props });
  log = createKafkaEventLog({ brokers: broker.brokers, clientId: "life", maxBytesPerPartition: ONE_BATCH });
}, LIMIT_MS);

afterAll(async () => {
  await log.close();
  await broker.stop();
}, LIMIT_MS);

test("K16: a mistyped topic is created by a kafkajs producer, and is an error of the port [log:no-topic-by-typo]", async () => {
  const producer = plainKafka(broker.brokers).producer();
  await producer.connect();
  await plainSend(producer, "busbar.evnets", "lost");
  await producer.disconnect();
  expect(await log.listTopics(), "created with whatever settings").toContain("busbar.evnets");

  const missing = "busbar.directvies";
  await expect(log.partitionCount(missing)).rejects.toMatchObject({ code: "BUSBAR_NOT_FOUND" });
  await expect(log.openAppender(missing, 0)).rejects.toMatchObject({ code: "BUSBAR_NOT_FOUND" });
  const [outcome] = await log.publish([{ topic: missing, partition: 0, record: newRecord("x") }]);
  expect(outcome?.kind).toBe("refused");
  const problems: FollowProblem[] = [];
  const handlers = { onDelivery: () => undefined, onProblem: (problem: FollowProblem) => void problems.push(problem) };
  const follower = log.follow({ topic: missing, partition: 0, from: 0n, ...handlers });
  await until(() => problems.length > 0, "the follower's problem");
  await follower.stop();
  expect(await log.listTopics()).not.toContain(missing);
});

test(
  "K12: a fetch that brings only an empty batch never moves a kafkajs consumer on; a follower and a read pass it [log:end-past-control-records]",
  async () => {
    const config = {
      "cleanup.policy": "compact",
      "segment.ms": "200",
      "min.cleanable.dirty.ratio": "0.01",
      "max.compaction.lag.ms": "200",
    };
    const topic = await freshTopic(log, "k12", { config });
    // The first producer's only record is replaced; compaction keeps its batch, empty, for the sequence in it.
    for (const value of ["old", "new", "newest"]) {
      const producer = plainKafka(broker.brokers).producer({ idempotent: true, maxInFlightRequests: 1 });
      await producer.connect();
      await plainSend(producer, topic, value);
      await producer.disconnect();
    }
    const filler = plainKafka(broker.brokers).producer();
    await filler.connect();
    onTestFinished(() => filler.disconnect());
    const compacted = async (): Promise<boolean> => {
      // Only an append rolls the segment, and only a rolled segment is cleaned.
      await plainSend(filler, topic, "last");
      return !(await contentsOf(log, topic)).texts.includes("old");
    };
    await until(compacted, "compaction", LIMIT_MS / 2);

    const limits = { maxBytesPerPartition: ONE_BATCH, maxBytes: ONE_BATCH, maxWaitTimeInMs: 50 };
    const consumer = plainKafka(broker.brokers).consumer({ groupId: `group-${topic}`, ...limits });
    onTestFinished(() => consumer.disconnect());
    let fetches = 0;
    const seen: string[] = [];
    consumer.on(consumer.events.FETCH, () => void (fetches += 1));
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({ eachMessage: ({ message }) => Promise.resolve(void seen.push(message.offset)) });
    await until(() => fetches > 20, "twenty fetches");
    expect(seen, "it asks for offset 0 for ever").toEqual([]);

    const { texts, unreadable } = await contentsOf(log, topic);
    expect(texts.at(-1)).toBe("last");
    expect(unreadable, "what compaction took is no news").toEqual([]);
    let last = "";
    const follower = log.follow({
      topic,
      partition: 0,
      from: 0n,
      onDelivery: ({ records }) => void (last = String(records.at(-1)?.offset ?? last)),
      onProblem: () => undefined,
    });
    const { end } = await log.offsets(topic, 0);
    await until(() => follower.position() >= end, "the end");
    expect(Number(last)).toBe(Number(end) - 1);
    await follower.stop();
  },
  LIMIT_MS,
);

test(
  "a broker that is killed: the append in flight is unknown, a follower says it once and goes on, and every acknowledged record is there once [append:answers-appended-or-unknown] [append:unknown-drops-producer]",
  async () => {
    const topic = await freshTopic(log, "killed");
    const impatient = createKafkaEventLog({ brokers: broker.brokers, clientId: "impatient", appendDeadlineMs: 2_000 });
    onTestFinished(() => impatient.close());
    const texts: string[] = [];
    const problems: FollowProblem[] = [];
    const follower = log.follow({
      topic,
      partition: 0,
      from: 0n,
      onDelivery: ({ records }) =>
        void texts.push(...records.map(({ value }) => new TextDecoder().decode(value ?? undefined))),
      onProblem: (problem) => void problems.push(problem),
    });
    const appender = await impatient.openAppender(topic, 0);
    const acknowledged: string[] = [];
    const append = async (to: typeof appender, text: string): Promise<string> => {
      const { kind } = await to.append([newRecord(text)]);
      if (kind === "appended") acknowledged.push(text);
      return kind;
    };
    for (const text of ["0", "1", "2"]) expect(await append(appender, text)).toBe("appended");
    await broker.kill("SIGKILL");
    expect(await append(appender, "in doubt")).toBe("unknown");
    await until(() => problems.length > 0, "the follower's problem");
    await broker.restart();

    const next = await log.openAppender(topic, 0);
    for (const text of ["3", "4"]) expect(await append(next, text)).toBe("appended");
    await until(() => texts.includes("4"), "the records after the restart", 20_000);
    expect(problems.map(({ kind }) => kind)).toEqual(["unreachable"]);
    expect(texts.filter((text) => text !== "in doubt")).toEqual(acknowledged);
    await follower.stop();
  },
  LIMIT_MS,
);

test(
  "a member whose broker died is told that it lost everything, and is given it again when the broker is back [log:membership-comes-back]",
  async () => {
    const topic = await freshTopic(log, "member", { partitions: 2 });
    const SHORT = { sessionTimeoutMs: 2_000, heartbeatIntervalMs: 200, requestTimeoutMs: 700 };
    const own = createKafkaEventLog({ brokers: broker.brokers, clientId: "member", ...SHORT });
    onTestFinished(() => own.close());
    const told: string[] = [];
    const membership = await own.join({
      group: `group-${topic}`,
      topics: [topic],
      owned: () => [],
      onAssignment: (partitions) => void told.push(partitions.join()),
      onLost: () => void told.push("lost"),
    });
    onTestFinished(() => membership.leave());
    await until(() => told.at(-1) === "0,1", "its partitions");
    for (let round = 1; round <= 2; round += 1) {
      const { generation } = membership.heartbeats();
      await broker.kill("SIGKILL");
      await until(() => told.at(-1) === "lost", "the loss", 20_000);
      await broker.restart();
      await until(() => told.at(-1) === "0,1", "its partitions again", 30_000);
      await until(() => membership.heartbeats().count > 0, "a heartbeat", 20_000);
      expect(membership.heartbeats().generation, "what was owned before the loss is owned no longer").toBeGreaterThan(
        generation,
      );
    }
  },
  2 * LIMIT_MS,
);
