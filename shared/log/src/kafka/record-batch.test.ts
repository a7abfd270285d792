/** Reading batches: order, holes, and everything that cannot be read without an exception or a stall. */
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { batchBytes, type BatchOptions, sealed } from "./batch-bytes.test-support.ts";
import { crc32c } from "./crc32c.ts";
import { MAX_BATCH_BYTES } from "./decompress.ts";
import { decodeRecordSet, MAX_UNREADABLE, type RecordSet } from "./record-batch.ts";

const GZIP = 1;
const SNAPPY = 2;
const LZ4 = 3;
const ZSTD = 4;
const APPEND_TIME = 8;
const CONTROL = 32;

const numbered = (base: bigint, count: number, more: Partial<BatchOptions> = {}) =>
  batchBytes({
    base,
    records: [...Array(count).keys()].map((delta) => ({ delta, key: "k", value: `v${delta}` })),
    ...more,
  });

const decode = (batches: readonly Buffer[], from = 0n, compacted = false) =>
  decodeRecordSet(Buffer.concat(batches), { topic: "t", partition: 3, from, compacted });

const offsets = ({ records }: RecordSet) => records.map(({ offset }) => offset);
const passed = ({ unreadable }: RecordSet) => unreadable.map(({ offset, kind }) => `${offset} ${kind}`);
const good = numbered(2n, 1);

test("the checksum is CRC-32C", () => {
  expect(crc32c(Buffer.from("123456789"))).toBe(0xe306_9283);
});

describe("what can be read", () => {
  test("records come in order with key, value, headers and place [log:order]", async () => {
    const headers = [
      ["type", "A"],
      ["type", "B"],
      ["__proto__", "x"],
    ] as const;
    const set = await decode([
      numbered(0n, 2),
      batchBytes({ base: 2n, records: [{ delta: 0, value: null, headers }] }),
    ]);
    expect(offsets(set)).toEqual([0n, 1n, 2n]);
    expect(set.next).toBe(3n);
    const [first, , last] = set.records;
    expect(first).toMatchObject({ topic: "t", partition: 3, key: "k", timestampMs: 500, headers: {} });
    expect(Buffer.from(first?.value ?? []).toString()).toBe("v0");
    expect(last).toMatchObject({ key: null, value: null });
    expect(Object.entries(last?.headers ?? {})).toEqual([
      ["type", "B"],
      ["__proto__", "x"],
    ]);
  });

  test("records before the offset that was asked for are dropped [log:seek-drops-old-batch]", async () => {
    const set = await decode([numbered(0n, 5), numbered(5n, 2)], 3n);
    expect(offsets(set)).toEqual([3n, 4n, 5n, 6n]);
    expect(set.unreadable).toEqual([]);
  });

  test("append time is the time of the batch", async () => {
    const set = await decode([numbered(0n, 2, { attributes: APPEND_TIME, maxTimestamp: 9_999n })]);
    expect(set.records.map(({ timestampMs }) => timestampMs)).toEqual([9_999, 9_999]);
  });

  test.each([
    ["gzip", GZIP, (body: Buffer) => gzipSync(body)],
    ["zstd", ZSTD, (body: Buffer) => zstdCompressSync(body)],
  ])("%s batches are opened", async (_name, attributes, compress) => {
    expect(offsets(await decode([numbered(0n, 3, { attributes, compress })]))).toEqual([0n, 1n, 2n]);
  });

  test("a batch that the broker cut off is left for the next fetch", async () => {
    const set = await decode([numbered(0n, 2), numbered(2n, 2).subarray(0, 70)]);
    expect(set).toMatchObject({ next: 2n, unreadable: [] });
    expect(await decode([numbered(0n, 2).subarray(0, 30)])).toEqual({ records: [], unreadable: [], next: 0n });
  });
});

describe("holes [append:hole-is-void]", () => {
  test("control records, missing deltas, an empty batch's range and a jump are holes [log:end-past-control-records]", async () => {
    const control = batchBytes({ base: 1n, records: [{ delta: 0, value: "commit" }], attributes: CONTROL });
    const sparse = batchBytes({ base: 2n, records: [{ delta: 1 }, { delta: 3 }], lastDelta: 4 });
    const empty = batchBytes({ base: 8n, records: [], lastDelta: 1 });
    const set = await decode([numbered(0n, 1), control, sparse, empty]);
    expect(offsets(set)).toEqual([0n, 3n, 5n]);
    expect(passed(set)).toEqual(["1 hole", "2 hole", "4 hole", "6 hole", "7 hole", "8 hole", "9 hole"]);
    expect(set.next).toBe(10n);
  });

  test("absent offsets of a compacted topic are passed in silence; its control records are holes", async () => {
    const control = batchBytes({ base: 7n, records: [{ delta: 0 }], attributes: CONTROL });
    const set = await decode([batchBytes({ base: 2n, records: [{ delta: 1 }], lastDelta: 3 }), control], 0n, true);
    expect(offsets(set)).toEqual([3n]);
    expect(passed(set)).toEqual(["7 hole"]);
    expect(set.next).toBe(8n);
  });
});

