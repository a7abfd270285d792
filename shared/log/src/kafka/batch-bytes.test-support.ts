/** Writes record batches as a broker stores them. For tests only: the adapter's own batches are kafkajs's. */
import { crc32c } from "./crc32c.ts";

export interface BatchRecord {
  readonly delta: number;
  readonly key?: string;
  readonly value?: Buffer | string | null;
  readonly headers?: readonly (readonly [string, string])[];
}

export interface BatchOptions {
  readonly base: bigint;
  readonly records: readonly BatchRecord[];
  /** The last record's delta unless given: compaction keeps the old one. */
  readonly lastDelta?: number;
  /** Low three bits: codec; 8: append time; 32: control. */
  readonly attributes?: number;
  readonly compress?: (body: Buffer) => Buffer;
  readonly maxTimestamp?: bigint;
}

function varint(value: number): Buffer {
  let raw = (value << 1) ^ (value >> 31);
  const bytes: number[] = [];
  while ((raw & ~0x7f) !== 0) {
    bytes.push((raw & 0x7f) | 0x80);
    raw >>>= 7;
  }
  return Buffer.from([...bytes, raw]);
}

function varBytes(value: Buffer | string | null | undefined): Buffer {
  if (value === null || value === undefined) return varint(-1);
  const bytes = Buffer.from(value);
  return Buffer.concat([varint(bytes.length), bytes]);
}

function recordBytes({ delta, key, value, headers = [] }: BatchRecord): Buffer {
  const parts = [Buffer.from([0]), varint(0), varint(delta), varBytes(key), varBytes(value), varint(headers.length)];
  for (const [name, text] of headers) parts.push(varBytes(name), varBytes(text));
  return varBytes(Buffer.concat(parts));
}

/** One batch of format 2, its checksum right. */
export function batchBytes(options: BatchOptions): Buffer {
  const { base, records, attributes = 0, compress = (body) => body, maxTimestamp = 1_000n } = options;
  const body = compress(Buffer.concat(records.map(recordBytes)));
  const batch = Buffer.alloc(61 + body.length);
  batch.writeBigInt64BE(base, 0);
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeInt8(2, 16);
  batch.writeInt16BE(attributes, 21);
  batch.writeInt32BE(options.lastDelta ?? records.at(-1)?.delta ?? 0, 23);
  batch.writeBigInt64BE(500n, 27);
  batch.writeBigInt64BE(maxTimestamp, 35);
  batch.writeBigInt64BE(-1n, 43);
  batch.writeInt16BE(-1, 51);
  batch.writeInt32BE(-1, 53);
  batch.writeInt32BE(records.length, 57);
  body.copy(batch, 61);
  return sealed(batch);
}

/** The same bytes with the checksum that fits them. */
export function sealed(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
  return batch;
}
