/** Reads a range that is already in the log, batch by batch, as fast as it is consumed. */
import { setTimeout as pause } from "node:timers/promises";
import { busbarError, isBusbarError, reasonOf } from "@busbar/kernel";
import type { Delivery } from "../event-log.ts";
import type { FetchedPartition } from "./fetch-answer.ts";
import type { BrokerLink } from "./internals.ts";
import { decodeRecordSet } from "./record-batch.ts";
import { Backoff } from "../wake.ts";

export interface Range {
  readonly topic: string;
  readonly partition: number;
  readonly from: bigint;
  readonly to: bigint;
  readonly compacted: boolean;
}

const OFFSET_OUT_OF_RANGE = 1;
const TOPIC_AUTHORIZATION_FAILED = 29;
const MAX_BYTES = 1024 * 1024;
const MAX_WAIT_MS = 50;
/** How long a read goes on without any progress. */
const PATIENCE_MS = 20_000;

/**
 * Throws BUSBAR_LOG_GAP or BUSBAR_LOG_TRUNCATED when the range is not (or no longer) all there, BUSBAR_LOG_FORBIDDEN when
 * the broker does not allow it, and BUSBAR_LOG_UNAVAILABLE when it stays away.
 */
export async function* readRange(link: () => BrokerLink, range: Range): AsyncGenerator<Delivery> {
  let next = range.from;
  let failing = Date.now();
  let cause: unknown = new Error("no progress");
  const backoff = new Backoff(50, 1_000);
  while (next < range.to) {
    let delivery: Delivery | null = null;
    try {
      delivery = await fetchOnce(link(), range, next);
    } catch (thrown) {
      if (thrown instanceof OutOfRange) throw await outOfRange(link(), range, next);
      if (isBusbarError(thrown) && thrown.code === "BUSBAR_LOG_FORBIDDEN") throw thrown;
      cause = thrown;
      await pause(backoff.next());
    }
    if (delivery !== null && delivery.next > next) {
      next = delivery.next;
      failing = Date.now();
      backoff.reset();
      yield delivery;
    } else if (Date.now() - failing > PATIENCE_MS) {
      throw await endless(link(), range, next, cause);
    }
  }
}

class OutOfRange extends Error {}

async function fetchOnce(link: BrokerLink, range: Range, next: bigint): Promise<Delivery> {
  const { topic, partition, to, compacted } = range;
  const leader = link.leaders(topic).get(partition) ?? (await link.refresh(topic)).get(partition);
  if (leader === undefined) throw new Error(`${topic}/${partition} has no leader`);
  let part: FetchedPartition | undefined;
  try {
    const limits = { maxWaitMs: MAX_WAIT_MS, maxBytes: MAX_BYTES };
    [part] = await link.fetch(leader, [{ topic, partition, offset: next }], limits);
  } catch (cause) {
    link.dropNode(leader);
    await link.refresh(topic);
    throw cause;
  }
  if (part?.errorCode === OFFSET_OUT_OF_RANGE) throw new OutOfRange();
  if (part?.errorCode === TOPIC_AUTHORIZATION_FAILED)
    throw busbarError("BUSBAR_LOG_FORBIDDEN", { what: `reading ${topic}` });
  if (part?.errorCode !== 0) {
    await link.refresh(topic);
    throw new Error(`${topic}/${partition}: the broker answered with error ${String(part?.errorCode)}`);
  }
  const set = await decodeRecordSet(part.records, { topic, partition, from: next, compacted });
  return {
    records: set.records.filter(({ offset }) => offset < to),
    unreadable: set.unreadable.filter(({ offset }) => offset < to),
    next: set.next > to ? to : set.next,
    end: part.highWatermark,
  };
}

async function outOfRange(link: BrokerLink, { topic, partition }: Range, next: bigint): Promise<Error> {
  const low = (await link.offsetAt(topic, partition, -2)) ?? 0n;
  const end = (await link.offsetAt(topic, partition, -1)) ?? 0n;
  return next < low
    ? busbarError("BUSBAR_LOG_GAP", { topic, partition, from: String(next), to: String(low) })
    : busbarError("BUSBAR_LOG_TRUNCATED", { topic, partition, end: String(end), position: String(next) });
}

async function endless(link: BrokerLink, range: Range, next: bigint, cause: unknown): Promise<Error> {
  const { topic, partition, to } = range;
  const end = await link.offsetAt(topic, partition, -1).catch(() => null);
  return end !== null && end === next
    ? busbarError("BUSBAR_LOG_TRUNCATED", { topic, partition, end: String(end), position: String(to) })
    : busbarError("BUSBAR_LOG_UNAVAILABLE", { reason: reasonOf(cause) }, cause);
}
