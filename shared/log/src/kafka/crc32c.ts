/**
 * CRC-32C (Castagnoli), which guards a record batch; node:zlib has only the other polynomial.
 * Eight bytes a step, by eight tables (M. Kounavis and F. Berry, "A Systematic Approach to Building High Performance
 * Software-based CRC Generators", 2005: slicing-by-8): every record that is read or written passes through here.
 */

const SLICES = 8;
/** Table k at k * 256: what a byte does to the checksum k bytes later. */
const TABLES = new Uint32Array(SLICES * 256);
for (let n = 0; n < 256; n++) {
  let c = n;
  for (let k = 0; k < 8; k++) c = (c & 1) === 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
  TABLES[n] = c;
}
for (let at = 256; at < TABLES.length; at++) {
  const before = TABLES[at - 256] ?? 0;
  TABLES[at] = (before >>> 8) ^ (TABLES[before & 0xff] ?? 0);
}

/** Table k at a byte. */
const t = (slice: number, byte: number): number => TABLES[slice * 256 + byte] ?? 0;

/** Unsigned 32-bit checksum of the bytes. */
export function crc32c(bytes: Uint8Array): number {
  const { length } = bytes;
  let crc = 0xffffffff;
  let i = 0;
  const at = (index: number): number => bytes[index] ?? 0;
  for (; i + SLICES <= length; i += SLICES) {
    const low = crc ^ (at(i) | (at(i + 1) << 8) | (at(i + 2) << 16) | (at(i + 3) << 24));
    crc =
      t(7, low & 0xff) ^
      t(6, (low >>> 8) & 0xff) ^
      t(5, (low >>> 16) & 0xff) ^
      t(4, low >>> 24) ^
      t(3, at(i + 4)) ^
      t(2, at(i + 5)) ^
      t(1, at(i + 6)) ^
      t(0, at(i + 7));
  }
  for (; i < length; i++) crc = (crc >>> 8) ^ t(0, (crc ^ at(i)) & 0xff);
  return (crc ^ 0xffffffff) >>> 0;
}
