/**
 * Reads what a fetch returned: record batches of format 2, one partition.
 *
 * kafkajs decodes a response whole or not at all, so that one batch it cannot open hides all others, and it drops
 * where empty batches and control records end. Here each batch is judged for itself:
 * B1 the result covers [from, next) without a gap: each offset is a record, or unreadable, or (on a compacted
 *    topic) absent;
 * B2 a batch that cannot be opened, or whose checksum is wrong, is passed offset by offset and never throws;
 * B3 nothing refers to the fetch's buffer afterwards; values refer to a copy of their own batch;
 * B4 both what a batch may open to and what one result lists are bounded.
 */
import { reasonOf } from "@busbar/kernel";
import type { StoredRecord, UnreadablePosition } from "../event-log.ts";
import { BATCH_OVERHEAD_BYTES } from "../record-size.ts";
import { ByteReader } from "./byte-reader.ts";
import { crc32c } from "./crc32c.ts";
import { decompress } from "./decompress.ts";

export interface RecordSetContext {
  readonly topic: string;
  readonly partition: number;
  /** The offset that was asked for: what lies before it is dropped. */
  readonly from: bigint;
  /** Absent offsets of a compacted topic are no news. */
  readonly compacted: boolean;
}

export interface RecordSet {
  readonly records: readonly StoredRecord[];
  readonly unreadable: readonly UnreadablePosition[];
  /** `from` when nothing whole was there. */
  readonly next: bigint;
}

/** Unreadable positions in one result; the next fetch starts where the list ended. */
export const MAX_UNREADABLE = 10_000;
/** Records that one batch may hold; a megabyte of the smallest ones is 150 thousand. */
const MAX_BATCH_RECORDS = 200_000;
const LENGTH_END = 12;
const LOG_APPEND_TIME = 0x08;
const CONTROL = 0x20;

interface BatchHeader {
  readonly base: bigint;
  readonly last: bigint;
  readonly attributes: number;
  readonly firstTimestamp: bigint;
  readonly maxTimestamp: bigint;
  readonly count: number;
}

interface Building {
  readonly context: RecordSetContext;
  readonly records: StoredRecord[];
  readonly unreadable: UnreadablePosition[];
  next: bigint;
}

/** Decodes the batches in order until the bytes or the bounds end. Never throws. */
export async function decodeRecordSet(bytes: Buffer, context: RecordSetContext): Promise<RecordSet> {
  const set: Building = { context, records: [], unreadable: [], next: context.from };
  let at = 0;
  while (bytes.length - at >= LENGTH_END && set.unreadable.length < MAX_UNREADABLE) {
    const total = LENGTH_END + bytes.readInt32BE(at + 8);
    // The broker cuts at its byte limit: the rest of this batch comes with the next fetch.
    if (total > bytes.length - at && total >= BATCH_OVERHEAD_BYTES) break;
    if (total < BATCH_OVERHEAD_BYTES) {
      passOver(set, set.next, "undecodable", "a batch with an impossible length");
      break;
    }
    await addBatch(set, bytes.subarray(at, at + total));
    at += total;
  }
  return { records: set.records, unreadable: set.unreadable, next: set.next };
}

async function addBatch(set: Building, batch: Buffer): Promise<void> {
  const flaw = flawOf(batch);
  const header = readHeader(batch);
  if (header === null) {
    passOver(set, set.next, "undecodable", flaw ?? "a batch with an impossible range");
    return;
  }
  if (header.last < set.next) return;
  if (!set.context.compacted) passOver(set, header.base - 1n, "hole", "no record at this offset");
  if (header.base > set.next) {
    if (!set.context.compacted) return;
    set.next = header.base;
  }
  if (flaw !== null) passOver(set, header.last, "undecodable", flaw);
  else if ((header.attributes & CONTROL) !== 0) passOver(set, header.last, "hole", "a control record");
  else await addRecords(set, batch, header);
}

