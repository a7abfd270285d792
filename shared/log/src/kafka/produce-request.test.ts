import { createRequire } from "node:module";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { encodeProduce, isPlainProduce, type ProduceOptions } from "./produce-request.ts";

interface Encoded {
  readonly buffer: Buffer;
}
const load = createRequire(import.meta.url);
const kafkajs = load("kafkajs/src/protocol/requests/produce/v7/request") as (options: ProduceOptions) => {
  encode(): Promise<Encoded>;
};
const NOW_MS = 1_795_000_000_123;

afterEach(() => void vi.useRealTimers());

async function kafkajsBytes(options: ProduceOptions): Promise<Buffer> {
  vi.useFakeTimers({ now: NOW_MS, toFake: ["Date"] });
  return (await kafkajs(options).encode()).buffer;
}

const message = (key: string, value: string, headers: Readonly<Record<string, string>> = {}) => ({
  key,
  value: Buffer.from(value),
  headers,
});
const request = (messages: ProduceOptions["topicData"][number]["partitions"][number]["messages"]): ProduceOptions => ({
  acks: -1,
  timeout: 30_000,
  producerId: "4711",
  producerEpoch: 3,
  topicData: [{ topic: "busbar.events", partitions: [{ partition: 2, firstSequence: 9, messages }] }],
});

describe("a produce request", () => {
  test("has the bytes that kafkajs makes of it, whatever its records are [log:produce-bytes]", async () => {
    const text = fc.oneof(fc.string({ maxLength: 200 }), fc.string({ unit: "grapheme", maxLength: 40 }));
    const plain = fc.record({
      key: text,
      value: fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
      headers: fc.dictionary(
        text.filter((name) => name !== "__proto__"),
        text,
        { maxKeys: 6 },
      ),
    });
    const partition = fc.record({
      partition: fc.nat(200),
      firstSequence: fc.nat(2 ** 31 - 1),
      messages: fc.array(plain, { minLength: 1, maxLength: 70 }),
    });
    const options = fc.record({
      acks: fc.constant(-1),
      timeout: fc.nat(60_000),
      producerId: fc.bigInt({ min: -1n, max: 2n ** 62n }).map(String),
      producerEpoch: fc.nat(30_000),
      topicData: fc.array(fc.record({ topic: text, partitions: fc.array(partition, { maxLength: 3 }) }), {
        maxLength: 3,
      }),
    });
    await fc.assert(
      fc.asyncProperty(options, async (one) => {
        const long = load("kafkajs/src/utils/long") as { fromValue(value: string): { toString(): string } };
        const given = { ...one, producerId: long.fromValue(one.producerId) };
        expect(isPlainProduce(given)).toBe(true);
        expect(encodeProduce(given, NOW_MS).equals(await kafkajsBytes(given))).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  test("of many and of large records is the same as well [log:produce-bytes]", async () => {
    const many = request(Array.from({ length: 9000 }, (_, n) => message(`k${n}`, "v".repeat(n % 90))));
    expect(encodeProduce(many, NOW_MS).equals(await kafkajsBytes(many))).toBe(true);
    const large = request([message("k", "x".repeat(3_000_000), { type: "é".repeat(20_000) })]);
    expect(encodeProduce(large, NOW_MS).equals(await kafkajsBytes(large))).toBe(true);
  });

  test.each([
    ["a transaction", { ...request([message("k", "v")]), transactionalId: "t" }],
    ["compression", { ...request([message("k", "v")]), compression: 1 }],
    ["a time of its own", request([{ ...message("k", "v"), timestamp: "5" }])],
    ["no key", request([{ ...message("k", "v"), key: null }])],
    ["no value", request([{ ...message("k", "v"), value: null }])],
    ["a header of bytes", request([{ ...message("k", "v"), headers: { a: Buffer.from("b") } }])],
    ["no headers", request([{ key: "k", value: Buffer.from("v") }])],
  ])("with %s is left to kafkajs [log:produce-bytes]", (_what, options) => {
    expect(isPlainProduce(options)).toBe(false);
  });
});
