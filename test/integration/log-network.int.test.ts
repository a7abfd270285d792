/** The log behind a network that holds back, loses and cuts. */
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from "vitest";
import type { EventLog, FollowProblem } from "@busbar/log";
import { createKafkaEventLog } from "@busbar/log/kafka";
import { isFetchRequest, type TcpProxy, until } from "@busbar/testkit";
import { contentsOf, freshTopic, newRecord, openProxy, proxiedLog } from "../support/plain-kafka.ts";

const brokers = inject("brokers");
const SESSION = { sessionTimeoutMs: 1_500, heartbeatIntervalMs: 200 };
/** Long enough for a new connection and producer on a busy machine. */
const SHORT = { ...SESSION, requestTimeoutMs: 1_500, appendDeadlineMs: 4_000 };
let log: EventLog;
let proxy: TcpProxy;
let proxied: EventLog;

beforeAll(async () => {
  log = createKafkaEventLog({ brokers, clientId: "network", ...SESSION });
  proxy = await openProxy(brokers);
  proxied = proxiedLog(brokers, proxy, SHORT);
});

afterAll(async () => {
  proxy.release("lose");
  await Promise.all([log.close(), proxied.close()]);
  await proxy.close();
});

/** Joins and notes what the member is told. */
async function member(of: EventLog, group: string, topic: string) {
  const told: string[] = [];
  const membership = await of.join({
    group,
    topics: [topic],
    owned: () => [],
    onAssignment: (partitions) => void told.push(partitions.join()),
    onLost: (reason) => void told.push(`lost: ${reason}`),
  });
  onTestFinished(() => membership.leave());
  return { membership, told };
}

test("a member that is cut off is told that it lost everything, another takes over, and it comes back by itself", async () => {
  const topic = await freshTopic(log, "cut-off", { partitions: 2 });
  const group = `group-${topic}`;
  const cut = await member(proxied, group, topic);
  await until(() => cut.told.at(-1) === "0,1", "all partitions for the first member");
  const stays = await member(log, group, topic);
  await until(() => stays.told.at(-1)?.length === 1 && cut.told.at(-1)?.length === 1, "one partition for each");

  proxy.hold("to-server");
  proxy.hold("to-client");
  await until(() => cut.told.at(-1)?.startsWith("lost") === true, "the loss");
  expect(cut.told.at(-1)).toBe("lost: no heartbeat succeeded for 1500 ms");
  await until(() => stays.told.at(-1) === "0,1", "the takeover", 15_000);
  const { generation } = cut.membership.heartbeats();
  proxy.release("lose");
  proxy.cut();
  await until(() => cut.told.at(-1)?.length === 1 && stays.told.at(-1)?.length === 1, "its return", 20_000);
  expect(cut.membership.heartbeats().generation).toBeGreaterThan(generation);
});

test.each([
  ["all its connections hang", () => true],
  ["the connection it fetches on hangs", isFetchRequest],
])("a follower says once that %s, opens others, and misses nothing [log:order]", async (_what, hangs) => {
  const topic = await freshTopic(log, "hang");
  const texts: string[] = [];
  const problems: FollowProblem[] = [];
  const follower = proxied.follow({
    topic,
    partition: 0,
    from: 0n,
    onDelivery: ({ records }) =>
      void texts.push(...records.map(({ value }) => new TextDecoder().decode(value ?? undefined))),
    onProblem: (problem) => void problems.push(problem),
  });
  onTestFinished(() => follower.stop());
  const publish = (text: string) => log.publish([{ topic, partition: 0, record: newRecord(text) }]);
  await publish("0");
  await until(() => texts.length === 1, "the first record");
  proxy.stall(hangs);
  await publish("1");
  await until(() => problems.length > 0, "the problem");
  await publish("2");
  await until(() => texts.length === 3, "the rest", 15_000);
  expect(texts).toEqual(["0", "1", "2"]);
  expect(problems.map(({ kind }) => kind)).toEqual(["unreachable"]);
});

test("after all connections hung, every question is answered through new ones", async () => {
  const topic = await freshTopic(proxied, "stalled");
  const publish = (text: string) => proxied.publish([{ topic, partition: 0, record: newRecord(text) }]);
  await publish("0");
  expect((await contentsOf(proxied, topic)).texts).toEqual(["0"]);
  proxy.stall();
  expect((await publish("1"))[0]?.kind).toBe("unknown");
  proxy.stall();
  expect((await proxied.offsets(topic, 0)).low).toBe(0n);
  proxy.stall();
  expect((await contentsOf(proxied, topic)).texts).toEqual(["0"]);
  proxy.stall();
  expect(await proxied.listTopics()).toContain(topic);
  proxy.stall();
  const appender = await proxied.openAppender(topic, 0);
  expect((await appender.append([newRecord("2")])).kind).toBe("appended");
  expect((await publish("3"))[0]?.kind).toBe("appended");
});

test("connections that are cut again and again cost no record and no order [log:order]", async () => {
  const topic = await freshTopic(log, "cuts", { partitions: 2 });
  const seen: bigint[][] = [[], []];
  for (const partition of [0, 1]) {
    const follower = proxied.follow({
      topic,
      partition,
      from: 0n,
      onDelivery: ({ records }) => void seen[partition]?.push(...records.map(({ offset }) => offset)),
      onProblem: () => undefined,
    });
    onTestFinished(() => follower.stop());
  }
  for (let i = 0; i < 60; i++) {
    await log.publish([0, 1].map((partition) => ({ topic, partition, record: newRecord(String(i)) })));
    if (i % 15 === 10) proxy.cut();
  }
  // Within the short deadline a busy machine may not get every record to the log: what is there counts.
  const ends = await Promise.all([0, 1].map(async (partition) => (await log.offsets(topic, partition)).end));
  for (const end of ends) expect(end).toBeGreaterThan(30n);
  await until(() => seen.every((offsets, partition) => offsets.at(-1) === (ends[partition] ?? 0n) - 1n), "all records");
  for (const [partition, offsets] of seen.entries())
    expect(offsets).toEqual([...Array(Number(ends[partition])).keys()].map(BigInt));
});

test("a publication whose answer is lost is unknown within the deadline, and the next one goes through [append:answers-appended-or-unknown]", async () => {
  const topic = await freshTopic(log, "publish-lost");
  const publish = async (text: string) =>
    (await proxied.publish([{ topic, partition: 0, record: newRecord(text) }]))[0]?.kind;
  // The topic's producer is opened within the short deadline, or at the next try.
  await expect.poll(() => publish("0"), { timeout: 20_000 }).toBe("appended");
  const before = (await contentsOf(log, topic)).texts.length;
  proxy.hold("to-client");
  expect(await publish("1")).toBe("unknown");
  proxy.release("lose");
  // A busy machine may need longer than the short deadline for the new connection.
  let tries = 1;
  while ((await publish("1")) !== "appended" && tries < 10) tries += 1;
  const { texts } = await contentsOf(log, topic);
  expect(texts.slice(before - 1, before + 2)).toEqual(["0", "1", "1"]);
  expect(texts.length, "each publication is sent once").toBeLessThanOrEqual(before + 1 + tries);
});