async function addRecords(set: Building, batch: Buffer, header: BatchHeader): Promise<void> {
  let records: readonly StoredRecord[];
  try {
    if (header.count > MAX_BATCH_RECORDS) throw new Error(`a batch of ${header.count} records`);
    const codec = header.attributes & 0x07;
    const packed = batch.subarray(BATCH_OVERHEAD_BYTES);
    const body = codec === 0 ? copyOf(packed) : await decompress(codec, packed);
    records = parseRecords(body, header, set.context);
  } catch (cause) {
    passOver(set, header.last, "undecodable", reasonOf(cause));
    return;
  }
  for (const record of records) {
    if (record.offset < set.next) continue;
    if (!set.context.compacted) passOver(set, record.offset - 1n, "hole", "no record at this offset");
    if (set.unreadable.length >= MAX_UNREADABLE) return;
    set.records.push(record);
    set.next = record.offset + 1n;
  }
  if (set.context.compacted) set.next = header.last + 1n;
  else passOver(set, header.last, "hole", "no record at this offset");
}

/** One copy for all values of a batch (B3), and of nothing else: a pooled one would keep its neighbours. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

/** Lists [set.next, last] as unreadable, up to the bound. */
function passOver(set: Building, last: bigint, kind: UnreadablePosition["kind"], reason: string): void {
  while (set.next <= last && set.unreadable.length < MAX_UNREADABLE) {
    set.unreadable.push({ offset: set.next, kind, reason });
    set.next += 1n;
  }
}

function flawOf(batch: Buffer): string | null {
  const magic = batch.readInt8(16);
  if (magic !== 2) return `record format ${magic}`;
  return crc32c(batch.subarray(21)) === batch.readUInt32BE(17) ? null : "the checksum of the batch is wrong";
}

/** Null where the range makes no sense, which only damaged bytes bring about. */
function readHeader(batch: Buffer): BatchHeader | null {
  const base = batch.readBigInt64BE(0);
  const lastDelta = batch.readInt32BE(23);
  if (base < 0n || lastDelta < 0) return null;
  return {
    base,
    last: base + BigInt(lastDelta),
    attributes: batch.readInt16BE(21),
    firstTimestamp: batch.readBigInt64BE(27),
    maxTimestamp: batch.readBigInt64BE(35),
    count: batch.readInt32BE(57),
  };
}

function parseRecords(body: Buffer, header: BatchHeader, context: RecordSetContext): StoredRecord[] {
  const reader = new ByteReader(body);
  const records: StoredRecord[] = [];
  let before = -1n;
  for (let i = 0; i < header.count; i++) {
    const length = reader.varint();
    if (length === -1) throw new Error("a record without bytes");
    const outer = reader.enter(length);
    const record = parseRecord(reader, header, context);
    reader.leave(outer);
    if (record.offset > header.last || record.offset <= before) {
      throw new Error("the offsets of a batch do not ascend");
    }
    before = record.offset;
    records.push(record);
  }
  return records;
}

function parseRecord(reader: ByteReader, header: BatchHeader, context: RecordSetContext): StoredRecord {
  reader.int8();
  const timestampDelta = reader.varlong();
  const offset = header.base + BigInt(reader.varint());
  const key = reader.varText();
  const value = reader.varBytes();
  const appendTime = (header.attributes & LOG_APPEND_TIME) !== 0;
  return {
    topic: context.topic,
    partition: context.partition,
    offset,
    timestampMs: appendTime ? Number(header.maxTimestamp) : Number(header.firstTimestamp) + timestampDelta,
    key,
    value,
    headers: parseHeaders(reader),
  };
}

/** The last header of a name counts. A name like `__proto__` stays a plain property. */
function parseHeaders(reader: ByteReader): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  const count = reader.varint();
  for (let i = 0; i < count; i++) {
    const name = reader.varText();
    const value = reader.varText() ?? "";
    if (name === null) throw new Error("a header without a name");
    if (name === "__proto__") Object.defineProperty(headers, name, { ...PLAIN, value });
    else headers[name] = value;
  }
  return headers;
}

const PLAIN = { enumerable: true, configurable: true, writable: true };
