import { claimHeaders, type EventBody, partitionOf, stampHeaders } from "@busbar/events";
import { builtinSchemaIds, createCodec } from "@busbar/events/codec";
import type { EventLog } from "@busbar/log";
import { createEmbeddedLog } from "@busbar/log/embedded";
import { createCheckpointStore, metaWith, Supervisor, topicNames } from "@busbar/runtime";
import { createMetrics, SILENT_LOGGER } from "@busbar/telemetry";
import { afterEach, describe, expect, it } from "vitest";
import { until } from "../until.ts";
import { type HeldPublications, withHeldPublications } from "./held-publications.ts";
import { createTestKeys } from "./keys.ts";

const topics = topicNames("test");
const codec = createCodec({ ids: builtinSchemaIds() });
const { keyring } = createTestKeys();
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function newLog(): Promise<HeldPublications> {
  const held = withHeldPublications(createEmbeddedLog({}));
  const names = [topics.events, topics.signals, topics.checkpoints, topics.deadLetters];
  const single = [topics.directives, topics.heartbeats];
  await held.log.ensureTopics([...names, ...single].map((name) => ({ name, partitions: 1, config: {} })));
  ends.push(() => held.log.close());
  return held;
}

async function supervise(log: EventLog, name: string, checkpointEvery: number, nowMs = Date.now) {
  const settings = { heartbeatMs: 5, tickMs: 5, checkpointEvery };
  const clock = { nowMs, monotonicMs: () => performance.now() };
  const common = { codec, keyring, prefix: "test", logger: SILENT_LOGGER, metrics: createMetrics(), clock };
  const supervisor = new Supervisor({ ...common, log, name, settings });
  await supervisor.start();
  let isStopped = false;
  const stop = async (): Promise<void> => {
    if (!isStopped) await supervisor.stop();
    isStopped = true;
  };
  ends.push(stop);
  return { stop };
}

/** Valid events of one owner: a claim, then one final failure of the tool per chain. */
async function failures(log: EventLog, tool: string, count: number): Promise<void> {
  const appender = await log.openAppender(topics.events, 0);
  const claim = { offset: 0n, nonce: "n1" };
  await appender.append([
    { key: "owner", value: new Uint8Array([0]), headers: claimHeaders({ owner: "o", ...claim }) },
  ]);
  for (let at = 1n; at <= BigInt(count); at += 1n) {
    const meta = metaWith({ eventId: `${topics.events}/0/${at}`, atMs: Number(at), chainId: `c${at}`, agent: "a" });
    const failed = {
      code: "BUSBAR_TOOL_FAILED",
      reason: "down",
      final: true,
      retryAtMs: 0,
      durationMs: 1,
      freshness: "",
    };
    const ids = { callId: `c${at}:1`, effectKey: "k", tool, attempt: 1, admitted: "0" };
    const value = codec.encode("EffectFailed", { meta, ...ids, ...failed });
    const headers = stampHeaders({ type: "EffectFailed", at, claim, prev: "0".repeat(64), value });
    await appender.append([{ key: meta.chainId, value, headers }]);
  }
  await appender.close();
}

/** The log that does not answer the first so many times it is asked for a topic's offsets. */
function withSilence(log: EventLog, topic: string, times: number): EventLog {
  let left = times;
  const offsets: EventLog["offsets"] = (name, partition) => {
    if (name !== topic || left === 0) return log.offsets(name, partition);
    left -= 1;
    return Promise.reject(new Error("no answer"));
  };
  return Object.assign(Object.create(log) as EventLog, {
    offsets,
    follow: log.follow.bind(log),
    join: log.join.bind(log),
    publish: log.publish.bind(log),
    read: log.read.bind(log),
    partitionCount: log.partitionCount.bind(log),
  });
}

type Outcome = Pick<EventBody<"ToolOutcome">, "sourceOffset" | "ok"> & { readonly tool?: string };

