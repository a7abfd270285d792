/**
 * The experiments behind PROTOCOL 1 and 2, on the real broker: each shows the harm with kafkajs as it is, and the
 * port under the same fault. (The leader that moves is shown beside the producer, with kafkajs's code and a stub.)
 */
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { type Claim, claimHeaders, formatEpoch, initialPlacement, place } from "@busbar/events";
import type { Appender, AppendOutcome, EventLog } from "@busbar/log";
import { createKafkaEventLog } from "@busbar/log/kafka";
import { isProduceRequest, type TcpProxy, until } from "@busbar/testkit";
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

const brokers = inject("brokers");
const QUICK = { appendDeadlineMs: 1_500, requestTimeoutMs: 500 };
let log: EventLog;
let proxy: TcpProxy;
let proxied: EventLog;

beforeAll(async () => {
  log = createKafkaEventLog({ brokers, clientId: "experiments" });
  proxy = await openProxy(brokers);
  proxied = proxiedLog(brokers, proxy, QUICK);
});

afterAll(async () => {
  proxy.release("lose");
  await Promise.all([log.close(), proxied.close()]);
  await proxy.close();
});

const baseOf = (outcome: AppendOutcome): number => (outcome.kind === "appended" ? Number(outcome.baseOffset) : -1);

/** Appends 120 times; someone else writes before some, the answer of others is cut off with its connection. */
async function contiguity(append: (text: string) => Promise<number>, intrude: () => Promise<unknown>) {
  const gaps: number[] = [];
  const cutsAt: number[] = [];
  let next = 0;
  for (let i = 0; i < 120; i++) {
    if (i % 20 === 15) await intrude();
    if (i % 10 === 5) proxy.cutOnNext("to-client");
    const before = proxy.cuts;
    const base = await append(`v${i}`);
    if (proxy.cuts > before) cutsAt.push(i);
    if (base !== next) gaps.push(i);
    next = base + 1;
  }
  return { gaps, cutsAt };
}

test("the returned offset shows every intruder and no retried batch; without idempotence a retry is a duplicate [append:offset-mismatch-is-unknown] [append:one-in-flight]", async () => {
  const topic = await freshTopic(log, "contiguity");
  const appender = await proxied.openAppender(topic, 0);
  const guarded = await contiguity(
    async (text) => baseOf(await appender.append([newRecord(text)])),
    () => log.publish([{ topic, partition: 0, record: newRecord("intruder") }]),
  );
  await appender.close();
  expect(guarded.cutsAt).toHaveLength(12);
  expect(guarded.gaps, "one gap for each intruder, none for the lost answers").toEqual([15, 35, 55, 75, 95, 115]);
  expect(repeated((await contentsOf(log, topic)).texts.filter((text) => text !== "intruder"))).toEqual([]);

  const plain = await freshTopic(log, "contiguity-plain");
  const producer = plainKafka(brokers, { retry: { retries: 20, initialRetryTime: 50 } }, proxy).producer({
    idempotent: false,
  });
  await producer.connect();
  const unguarded = await contiguity(
    async (text) => Number((await plainSend(producer, plain, text))?.baseOffset),
    () => log.publish([{ topic: plain, partition: 0, record: newRecord("intruder") }]),
  );
  await producer.disconnect();
  expect(unguarded.gaps.length).toBeGreaterThan(6);
  expect(repeated((await contentsOf(log, plain)).texts.filter((text) => text !== "intruder")).length).toBeGreaterThan(
    0,
  );
});

