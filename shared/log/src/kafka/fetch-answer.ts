/** Kafka's answer to a fetch (version 11), with the records left as bytes. */
import { ByteReader } from "./byte-reader.ts";

export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  /** 0 is none. */
  readonly errorCode: number;
  /** The end of the log for readers. */
  readonly highWatermark: bigint;
  /** A view on the answer's buffer. */
  readonly records: Buffer;
}

export interface FetchAnswer {
  readonly throttleMs: number;
  readonly errorCode: number;
  readonly partitions: readonly FetchedPartition[];
}

/** Throws on bytes that are no such answer. */
export function parseFetchAnswer(bytes: Buffer): FetchAnswer {
  const reader = new ByteReader(bytes);
  const throttleMs = reader.int32();
  const errorCode = reader.int16();
  reader.int32(); // Session id: this client opens none.
  const partitions: FetchedPartition[] = [];
  const topics = reader.int32();
  for (let t = 0; t < topics; t++) {
    const topic = reader.string();
    const count = reader.int32();
    for (let p = 0; p < count; p++) partitions.push(parsePartition(reader, topic));
  }
  return { throttleMs, errorCode, partitions };
}

function parsePartition(reader: ByteReader, topic: string): FetchedPartition {
  const partition = reader.int32();
  const errorCode = reader.int16();
  const highWatermark = reader.int64();
  reader.int64(); // Last stable offset: readers here see uncommitted records (PROTOCOL 1.5).
  reader.int64(); // Log start offset.
  const aborted = reader.int32();
  for (let i = 0; i < aborted; i++) reader.view(16);
  reader.int32(); // Preferred replica: only leaders are asked.
  const length = reader.int32();
  return { topic, partition, errorCode, highWatermark, records: length <= 0 ? Buffer.alloc(0) : reader.view(length) };
}
