/** What a record takes in a batch, bounded from above, so that what passes here passes the broker (PROTOCOL 1.2). */
import { busbarError, type BusbarError } from "@busbar/kernel";
import type { NewRecord } from "./event-log.ts";

/** Header of a batch. */
export const BATCH_OVERHEAD_BYTES = 61;
/** Kafka's default of `max.message.bytes`, where the topic's own cannot be read. */
export const DEFAULT_MAX_BATCH_BYTES = 1_048_588;

/** Length, attributes, timestamp and offset deltas, and the lengths of key, value and headers, each at its longest. */
const RECORD_OVERHEAD_BYTES = 5 + 1 + 10 + 5 + 5 + 5 + 5;
const HEADER_OVERHEAD_BYTES = 5 + 5;
/** kafkajs takes a key of four zero bytes for the mark of an aborted transaction. */
const ABORT_MARK = "\0\0\0\0";

/** At most so many bytes, batch header not counted. */
export function recordBytes(record: NewRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + Buffer.byteLength(record.key) + record.value.length;
  for (const [name, value] of Object.entries(record.headers ?? {})) {
    bytes += HEADER_OVERHEAD_BYTES + Buffer.byteLength(name) + Buffer.byteLength(value);
  }
  return bytes;
}

/** Bytes of a batch of these records. */
export function batchBytes(records: readonly NewRecord[]): number {
  return records.reduce((sum, record) => sum + recordBytes(record), BATCH_OVERHEAD_BYTES);
}

/** Why these records cannot be one batch; null when they can. */
export function flawOfRecords(records: readonly NewRecord[], maxBatchBytes: number): BusbarError | null {
  const next = "report it with the output of npx busbar doctor";
  if (records.length === 0) return busbarError("BUSBAR_INPUT_INVALID", { what: "append", reason: "no records", next });
  if (records.some(({ key }) => key === "" || key === ABORT_MARK)) {
    return busbarError("BUSBAR_INPUT_INVALID", { what: "append", reason: "a record without a key", next });
  }
  const bytes = batchBytes(records);
  return bytes > maxBatchBytes ? busbarError("BUSBAR_RECORD_TOO_LARGE", { bytes, limit: maxBatchBytes }) : null;
}
