/**
 * The bytes of a produce request (version 7: KIP-98, KIP-110), made in one buffer.
 *
 * kafkajs makes each record and each header a buffer of its own and copies them five times on their way; that was a fifth
 * of the CPU time of a chain. What is written is the same to the byte; producer ids, sequences, retries and answers stay
 * kafkajs's. What is not of the form that this log sends is left to kafkajs.
 */
import { assert, utf8Length } from "@busbar/kernel";
import { BATCH_OVERHEAD_BYTES } from "../record-size.ts";
import { crc32c } from "./crc32c.ts";

interface ProducedMessage {
  readonly key?: string | Buffer | null;
  readonly value: string | Buffer | null;
  readonly timestamp?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
}

interface ProducedPartition {
  readonly partition: number;
  readonly firstSequence?: number;
  readonly messages: readonly ProducedMessage[];
}

/** As kafkajs hands it to its encoder. */
export interface ProduceOptions {
  readonly acks: number;
  readonly timeout: number;
  readonly transactionalId?: string | null;
  /** A Long of kafkajs, or its text. */
  readonly producerId?: { toString(): string };
  readonly producerEpoch?: number;
  readonly compression?: number;
  readonly topicData: readonly { readonly topic: string; readonly partitions: readonly ProducedPartition[] }[];
}

/** A record of this log: its value is bytes, its key and headers are texts, the broker or the batch gives its time. */
interface PlainMessage extends ProducedMessage {
  readonly key: string;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** From here on the checksum of a batch counts. */
const CHECKED_FROM = 21;
const MAGIC = 2;

const isText = (value: unknown): value is string => typeof value === "string";

function isPlain(message: ProducedMessage): message is PlainMessage {
  const { key, value, timestamp, headers } = message;
  return (
    isText(key) &&
    Buffer.isBuffer(value) &&
    timestamp === undefined &&
    headers !== undefined &&
    Object.values(headers).every(isText)
  );
}

/** Whether these are requests as this log sends them: no transaction, no compression, plain messages. */
export function isPlainProduce({ transactionalId = null, compression = 0, topicData }: ProduceOptions): boolean {
  if (transactionalId !== null || compression !== 0) return false;
  return topicData.every(({ partitions }) => partitions.every(({ messages }) => messages.every(isPlain)));
}

/** Bytes of a zigzag variable-length integer; lengths and deltas are never negative here. */
function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value * 2; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes += 1;
  return bytes;
}

const sized = (length: number): number => varintBytes(length) + length;

/** Bytes of a record behind its length. */
function recordBytes({ key, value, headers }: PlainMessage, offsetDelta: number): number {
  // One byte of attributes, one of the time that it shares with its batch.
  let bytes = 2 + varintBytes(offsetDelta) + sized(utf8Length(key)) + sized(value.length);
  let count = 0;
  for (const name in headers) {
    count += 1;
    bytes += sized(utf8Length(name)) + sized(utf8Length(headers[name] ?? ""));
  }
  return bytes + varintBytes(count);
}

class Writer {
  readonly bytes: Buffer;
  at = 0;

  constructor(length: number) {
    this.bytes = Buffer.allocUnsafe(length);
  }

  int8(value: number): void {
    this.at = this.bytes.writeInt8(value, this.at);
  }

  int16(value: number): void {
    this.at = this.bytes.writeInt16BE(value, this.at);
  }

  int32(value: number): void {
    this.at = this.bytes.writeInt32BE(value, this.at);
  }

  int64(value: bigint): void {
    this.at = this.bytes.writeBigInt64BE(value, this.at);
  }

  varint(value: number): void {
    let rest = value * 2;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.bytes[this.at++] = (rest & 0x7f) | 0x80;
    this.bytes[this.at++] = rest;
  }

  string(text: string): void {
    this.int16(utf8Length(text));
    this.at += this.bytes.write(text, this.at);
  }

  varText(text: string): void {
    this.varint(utf8Length(text));
    this.at += this.bytes.write(text, this.at);
  }

  varBytes(bytes: Buffer): void {
    this.varint(bytes.length);
    this.at += bytes.copy(this.bytes, this.at);
  }
}

function writeRecord(to: Writer, message: PlainMessage, offsetDelta: number, length: number): void {
  const { key, value, headers } = message;
  to.varint(length);
  to.int8(0); // No attributes.
  to.varint(0); // The time of its batch.
  to.varint(offsetDelta);
  to.varText(key);
  to.varBytes(value);
  const names = Object.keys(headers);
  to.varint(names.length);
  for (const name of names) {
    to.varText(name);
    to.varText(headers[name] ?? "");
  }
}

interface SizedPartition {
  readonly partition: number;
  readonly firstSequence: number;
  readonly messages: readonly PlainMessage[];
  readonly lengths: readonly number[];
  /** Of the whole batch. */
  readonly bytes: number;
}

function measured({ partition, firstSequence = 0, messages }: ProducedPartition): SizedPartition {
  const plain = messages.filter(isPlain);
  assert(plain.length === messages.length, "produce: only plain messages come here");
  const lengths = plain.map(recordBytes);
  const bytes = lengths.reduce((sum, length) => sum + sized(length), BATCH_OVERHEAD_BYTES);
  return { partition, firstSequence, messages: plain, lengths, bytes };
}

interface BatchFacts {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly atMs: bigint;
}

function writeBatch(to: Writer, { firstSequence, messages, lengths, bytes }: SizedPartition, facts: BatchFacts): void {
  const start = to.at;
  to.int64(0n); // The broker gives the offset.
  to.int32(bytes - 12);
  to.int32(0); // Leader epoch: the broker's matter.
  to.int8(MAGIC);
  to.int32(0); // The checksum, below.
  to.int16(0); // No attributes.
  to.int32(messages.length - 1);
  to.int64(facts.atMs);
  to.int64(facts.atMs);
  to.int64(facts.producerId);
  to.int16(facts.producerEpoch);
  to.int32(firstSequence);
  to.int32(messages.length);
  for (const [index, message] of messages.entries()) writeRecord(to, message, index, lengths[index] ?? 0);
  assert(to.at - start === bytes, "produce: a batch is as long as it was measured");
  to.bytes.writeUInt32BE(crc32c(to.bytes.subarray(start + CHECKED_FROM, to.at)), start + CHECKED_FROM - 4);
}

/** The body of the request. Of plain messages only (isPlainProduce). `nowMs`: the time of its batches. */
export function encodeProduce(options: ProduceOptions, nowMs: number): Buffer {
  const { acks, timeout, producerId = "-1", producerEpoch = 0, topicData } = options;
  const topics = topicData.map(({ topic, partitions }) => ({ topic, partitions: partitions.map(measured) }));
  let bytes = 2 + 2 + 4 + 4;
  for (const { topic, partitions } of topics) {
    bytes += 2 + utf8Length(topic) + 4;
    for (const partition of partitions) bytes += 4 + 4 + partition.bytes;
  }
  const to = new Writer(bytes);
  const facts = { producerId: BigInt(producerId.toString()), producerEpoch, atMs: BigInt(nowMs) };
  to.int16(-1); // No transaction.
  to.int16(acks);
  to.int32(timeout);
  to.int32(topics.length);
  for (const { topic, partitions } of topics) {
    to.string(topic);
    to.int32(partitions.length);
    for (const partition of partitions) {
      to.int32(partition.partition);
      to.int32(partition.bytes);
      writeBatch(to, partition, facts);
    }
  }
  assert(to.at === bytes, "produce: a request is as long as it was measured");
  return to.bytes;
}
