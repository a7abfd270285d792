import type { EventBody } from "@busbar/events";
import { builtinSchemaIds, createCodec } from "@busbar/events/codec";
import type { EventLog } from "@busbar/log";
import { createEmbeddedLog } from "@busbar/log/embedded";
import { metaWith, Supervisor, topicNames } from "@busbar/runtime";
import { createMetrics, SILENT_LOGGER } from "@busbar/telemetry";
import { afterEach, describe, expect, it, vi } from "vitest";
import { until } from "../until.ts";
import { createTestKeys } from "./keys.ts";

vi.setConfig({ testTimeout: 60_000 });

const topics = topicNames("test");
const codec = createCodec({ ids: builtinSchemaIds() });
const { keyring } = createTestKeys();
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function newLog(): Promise<EventLog> {
  const log = createEmbeddedLog({});
  const names = [
    topics.events,
    topics.signals,
    topics.checkpoints,
    topics.deadLetters,
    topics.directives,
    topics.heartbeats,
  ];
  await log.ensureTopics(names.map((name) => ({ name, partitions: 1, config: {} })));
  ends.push(() => log.close());
  return log;
}

/** Reads all signals that are there, as one supervisor does, and ends; what stands on the directives then. */
async function supervise(log: EventLog, name: string): Promise<readonly string[]> {
  const metrics = createMetrics();
  const settings = { heartbeatMs: 5, tickMs: 5, checkpointEvery: 1_000_000 };
  const common = { log, codec, keyring, metrics, prefix: "test", logger: SILENT_LOGGER };
  const supervisor = new Supervisor({ ...common, name, settings });
  await supervisor.start();
  const { end } = await log.offsets(topics.signals, 0);
  const hasRead = async (): Promise<boolean> => {
    for await (const { records } of log.read(topics.heartbeats, 0, { from: 0n })) {
      for (const { value } of records) {
        const decoded = codec.decode(value, "heartbeat");
        if (!decoded.ok || decoded.message.type !== "SupervisorHeartbeat") continue;
        const { supervisor: from, stream, eventsThrough } = decoded.message;
        if (from === name && stream === "signals" && BigInt(eventsThrough) >= end) return true;
      }
    }
    return false;
  };
  await until(hasRead, `${name} has read the signals`, 45_000);
  await supervisor.stop();
  return directives(log);
}

async function directives(log: EventLog): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { records } of log.read(topics.directives, 0, { from: 0n })) {
    for (const { value } of records) {
      const decoded = codec.decode(value, "directive");
      if (!decoded.ok || !("cause" in decoded.message)) continue;
      const { type, cause } = decoded.message;
      found.push(`${type} ${cause}`);
    }
  }
  return found;
}

type Report = "LoadReport" | "DecisionReport";

async function report<T extends Report>(
  log: EventLog,
  type: T,
  offset: number,
  body: Omit<EventBody<T>, "key" | "sourcePartition" | "sourceOffset" | "rule" | "index" | "atMs">,
): Promise<void> {
  const key = "agent:a";
  const atMs = 1_000_000 + offset * 10_000;
  const meta = metaWith({ eventId: `${topics.events}/0/${offset}`, atMs });
  const source = { key, sourcePartition: 0, sourceOffset: String(offset), rule: "r", index: 8, atMs };
  const value = codec.encode(type, { meta, ...body, ...source } as never);
  await log.publish([{ topic: topics.signals, partition: 0, record: { key, value, headers: { type } } }]);
}

const open = (log: EventLog, offset: number, chains: number) =>
  report(log, "LoadReport", offset, { open: chains, waiting: 0, oldestAtMs: 0 });
const decided = (log: EventLog, offset: number, decision: string) =>
  report(log, "DecisionReport", offset, { counts: [{ decision, count: 100 }] });

describe("reports of load", () => {
  it("told twice count once; a supervisor that starts over orders nothing again, for what stands [supervisor:restart-same-orders] [flow:bounded-rate]", async () => {
    const log = await newLog();
    for (const [offset, chains] of [
      [1, 10_000],
      [1, 10_000],
      [2, 25_000],
      [1, 0],
      [3, 100],
      [4, 12_000],
    ] as const) {
      await open(log, offset, chains);
    }
    const ordered = [1, 2, 3, 4].map((at) => `${at === 3 ? "Unthrottle" : "Throttle"} ${topics.events}/0/${at}`);
    expect(await supervise(log, "s1")).toEqual(ordered);
    expect(await supervise(log, "s2")).toEqual(ordered);
  });
});

describe("reports of decisions", () => {
  it("told twice count once; a supervisor that starts over gives the same notice for the same cause [supervisor:restart-same-orders] [drift:deterministic]", async () => {
    const log = await newLog();
    // A reference of two, and one that is compared: those that are told again would fill a window of their own.
    for (const offset of [1, 2, 2, 1]) await decided(log, offset, "mail.send done");
    await decided(log, 3, "mail.send failed");
    await decided(log, 3, "mail.send failed");
    expect(await supervise(log, "s1")).toEqual([]);
    await decided(log, 4, "mail.send failed");
    const notice = `DriftDetected ${topics.events}/0/4`;
    expect(new Set(await supervise(log, "s2"))).toEqual(new Set([notice]));
    expect(new Set(await supervise(log, "s3"))).toEqual(new Set([notice]));
  });
});
