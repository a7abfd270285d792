import { builtinSchemaIds, createCodec } from "@busbar/events/codec";
import type { Delivery, EventLog, FollowOptions, StoredRecord } from "@busbar/log";
import type { Input } from "@busbar/policy";
import { SILENT_LOGGER } from "@busbar/telemetry";
import { describe, expect, it, vi } from "vitest";
import { metaWith } from "../meta.ts";
import { SYSTEM_TIMERS } from "../ports.ts";
import { createInputQueue } from "./input-queue.ts";
import { Intakes } from "./intakes.ts";

const topics = { control: "t.control", commands: "t.commands" };
const codec = createCodec({ ids: builtinSchemaIds() });

/** Undecodable records: each becomes a dead letter, and an input. */
const delivery = (topic: string, from: bigint, count: number): Delivery => {
  const records = Array.from({ length: count }, (_, index): StoredRecord => {
    const offset = from + BigInt(index);
    return { topic, partition: 0, offset, timestampMs: 1, key: null, value: new Uint8Array([9]), headers: {} };
  });
  return { records, unreadable: [], next: from + BigInt(count), end: from + BigInt(count) };
};

interface Follower {
  readonly options: FollowOptions;
  isPaused: boolean;
}

/** Two intakes whose followers the test speaks for. `ends` is where each topic ends; time stands unless it is moved. */
function scene(ends: Readonly<Record<string, bigint>>) {
  const followers = new Map<string, Follower>();
  const queue = createInputQueue();
  let nowMs = 0;
  const log = {
    follow: (options: FollowOptions) => {
      const follower = { options, isPaused: false };
      followers.set(options.topic, follower);
      return {
        position: () => 0n,
        seek: () => undefined,
        pause: () => void (follower.isPaused = true),
        resume: () => void (follower.isPaused = false),
        stop: () => Promise.resolve(),
      };
    },
    offsets: (topic: string) => Promise.resolve({ start: 0n, low: 0n, end: ends[topic] ?? 0n }),
    publish: () => Promise.resolve([{ kind: "appended", baseOffset: 0n, appendedAtMs: null }]),
  } as unknown as EventLog;
  const intakes: Intakes = new Intakes({
    log,
    codec,
    topics,
    queue,
    keyring: { commandKeys: () => [], isOrderSigned: () => false, signOrder: () => "" },
    logger: SILENT_LOGGER,
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
    timers: SYSTEM_TIMERS,
    deadLetters: "t.dead",
    contents: { read: () => Promise.reject(new Error("nothing is put aside")) },
    partition: 0,
    settings: { queueHigh: 10, contentHighBytes: 100, controlHigh: 4, controlReadMs: 1000 },
    push: (input: Input) => {
      queue.push(input);
      intakes.pauseFull();
    },
    onDeadLetter: () => undefined,
    isGapAccepted: () => false,
    onBroken: () => undefined,
  });
  return {
    intakes,
    queue,
    follows: (topic: string) => followers.has(topic),
    isPaused: (topic: string) => followers.get(topic)?.isPaused,
    deliver: async (topic: string, from: bigint, count: number): Promise<void> => {
      const follower = await vi.waitUntil(() => followers.get(topic));
      await follower.options.onDelivery(delivery(topic, from, count));
    },
    pass: (ms: number) => void (nowMs += ms),
  };
}

const START = { control: "0", commands: "0" };

describe("the input topics of a new owner", () => {
  it("answers that are there are taken before the first command is asked for [door:answers-before-commands]", async () => {
    const { intakes, queue, follows, deliver } = scene({ "t.control": 3n });
    const started = intakes.restart(START);
    await deliver("t.control", 0n, 2);
    expect([follows("t.control"), follows("t.commands")]).toEqual([true, false]);
    await deliver("t.control", 2n, 1);
    await vi.waitUntil(() => follows("t.commands"));
    await started;
    expect([follows("t.commands"), queue.waiting("control")]).toEqual([true, 3]);
  });

  it.each([
    ["there are none", {}, 0, 0],
    ["as many wait as may", { "t.control": 100n }, 5, 0],
    ["the topic does not answer within the bound", { "t.control": 3n }, 0, 1001],
  ])("nobody waits for answers when %s [door:answers-before-commands]", async (_what, ends, count, ms) => {
    const { intakes, follows, deliver, pass } = scene(ends);
    const started = intakes.restart(START);
    await deliver("t.control", 0n, count);
    pass(ms);
    await vi.waitUntil(() => follows("t.commands"));
    await started;
  });
});

describe("a topic of which much waits", () => {
  it.each([
    ["t.commands", "t.control", 10],
    ["t.control", "t.commands", 4],
  ])(
    "%s is paused and %s is not, until half of it is decided [door:answers-before-commands]",
    async (full, other, high) => {
      const { intakes, queue, isPaused, deliver } = scene({});
      await intakes.restart(START);
      await deliver(full, 0n, high);
      expect([isPaused(full), isPaused(other)]).toEqual([false, false]);
      await deliver(full, BigInt(high), 1);
      expect([isPaused(full), isPaused(other)]).toEqual([true, false]);
      while (queue.length > high / 2) queue.shift();
      intakes.resumeFree();
      expect(isPaused(full)).toBe(true);
      queue.shift();
      intakes.resumeFree();
      expect(isPaused(full)).toBe(false);
    },
  );
});

describe("arguments that wait beside their commands", () => {
  const large = (bytes: number): Input => {
    const claimCheck = { sha256: "s", bytes, field: "args", offset: "0", chunks: [] };
    const meta = { ...metaWith({ eventId: "x", atMs: 1, chainId: "c" }), claimCheck };
    const command = { type: "CallTool", meta, step: 1, tool: "t", args: "", repeat: 0 } as const;
    const from = { source: "commands", topic: "t.commands", offset: 0n } as const;
    return { kind: "command", ...from, command, principal: "agent:a", authProblem: null };
  };

  it("are bounded in bytes: their topic is paused, and no other, until half of them is decided [arguments:bounded]", async () => {
    const { intakes, queue, isPaused } = scene({});
    await intakes.restart(START);
    for (const bytes of [60, 41, 40]) queue.push(large(bytes));
    intakes.pauseFull();
    expect([isPaused("t.commands"), isPaused("t.control"), queue.contentBytes]).toEqual([true, false, 141]);
    queue.shift();
    intakes.resumeFree();
    expect(isPaused("t.commands")).toBe(true);
    queue.unshift(large(60));
    expect(queue.contentBytes).toBe(141);
    for (let taken = 0; taken < 2; taken += 1) queue.shift();
    intakes.resumeFree();
    expect([isPaused("t.commands"), queue.contentBytes]).toEqual([false, 40]);
    queue.clear();
    expect(queue.contentBytes).toBe(0);
  });
});
