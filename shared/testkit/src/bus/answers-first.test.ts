import { HEADER } from "@busbar/events";
import { builtinSchemaIds, createCodec } from "@busbar/events/codec";
import { type EventLog, forwardingLog, type NewRecord } from "@busbar/log";
import { createEmbeddedLog } from "@busbar/log/embedded";
import { metaWith } from "@busbar/runtime";
import { afterEach, describe, expect, it } from "vitest";
import { until } from "../until.ts";
import { withHeldAppends } from "./held-appends.ts";
import { EVENTS } from "./scenes.ts";
import { createTestBus, type TestBus } from "./test-bus.ts";

let bus: TestBus | null = null;
let release: () => void = () => undefined;
afterEach(async () => {
  release();
  await bus?.stop();
  bus = null;
});

const BACKLOG = 60;
const codec = createCodec({ ids: builtinSchemaIds() });

/** A record that the door rejects, whichever topic it stands in: it names a sender or a signature that is none. */
function rejectedRecord(): NewRecord {
  const meta = metaWith({ eventId: "x", atMs: 1, chainId: "c1" });
  const body = { callId: "c1:1", admitted: "", outcome: "committed" as const, reason: "", by: "operator:test" };
  const value = codec.encode("SettleEffect", { meta, ...body });
  return { key: "c1", value, headers: { [HEADER.type]: "SettleEffect", [HEADER.principal]: "operator:test" } };
}

/** Counts what a log has delivered to followers of each topic. */
function counted(log: EventLog): { readonly log: EventLog; delivered(topic: string): number } {
  const counts = new Map<string, number>();
  const follow: EventLog["follow"] = (options) =>
    log.follow({
      ...options,
      onDelivery: (delivery) => {
        const { topic } = options;
        counts.set(topic, (counts.get(topic) ?? 0) + delivery.records.length);
        return options.onDelivery(delivery);
      },
    });
  return { log: { ...forwardingLog(log), follow }, delivered: (topic) => counts.get(topic) ?? 0 };
}

const put = async (log: EventLog, topic: string, count: number): Promise<void> => {
  const record = rejectedRecord();
  await log.publish(Array.from({ length: count }, () => ({ topic, partition: 0, record })));
};

/** A bus whose door is busy with one turn, and what its followers have brought. */
async function busyDoor(settings: { readonly queueHigh: number; readonly controlHigh: number }) {
  const reads = counted(createEmbeddedLog({}));
  const held = withHeldAppends(reads.log);
  release = held.release;
  bus = await createTestBus({ agents: [], partitions: 1, log: held.log, settings: { ...settings, turnInputs: 4 } });
  held.hold(EVENTS, 0);
  await put(bus.log, "test.commands", 1);
  await until(() => held.waiting() === 1, "a turn is under way", 5000);
  return { bus, held, ...reads };
}

const rejections = (of: TestBus): readonly string[] =>
  of.events().flatMap((event) => (event.type === "CommandRejected" ? [event.topic] : []));

describe("operators' answers beside many commands", () => {
  it("are read and decided at once while the topic of commands is paused for what waits of it [door:answers-before-commands]", async () => {
    const { bus: it, held, delivered } = await busyDoor({ queueHigh: 8, controlHigh: 8 });
    await put(it.log, "test.commands", BACKLOG);
    await until(() => delivered("test.commands") > 8, "more commands wait than may", 5000);
    await put(it.log, "test.control", 2);
    await until(() => delivered("test.control") === 2, "the answers are read", 5000);
    held.release();
    await it.waitFor("CommandRejected", ({ topic, offset }) => topic === "test.commands" && offset === `${BACKLOG}`);
    expect(rejections(it).slice(0, 4)).toEqual(["test.commands", "test.control", "test.control", "test.commands"]);
    expect(rejections(it).length).toBe(BACKLOG + 3);
  });

  it("are paused for themselves: more of them than may wait are all decided in the end [door:answers-before-commands]", async () => {
    const { bus: it, held, delivered } = await busyDoor({ queueHigh: 8, controlHigh: 2 });
    for (let sent = 0; sent < BACKLOG; sent += 1) await put(it.log, "test.control", 1);
    await until(() => delivered("test.control") > 2, "more answers wait than may", 5000);
    held.release();
    await it.waitFor("CommandRejected", ({ topic, offset }) => topic === "test.control" && offset === `${BACKLOG - 1}`);
    expect(rejections(it).filter((topic) => topic === "test.control").length).toBe(BACKLOG);
  });
});
