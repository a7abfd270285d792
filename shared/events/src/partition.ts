/**
 * Which partition a chain lives on. FROZEN: a change would move chains away from their records.
 *
 * FNV-1a, 32 bits, over the UTF-8 bytes of the chain id, modulo the partition count: short, without dependencies and
 * pinned by literal vectors, so that any other language can compute it too.
 */
import { assert } from "@busbar/kernel";

const OFFSET_BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

const mix = (hash: number, byte: number): number => Math.imul(hash ^ byte, PRIME);

function mixCodePoint(hash: number, code: number): number {
  if (code < 0x80) return mix(hash, code);
  const tail = 0x80 | (code & 0x3f);
  if (code < 0x800) return mix(mix(hash, 0xc0 | (code >> 6)), tail);
  const middle = 0x80 | ((code >> 6) & 0x3f);
  if (code < 0x1_0000) return mix(mix(mix(hash, 0xe0 | (code >> 12)), middle), tail);
  return mix(mix(mix(mix(hash, 0xf0 | (code >> 18)), 0x80 | ((code >> 12) & 0x3f)), middle), tail);
}

/** FNV-1a 32 of a text's UTF-8 bytes (a lone surrogate counts as U+FFFD), as an unsigned number. */
export function fnv1a32(text: string): number {
  let hash = OFFSET_BASIS;
  for (const character of text.toWellFormed()) hash = mixCodePoint(hash, character.codePointAt(0) ?? 0);
  return hash >>> 0;
}

/** Partition of a chain among `count` partitions (1 to 10000; asserts). */
export function partitionOf(chainId: string, count: number): number {
  assert(Number.isInteger(count) && count >= 1 && count <= 10_000, "partitionOf: the count is 1 to 10000");
  return fnv1a32(chainId) % count;
}
