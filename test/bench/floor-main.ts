/**
 * The raw floor: kafkajs alone on the same broker, so that a figure of the bus stands beside what the log itself costs
 * on this machine at this hour. No Busbar code is on these paths.
 *
 *   append            one awaited idempotent append of one record (400 B), nothing else under way
 *   journal <c>       five such appends in a row are a chain; c chains; what waits is sent as one request
 *   echo              answers each record of `ping` with one on `pong`, in a process of its own
 *   flood <n>         n records a second until it is ended, in requests of 10 ms' worth
 *   ping              there and back again through `echo`: two appends, two deliveries
 */
import { randomBytes } from "node:crypto";
import { announceReady } from "@busbar/telemetry";
import { type Consumer, Kafka, logLevel, type Producer } from "kafkajs";
import { measure } from "./load.ts";

// A service of the harness is started without arguments.
const given = process.argv.length > 2 ? process.argv.slice(2) : (process.env["BENCH_ARGS"] ?? "").split(" ");
const [mode = "append", concurrency = "1", warmUpMs = "0", measuredMs = "1000", prefix = ""] = given;
const RECORD_BYTES = 400;
const APPENDS_PER_CHAIN = 5;
const PARTITIONS = 4;

const value = randomBytes(RECORD_BYTES);
const brokers = (process.env["BUSBAR_BROKERS"] ?? "").split(",");
const kafka = new Kafka({ clientId: `floor-${mode}`, brokers, logLevel: logLevel.NOTHING });
const load = { concurrency: Number(concurrency), warmUpMs: Number(warmUpMs), measuredMs: Number(measuredMs) };

async function openProducer(): Promise<Producer> {
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false });
  await producer.connect();
  return producer;
}

const sendOne = async (producer: Producer, topic: string, key: string): Promise<void> => {
  await producer.send({ topic, acks: -1, messages: [{ key, value, partition: 0 }] });
};

interface Waiting {
  readonly partition: number;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/** One request in flight; what comes meanwhile is the next request. */
function gatherer(producer: Producer, topic: string): (partition: number) => Promise<void> {
  let waiting: Waiting[] = [];
  let isSending = false;
  const drain = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      try {
        await producer.send({ topic, acks: -1, messages: batch.map(({ partition }) => ({ value, partition })) });
        for (const { done } of batch) done();
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
    isSending = false;
  };
  return (partition) =>
    new Promise((done, failed) => {
      waiting.push({ partition, done, failed });
      if (isSending) return;
      isSending = true;
      void drain();
    });
}

async function follow(topic: string, onRecord: (key: string) => void): Promise<Consumer> {
  const consumer = kafka.consumer({ groupId: `${topic}.readers`, maxWaitTimeInMs: 100, minBytes: 1 });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  const joined = new Promise<void>((resolve) => void consumer.on(consumer.events.GROUP_JOIN, () => resolve()));
  await consumer.run({
    autoCommit: false,
    eachBatch: ({ batch }) => {
      for (const { key } of batch.messages) onRecord(key?.toString() ?? "");
      return Promise.resolve();
    },
  });
  await joined;
  return consumer;
}

async function append(): Promise<void> {
  const producer = await openProducer();
  print(await measure(load, () => sendOne(producer, `${prefix}.floor`, "floor")));
  await producer.disconnect();
}

async function journal(): Promise<void> {
  const producer = await openProducer();
  const put = gatherer(producer, `${prefix}.floor`);
  const chain = async (n: number): Promise<void> => {
    for (let done = 0; done < APPENDS_PER_CHAIN; done += 1) await put(n % PARTITIONS);
  };
  print(await measure(load, chain));
  await producer.disconnect();
}

async function echo(): Promise<void> {
  const producer = await openProducer();
  const consumer = await follow(`${prefix}.ping`, (key) => void sendOne(producer, `${prefix}.pong`, key));
  announceReady({ service: "floor-echo", http: null });
  process.once(
    "SIGTERM",
    () => void Promise.all([consumer.disconnect(), producer.disconnect()]).then(() => process.exit(0)),
  );
}

/** `concurrency` is the rate. What a slow broker leaves behind is not made up for. */
async function flood(): Promise<void> {
  const producer = await openProducer();
  const messages = Array.from({ length: Math.ceil(Number(concurrency) / 100) }, (_, n) => ({
    value,
    partition: n % PARTITIONS,
  }));
  let isSending = false;
  const timer = setInterval(() => {
    if (isSending) return;
    isSending = true;
    producer.send({ topic: `${prefix}.floor`, acks: -1, messages }).then(
      () => (isSending = false),
      () => (isSending = false),
    );
  }, 10);
  announceReady({ service: "floor-flood", http: null });
  process.once("SIGTERM", () => {
    clearInterval(timer);
    void producer.disconnect().then(() => process.exit(0));
  });
}

async function ping(): Promise<void> {
  const waiting = new Map<string, () => void>();
  const producer = await openProducer();
  const run = randomBytes(6).toString("hex");
  const consumer = await follow(`${prefix}.pong`, (key) => waiting.get(key)?.());
  const roundTrip = async (n: number): Promise<void> => {
    const key = `${run}/${n}`;
    const answered = new Promise<void>((resolve) => waiting.set(key, resolve));
    await sendOne(producer, `${prefix}.ping`, key);
    await answered;
    waiting.delete(key);
  };
  print(await measure(load, roundTrip));
  await Promise.all([consumer.disconnect(), producer.disconnect()]);
}

const print = (result: unknown): void => void process.stdout.write(`${JSON.stringify(result)}\n`);

const modes: Readonly<Record<string, () => Promise<void>>> = { append, journal, echo, flood, ping };
await modes[mode]?.();
