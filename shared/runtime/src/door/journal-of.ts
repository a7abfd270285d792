/** What is on record about one chain: read again from the partition, for whoever is assigned to it. */
import type { Codec } from "@busbar/events/codec";
import type { EventLog } from "@busbar/log";
import { createPartitionReader } from "../partition-reader.ts";
import type { TopicNames } from "../topic-names.ts";
import type { AckedEvent } from "./projector.ts";

export interface JournalOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topics: TopicNames;
  readonly partition: number;
}

/** Valid events of a chain from an offset on, up to (not including) another. */
export async function journalOf(
  options: JournalOptions,
  chainId: string,
  from: bigint,
  to: bigint,
): Promise<readonly AckedEvent[]> {
  const { log, topics, partition, codec } = options;
  const found: AckedEvent[] = [];
  const reader = createPartitionReader(codec, await startAt(options, from));
  for await (const delivery of log.read(topics.events, partition, { from, to })) {
    for (const read of reader.read(delivery)) {
      if (read.kind !== "event" || read.event.meta.chainId !== chainId || read.record.value === null) continue;
      found.push({ offset: read.offset, event: read.event, bytes: read.record.value });
    }
  }
  return found;
}

/** The claim in force before an offset of our own partition: the record there names it in its epoch. */
async function startAt(
  { log, topics, partition }: JournalOptions,
  from: bigint,
): Promise<{ readonly offset: bigint; readonly claim: { readonly offset: bigint; readonly nonce: string } | null }> {
  for await (const { records } of log.read(topics.events, partition, { from, to: from + 1n })) {
    const [offset, nonce] = (records[0]?.headers["epoch"] ?? "").split(":");
    if (offset !== undefined && nonce !== undefined && offset !== "")
      return { offset: from, claim: { offset: BigInt(offset), nonce } };
  }
  return { offset: from, claim: null };
}
