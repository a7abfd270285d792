/** Whatever bytes a fetch brings: no exception, no gap, no repetition, and no stall before a whole batch. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { batchBytes } from "./batch-bytes.test-support.ts";
import { decodeRecordSet } from "./record-batch.ts";

const batches = fc
  .array(fc.record({ count: fc.integer({ min: 1, max: 6 }), gap: fc.integer({ min: 0, max: 3 }) }), {
    minLength: 1,
    maxLength: 6,
  })
  .map((shapes) => {
    let base = 0n;
    return shapes.map(({ count, gap }) => {
      const records = [...Array(count).keys()].map((delta) => ({ delta, key: "k", value: `v${delta}` }));
      const batch = batchBytes({ base: base + BigInt(gap), records });
      base += BigInt(gap + count);
      return batch;
    });
  });

test("damaged batches never throw, and what is delivered covers the range without a gap [log:compressed-batch]", async () => {
  const damage = fc.array(fc.tuple(fc.nat(2_000), fc.integer({ min: 1, max: 255 })), { maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(batches, damage, fc.bigInt(0n, 10n), async (whole, flips, from) => {
      const bytes = Buffer.concat(whole);
      for (const [at, mask] of flips) bytes.writeUInt8(bytes.readUInt8(at % bytes.length) ^ mask, at % bytes.length);
      const set = await decodeRecordSet(bytes, { topic: "t", partition: 0, from, compacted: false });
      const positions = [...set.records, ...set.unreadable]
        .map(({ offset }) => offset)
        .toSorted((a, b) => Number(a - b));
      const covered = positions.map((_offset, index) => from + BigInt(index));
      expect(positions).toEqual(covered);
      expect(set.next).toBe(from + BigInt(positions.length));
    }),
    { numRuns: 300 },
  );
});