async function signal(log: EventLog, { sourceOffset, ok, tool = "vendor.ask" }: Outcome): Promise<void> {
  const meta = metaWith({ eventId: `${topics.events}/0/${sourceOffset}`, atMs: Number(sourceOffset), chainId: "c" });
  // Of another agent each time: one alone counts once.
  const [key, agent] = [`tool:${tool}`, `a${sourceOffset}`];
  const said = {
    key,
    tool,
    agent,
    chainId: "c",
    ok,
    code: "",
    probe: "",
    durationMs: 1,
    rule: "tool-outcome",
    index: 0,
  };
  const source = { sourcePartition: 0, sourceOffset, atMs: Number(sourceOffset) };
  const value = codec.encode("ToolOutcome", { meta, ...said, ...source });
  const record = { key, value, headers: { type: "ToolOutcome" } };
  await log.publish([{ topic: topics.signals, partition: partitionOf(record.key, 1), record }]);
}

/** What was ordered, without who said it and when. */
async function orders(log: EventLog): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { records } of log.read(topics.directives, 0, { from: 0n })) {
    for (const { value } of records) {
      const decoded = codec.decode(value, "directive");
      if (!decoded.ok) continue;
      const { message } = decoded;
      found.push(message.type === "OpenBreaker" ? `open ${message.key} ${message.cause}` : message.type);
    }
  }
  return found;
}

/** The supervisor's own word that it has read so many signals. */
async function readSignals(log: EventLog, name: string, through: number): Promise<void> {
  const isThrough = async (): Promise<boolean> => {
    for await (const { records } of log.read(topics.heartbeats, 0, { from: 0n })) {
      for (const { value } of records) {
        const decoded = codec.decode(value, "heartbeat");
        if (!decoded.ok || decoded.message.type !== "SupervisorHeartbeat") continue;
        const { supervisor, stream, eventsThrough } = decoded.message;
        if (supervisor === name && stream === "signals" && Number(eventsThrough) >= through) return true;
      }
    }
    return false;
  };
  await until(isThrough, `${name} has read ${through} signals`, 3000);
}

const checkpointAt = async (log: EventLog, name: string): Promise<bigint | null> =>
  (await createCheckpointStore(log, topics.checkpoints).load(name, 0))?.offset ?? null;

/** One for the tool, one for the agent, one for both together. */
const SIGNALS_OF_A_FAILURE = 3n;

describe("stage one", () => {
  it("saves its checkpoint only when its signals are acknowledged [supervisor:checkpoint-after-outputs]", async () => {
    const { log, hold, waiting, release } = await newLog();
    hold(topics.signals);
    await supervise(log, "s1", 1);
    ends.push(() => Promise.resolve(release()));
    await failures(log, "vendor.ask", 1);
    await until(() => waiting() > 0, "a signal waits for its acknowledgement", 3000);
    const { end } = await log.offsets(topics.heartbeats, 0);
    await until(async () => (await log.offsets(topics.heartbeats, 0)).end > end + 6n, "more heartbeats", 3000);
    const before = await checkpointAt(log, "supervisor-events");
    expect(before === null || before < 2n).toBe(true);
    release();
    await until(async () => (await checkpointAt(log, "supervisor-events")) === 2n, "the checkpoint", 3000);
    expect((await log.offsets(topics.signals, 0)).end).toBe(SIGNALS_OF_A_FAILURE);
  });

  it("started again from its checkpoint makes none of its signals a second time [supervisor:signals-are-input]", async () => {
    const { log } = await newLog();
    const first = await supervise(log, "s1", 1);
    await failures(log, "vendor.ask", 1);
    await until(async () => (await checkpointAt(log, "supervisor-events")) === 2n, "the checkpoint", 3000);
    await first.stop();
    await supervise(log, "s2", 1);
    await readSignals(log, "s2", 1);
    expect((await log.offsets(topics.signals, 0)).end).toBe(SIGNALS_OF_A_FAILURE);
  });
});