test("after a rejected send kafkajs answers the next one with an older record's offset; the port's producer is thrown away [append:unknown-drops-producer]", async () => {
  const config = { "max.message.bytes": "2000" };
  const plain = await freshTopic(log, "rejected-plain", { partitions: 2, config });
  const producer = plainKafka(brokers, { retry: { retries: 3, initialRetryTime: 50 } }).producer({
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  await plainSend(producer, plain, "first");
  const messages = [
    { key: "k", value: "A: EffectAdmitted", partition: 0 },
    { key: "k", value: "x".repeat(5_000), partition: 1 },
  ];
  await expect(producer.sendBatch({ acks: -1, topicMessages: [{ topic: plain, messages }] })).rejects.toThrow();
  const swallowed = await plainSend(producer, plain, "B: EffectAdmitted");
  await producer.disconnect();
  expect(swallowed?.baseOffset, "looks contiguous").toBe("1");
  expect((await contentsOf(log, plain)).texts, "and is nowhere in the log").toEqual(["first", "A: EffectAdmitted"]);

  const topic = await freshTopic(log, "rejected", { config });
  const appender = await log.openAppender(topic, 0);
  await appender.append([newRecord("first")]);
  expect((await appender.append([newRecord("x".repeat(5_000))])).kind, "refused before it is sent").toBe("refused");
  await withAdmin(brokers, (admin) => setMaxBytes(admin, topic, "500"));
  const rejected = await Promise.all([
    appender.append([newRecord("y".repeat(1_500))]),
    appender.append([newRecord("waits")]),
  ]);
  expect(
    rejected.map(({ kind }) => kind),
    "the broker rejects it",
  ).toEqual(["unknown", "unknown"]);
  expect((await appender.append([newRecord("B")])).kind).toBe("unknown");
  const next = await log.openAppender(topic, 0);
  expect(baseOf(await next.append([newRecord("B")]))).toBe(1);
  expect((await contentsOf(log, topic)).texts).toEqual(["first", "B"]);
});

test("after a lost answer kafkajs swallows the next append; the port answers unknown and goes on with a new producer [append:unknown-drops-producer] [append:answers-appended-or-unknown] [append:never-sent-twice]", async () => {
  const plain = await freshTopic(log, "lost-plain");
  const settings = { requestTimeout: 500, retry: { retries: 1, initialRetryTime: 30 } };
  const producer = plainKafka(brokers, settings, proxy).producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  await plainSend(producer, plain, "first");
  proxy.hold("to-client");
  await expect(plainSend(producer, plain, "A")).rejects.toThrow();
  proxy.release("lose");
  const send = () => plainSend(producer, plain, "B");
  const swallowed = await send().catch(send);
  await producer.disconnect();
  expect(swallowed?.baseOffset, "looks contiguous").toBe("1");
  expect((await contentsOf(log, plain)).texts, "and is nowhere in the log").not.toContain("B");

  const topic = await freshTopic(log, "lost");
  const appender = await proxied.openAppender(topic, 0);
  await appender.append([newRecord("first")]);
  proxy.hold("to-client");
  const started = Date.now();
  expect((await appender.append([newRecord("A")])).kind).toBe("unknown");
  expect(Date.now() - started, "within the deadline").toBeLessThan(QUICK.appendDeadlineMs + 1_000);
  proxy.release("lose");
  expect((await appender.append([newRecord("B")])).kind).toBe("unknown");
  const next = await proxied.openAppender(topic, 0);
  expect(baseOf(await next.append([newRecord("B")]))).toBe(2);
  expect((await contentsOf(log, topic)).texts, "A landed once, B once").toEqual(["first", "A", "B"]);
});

test("an append of the owner's own epoch that lands after its acknowledgement of a halt is void by the placement rule, and counts without it [placement:void-at-mismatch] [placement:readers-agree]", async () => {
  const topic = await freshTopic(log, "late");
  const appender = await proxied.openAppender(topic, 0);
  const nonce = "n1";
  await appender.append([newRecord("claim", { ...claimHeaders({ owner: "o", nonce }) })]);
  const claim = { offset: 0n, nonce };
  proxy.hold("to-server", isProduceRequest);
  expect((await stamped(appender, "EffectAdmitted", 1n, claim)).kind).toBe("unknown");
  expect(proxy.held, "the request waits in the network").toBeGreaterThan(0);
  proxy.stopHolding();
  expect((await contentsOf(log, topic)).texts, "re-read to the end: it is not there").toEqual(["claim"]);
  const next = await proxied.openAppender(topic, 0);
  expect(baseOf(await stamped(next, "HaltAcknowledged", 1n, claim))).toBe(1);
  proxy.release("deliver");
  await until(async () => (await log.offsets(topic, 0)).end === 3n, "the late record");

  const { records, texts } = await contentsOf(log, topic);
  expect(texts, "without the rule an effect is admitted after the acknowledgement").toEqual([
    "claim",
    "HaltAcknowledged",
    "EffectAdmitted",
  ]);
  let state = initialPlacement();
  const verdicts = records.map((record) => {
    const placed = place(state, record);
    ({ state } = placed);
    return placed.verdict;
  });
  expect(verdicts).toEqual(["claim", "valid", "void"]);
});

function stamped(appender: Appender, type: string, at: bigint, claim: Claim): Promise<AppendOutcome> {
  return appender.append([newRecord(type, { type, at: String(at), epoch: formatEpoch(claim) })]);
}

async function setMaxBytes(
  admin: Parameters<Parameters<typeof withAdmin>[1]>[0],
  topic: string,
  bytes: string,
): Promise<void> {
  const configEntries = [{ name: "max.message.bytes", value: bytes }];
  await admin.alterConfigs({ validateOnly: false, resources: [{ type: 2, name: topic, configEntries }] });
  await until(async () => {
    const answer = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: 2, name: topic }] });
    const entry = answer.resources[0]?.configEntries.find(({ configName }) => configName === "max.message.bytes");
    return entry?.configValue === bytes;
  }, "the topic's new limit");
}