describe("what cannot be read is passed, and the next good record is delivered [log:compressed-batch]", () => {
  const flipped = numbered(0n, 2);
  flipped.writeUInt8(flipped.readUInt8(70) ^ 1, 70);
  const cases: readonly (readonly [string, Buffer, RegExp])[] = [
    ["a codec of which there is none here: lz4", numbered(0n, 2, { attributes: LZ4 }), /lz4/u],
    ["a codec of which there is none here: snappy", numbered(0n, 2, { attributes: SNAPPY }), /snappy/u],
    ["an unknown codec", numbered(0n, 2, { attributes: 7 }), /codec 7/u],
    ["damaged gzip", numbered(0n, 2, { attributes: GZIP }), /header/iu],
    ["damaged zstd", numbered(0n, 2, { attributes: ZSTD }), /./u],
    ["a flipped bit", flipped, /checksum/u],
    ["a record that is longer than its batch", sealed(Buffer.from(numbered(0n, 2)).fill(0x7e, 61, 63)), /bytes end/u],
    ["more records than bytes", sealed(withCount(numbered(0n, 2), 1_000)), /bytes end/u],
    ["more records than a batch may have", sealed(withCount(numbered(0n, 2), 2_000_000_000)), /2000000000 records/u],
    [
      "offsets that do not ascend",
      batchBytes({ base: 0n, records: [{ delta: 1 }, { delta: 1 }], lastDelta: 1 }),
      /ascend/u,
    ],
    ["an older format", withMagic(numbered(0n, 2)), /format 1/u],
    [
      "a bomb",
      batchBytes({ base: 0n, records: [], lastDelta: 1, attributes: ZSTD, compress: bomb }),
      /larger|length|output/iu,
    ],
  ];
  test.each(cases)("%s", async (_name, bad, reason) => {
    const set = await decode([bad, good]);
    expect(passed(set)).toEqual(["0 undecodable", "1 undecodable"]);
    expect(set.unreadable[0]?.reason).toMatch(reason);
    expect(offsets(set)).toEqual([2n]);
  });

  test("a length that cannot be is passed one offset at a time", async () => {
    const bad = numbered(0n, 2);
    bad.writeInt32BE(3, 8);
    const set = await decode([bad, good]);
    expect(passed(set)).toEqual(["0 undecodable"]);
    expect(set.next).toBe(1n);
  });

  test("the list of passed offsets is bounded; the next fetch goes on in the same batch", async () => {
    const wide = numbered(0n, 1, { attributes: LZ4, lastDelta: MAX_UNREADABLE + 5 });
    const first = await decode([wide]);
    expect(first.unreadable).toHaveLength(MAX_UNREADABLE);
    expect(first.next).toBe(BigInt(MAX_UNREADABLE));
    const second = await decode([wide, numbered(BigInt(MAX_UNREADABLE) + 6n, 1)], first.next);
    expect(second.unreadable).toHaveLength(6);
    expect(offsets(second)).toEqual([BigInt(MAX_UNREADABLE) + 6n]);
  });
});

test("values stand in a copy of their own batch: they do not keep the fetch's buffer [log:poison-is-data]", async () => {
  const batches = [numbered(0n, 2), numbered(2n, 1)];
  const { records } = await decode(batches);
  const kept = records.map(({ value }) => value?.buffer);
  expect(kept[0]).toBe(kept[1]);
  expect(kept[2]).not.toBe(kept[0]);
  expect(kept.map((buffer) => buffer?.byteLength)).toEqual(
    [0, 0, 1].map((batch) => (batches[batch]?.length ?? 0) - 61),
  );
});

describe("texts that are remembered", () => {
  const texts = async (values: readonly (readonly [string, string])[]) => {
    const { records } = await decode([batchBytes({ base: 0n, records: [{ delta: 0, value: "v", headers: values }] })]);
    return Object.entries(records[0]?.headers ?? {});
  };

  test("are the ones that were written, also where two have the same place, or are not ASCII", async () => {
    const many = Array.from(
      { length: 5000 },
      (_, n) => [`h${n % 7}`, `value ${n} é ${"\u{1f600}".repeat(n % 3)}`] as const,
    );
    for (const one of many) expect(await texts([one])).toEqual([[...one]]);
    const broken = Buffer.from([0xff, 0xfe]).toString("latin1");
    expect(await texts([["type", broken]])).toEqual([["type", broken]]);
  });

  test("the last header of a name counts, and __proto__ is a name like any other", async () => {
    const found = await texts([
      ["a", "1"],
      ["__proto__", "x"],
      ["a", "2"],
    ]);
    expect(found).toEqual([
      ["a", "2"],
      ["__proto__", "x"],
    ]);
  });
});

function withCount(batch: Buffer, count: number): Buffer {
  batch.writeInt32BE(count, 57);
  return batch;
}

function withMagic(batch: Buffer): Buffer {
  batch.writeInt8(1, 16);
  return batch;
}

function bomb(): Buffer {
  return zstdCompressSync(Buffer.alloc(MAX_BATCH_BYTES + 1));
}
