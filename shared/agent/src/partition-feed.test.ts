import type { Delivery, EventLog, FollowOptions, StoredRecord } from "@busbar/log";
import { SILENT_LOGGER } from "@busbar/telemetry";
import { describe, expect, it } from "vitest";
import { PartitionFeed } from "./partition-feed.ts";

const recordAt = (offset: bigint): StoredRecord => ({
  topic: "inbox",
  partition: 0,
  offset,
  timestampMs: 0,
  key: "chain",
  value: null,
  headers: {},
});

const deliveryOf = (offset: bigint): Delivery => ({
  records: [recordAt(offset)],
  unreadable: [],
  next: offset + 1n,
  end: offset + 1n,
});

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A feed of which each record is an assignment; commits are held until they are let go. */
async function harness() {
  const followed: FollowOptions[] = [];
  const log = {
    committed: () => Promise.resolve(null),
    offsets: () => Promise.resolve({ low: 0n, end: 0n }),
    follow: (options: FollowOptions) => {
      followed.push(options);
      return { position: () => 0n, seek: () => {}, pause: () => {}, resume: () => {}, stop: () => Promise.resolve() };
    },
  } as unknown as EventLog;
  const seen: string[] = [];
  const held: (() => void)[] = [];
  const feed = new PartitionFeed({
    log,
    logger: SILENT_LOGGER,
    group: "g",
    topic: "inbox",
    partition: 0,
    concerns: () => true,
    onRecord:
      ({ offset }) =>
      () =>
        seen.push(`start ${offset}`),
    fetchContent: () => Promise.resolve(""),
    onCommitted: () => undefined,
    commit: (position) => {
      seen.push(`commit ${position}`);
      return new Promise((resolve) => held.push(resolve));
    },
    onReach: () => undefined,
  });
  await feed.start();
  const deliver = (offset: bigint): void => void followed[0]?.onDelivery(deliveryOf(offset));
  const letGo = async (): Promise<void> => {
    held.shift()?.();
    await turn();
  };
  return { seen, deliver, letGo };
}

describe("PartitionFeed", () => {
  it("a chain starts after the first commit behind its assignment, however much comes in meanwhile [agents:assignment-is-a-fact]", async () => {
    const { seen, deliver, letGo } = await harness();
    deliver(0n);
    deliver(1n);
    expect(seen).toEqual(["commit 1"]);
    await letGo();
    deliver(2n);
    expect(seen).toEqual(["commit 1", "start 0", "commit 2"]);
    await letGo();
    await letGo();
    expect(seen).toEqual(["commit 1", "start 0", "commit 2", "start 1", "commit 3", "start 2"]);
  });
});