const STORY: readonly Outcome[] = [
  { sourceOffset: "3", ok: false },
  { sourceOffset: "4", ok: true },
  // Said again by a stage one that started over: older than what was taken, so it counts for nothing.
  { sourceOffset: "3", ok: false },
  { sourceOffset: "5", ok: false, tool: "mail.send" },
  { sourceOffset: "6", ok: false },
  { sourceOffset: "6", ok: false },
  { sourceOffset: "9", ok: false },
  { sourceOffset: "9", ok: false },
  { sourceOffset: "10", ok: false },
];
const OPENED = ["open tool:vendor.ask test.events/0/9"];

describe("stage two", () => {
  it("orders the same on the same signals, whoever reads them, when and in what portions [supervisor:signals-are-input]", async () => {
    const [early, late] = [await newLog(), await newLog()];
    await supervise(early.log, "s1", 1000);
    for (const [index, one] of STORY.entries()) {
      await signal(early.log, one);
      await readSignals(early.log, "s1", index + 1);
    }
    for (const one of STORY) await signal(late.log, one);
    await supervise(late.log, "s2", 1000, () => Date.now() + 86_400_000);
    await readSignals(late.log, "s2", STORY.length);
    expect(await orders(early.log)).toEqual(OPENED);
    expect(await orders(late.log)).toEqual(OPENED);
    // No event was there to make them from: what is recorded is all the input there is, and stays as it was.
    expect((await late.log.offsets(topics.signals, 0)).end).toBe(BigInt(STORY.length));
  });

  it("started again in the middle of a run of failures goes on counting: the same order, once [supervisor:restart-same-orders]", async () => {
    const { log } = await newLog();
    const first = await supervise(log, "s1", 1);
    for (const one of STORY.slice(0, 6)) await signal(log, one);
    await until(async () => (await checkpointAt(log, "supervisor-signals")) === 6n, "the checkpoint", 3000);
    await first.stop();
    for (const one of STORY.slice(6)) await signal(log, one);
    const second = await supervise(log, "s2", 1);
    await until(async () => (await checkpointAt(log, "supervisor-signals")) === 9n, "the next checkpoint", 3000);
    await second.stop();
    expect(await orders(log)).toEqual(OPENED);
  });

  it("started again without a checkpoint says the same order again, by the same cause, and no other [supervisor:restart-same-orders]", async () => {
    const { log } = await newLog();
    const first = await supervise(log, "s1", 1000);
    for (const one of STORY) await signal(log, one);
    await readSignals(log, "s1", STORY.length);
    await first.stop();
    const later = await supervise(log, "s2", 1000, () => Date.now() + 3_600_000);
    await readSignals(log, "s2", STORY.length);
    await later.stop();
    expect(await orders(log)).toEqual([...OPENED, ...OPENED]);
  });
});

describe("a signal that nobody can read", () => {
  it("becomes a dead letter with its bytes, and the next one counts [schemas:poison-dead-lettered]", async () => {
    const { log } = await newLog();
    const value = new Uint8Array([9, 9, 9]);
    await log.publish([{ topic: topics.signals, partition: 0, record: { key: "k", value, headers: {} } }]);
    await signal(log, { sourceOffset: "1", ok: false });
    await signal(log, { sourceOffset: "2", ok: false });
    await supervise(log, "s1", 100);
    await until(async () => (await orders(log)).length === 1, "the breaker opens", 15_000);
    const letters: string[] = [];
    for await (const { records } of log.read(topics.deadLetters, 0, { from: 0n })) {
      for (const record of records) {
        const decoded = codec.decode(record.value, "dead-letter");
        if (decoded.ok) letters.push(`${decoded.message.topic}/${decoded.message.offset} ${record.key}`);
      }
    }
    expect(letters).toEqual([`${topics.signals}/0 ${topics.signals}/0/0`]);
  });
});

it("a stage that does not start is tried again: its partition is not left without beats [supervisor:stage-retried]", async () => {
  const { log } = await newLog();
  await supervise(withSilence(log, topics.signals, 2), "s1", 100);
  const beats = async (): Promise<bigint> => (await log.offsets(topics.heartbeats, 0)).end;
  await until(async () => (await beats()) > 0n, "a beat about the partition", 20_000);
});
