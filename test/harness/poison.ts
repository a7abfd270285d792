/** Records that nobody can read, written past the log port by a plain client, as anybody with a mistake could. */
import { CompressionCodecs, CompressionTypes, type Message, type Producer } from "kafkajs";
import { zstdCompressSync } from "node:zlib";
import { plainKafka } from "../support/plain-kafka.ts";
import { metaWith } from "@busbar/events";
import { rawSnappy } from "../support/raw-snappy.ts";
import type { Bus } from "./bus.ts";

/** Close under what a topic takes in one batch (1 MiB), above what a dead letter keeps. */
const LARGE_BYTES = 1_048_000;
const OVERSIZED_BYTES = 1_100_000;

export interface Poison {
  readonly name: string;
  readonly message: Message;
}

/** A frame with a schema id that no registry knows. */
const UNKNOWN_ID = Buffer.from([0, 0x0f, 0xff, 0xff, 0xff, 2, 0x61]);

const prototypeHeaders = JSON.parse('{"__proto__":"x","constructor":"y","toString":"z","":"empty name"}') as Record<
  string,
  string
>;
const garbageHeaders: Readonly<Record<string, Buffer | string>> = {
  type: Buffer.from([0xff, 0xfe, 0]),
  auth: "not hex",
  principal: "\u0000",
  at: "-1",
  epoch: "::::",
  digest: "0",
};

/** None of these can be decoded as a record of any topic of the bus. */
export function poisons(bus: Bus): readonly Poison[] {
  const { codec } = bus;
  // Read from JSON, since an object literal would set the prototype.
  const map = Buffer.from('{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}}}');
  const truncated = Buffer.from(
    codec.encode("PartitionReleased", { meta: BLANK_META, owner: "nobody", reason: "x" }),
  ).subarray(0, 12);
  return [
    { name: "three bytes", message: { key: "k", value: Buffer.from([1, 2, 3]) } },
    { name: "null", message: { key: "k", value: null } },
    { name: "no bytes, no key", message: { value: Buffer.alloc(0) } },
    { name: "unknown schema id", message: { key: "k", value: UNKNOWN_ID } },
    { name: "a frame cut off", message: { key: "k", value: truncated } },
    { name: "as large as the broker takes", message: { key: "k", value: Buffer.alloc(LARGE_BYTES, 7) } },
    { name: "a map with __proto__", message: { key: "__proto__", value: map, headers: prototypeHeaders } },
    { name: "garbage headers", message: { key: "k", value: Buffer.from([0, 0, 0, 0, 1]), headers: garbageHeaders } },
  ];
}

const BLANK_META = metaWith({ eventId: "", atMs: 0 });

export interface Poisoner {
  /** Each in a batch of its own; their offsets. */
  send(topic: string, partition: number, messages: readonly Message[]): Promise<readonly bigint[]>;
  /** One batch in a codec; the offset of its first record. */
  sendCompressed(
    topic: string,
    partition: number,
    type: "zstd" | "snappy",
    messages: readonly Message[],
  ): Promise<bigint>;
  /** What the broker says to a record above the limit. */
  sendOversized(topic: string, partition: number): Promise<string>;
  close(): Promise<void>;
}

const CODECS = {
  zstd: { type: CompressionTypes.ZSTD, compress: zstdCompressSync },
  snappy: { type: CompressionTypes.Snappy, compress: rawSnappy },
} as const;

async function sendBatch(
  producer: Producer,
  topic: string,
  partition: number,
  messages: readonly Message[],
  compression = CompressionTypes.None,
): Promise<bigint> {
  const [answer] = await producer.send({
    topic,
    compression,
    messages: messages.map((message) => ({ ...message, partition })),
  });
  return BigInt(answer?.baseOffset ?? "-1");
}

export async function openPoisoner(brokers: readonly string[]): Promise<Poisoner> {
  const producer = plainKafka(brokers, { retry: { retries: 0 } }).producer({ allowAutoTopicCreation: false });
  await producer.connect();
  return {
    send: async (topic, partition, messages) => {
      const offsets: bigint[] = [];
      for (const message of messages) offsets.push(await sendBatch(producer, topic, partition, [message]));
      return offsets;
    },
    sendCompressed: async (topic, partition, name, messages) => {
      const { type, compress } = CODECS[name];
      const codecs: Record<number, unknown> = CompressionCodecs;
      const original = codecs[type];
      codecs[type] = () => ({ compress: ({ buffer }: { buffer: Buffer }) => Promise.resolve(compress(buffer)) });
      try {
        return await sendBatch(producer, topic, partition, messages, type);
      } finally {
        codecs[type] = original;
      }
    },
    sendOversized: async (topic, partition) => {
      try {
        await sendBatch(producer, topic, partition, [{ key: "k", value: Buffer.alloc(OVERSIZED_BYTES, 7) }]);
        return "taken";
      } catch (cause) {
        return cause instanceof Error && "type" in cause ? String(cause.type) : String(cause);
      }
    },
    close: () => producer.disconnect(),
  };
}
