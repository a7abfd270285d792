import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fnv1a32, partitionOf } from "./index.ts";

/** Computed by another program in another language; they never change. */
const VECTORS: readonly (readonly [text: string, hash: number, of3: number, of8: number, of64: number])[] = [
  ["", 0x811c9dc5, 1, 5, 5],
  ["a", 0xe40c292c, 1, 4, 44],
  ["foobar", 0xbf9cf968, 1, 0, 40],
  ["0123456789abcdef0123456789abcdef", 0x86d04db5, 0, 5, 53],
  ["chain-1", 0x3932c530, 1, 0, 48],
  ["größe", 0xcd38f49a, 2, 2, 26],
  ["鎖", 0x021af6b8, 2, 0, 56],
  ["🔒x", 0x09840966, 0, 6, 38],
];

describe("the partition of a chain", () => {
  test("is pinned by literal vectors [schemas:partition-frozen]", () => {
    for (const [text, hash, of3, of8, of64] of VECTORS) {
      expect([text, fnv1a32(text)]).toEqual([text, hash]);
      expect([1, 3, 8, 64].map((count) => partitionOf(text, count))).toEqual([0, of3, of8, of64]);
    }
  });

  test("is FNV-1a over UTF-8 bytes for any text [schemas:partition-frozen]", () => {
    const slow = (text: string): number =>
      [...new TextEncoder().encode(text)].reduce(
        (hash, byte) => Number(((BigInt(hash ^ byte) & 0xffff_ffffn) * 0x01000193n) & 0xffff_ffffn),
        0x811c9dc5,
      );
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(fnv1a32(text)).toBe(slow(text));
      }),
    );
    expect(fnv1a32("\ud800")).toBe(fnv1a32("\ufffd"));
  });

  test("spreads chain ids evenly [schemas:partition-frozen]", () => {
    const counts = Array.from({ length: 12 }, () => 0);
    for (let i = 0; i < 12_000; i++) {
      const partition = partitionOf(`chain-${i}`, 12);
      counts[partition] = (counts[partition] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(800);
    expect(Math.max(...counts)).toBeLessThan(1200);
  });

  test("asks for a sane count [schemas:partition-frozen]", () => {
    for (const count of [0, -1, 1.5, Number.NaN, 10_001]) expect(() => partitionOf("a", count)).toThrow("count");
  });
});
