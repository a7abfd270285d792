/** Reads Kafka's primitive types from a buffer. Everything that does not fit throws `MalformedBytes`. */

export class MalformedBytes extends Error {
  override readonly name = "MalformedBytes";
}

const ENDS = "bytes end before their content";

/** Longest text that is remembered, in bytes: names of headers and of types, epochs. */
const WORD_BYTES = 40;
const WORDS = 1024;
/** The last text of each hash; a text that is not the one asked for is read and takes its place. */
const words: (string | undefined)[] = Array.from({ length: WORDS });

function isWord(known: string, bytes: Buffer, start: number): boolean {
  for (let i = 0; i < known.length; i += 1) if (known.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}

/** The same few texts come with every record: comparing is cheaper than making them again. */
function word(bytes: Buffer, start: number, length: number): string {
  let hash = length;
  for (let i = start; i < start + length; i += 1) hash = (Math.imul(hash, 31) + (bytes[i] ?? 0)) | 0;
  const slot = hash & (WORDS - 1);
  const known = words[slot];
  // A remembered text has as many characters as bytes only where all of them are ASCII.
  if (known?.length === length && isWord(known, bytes, start)) return known;
  const text = bytes.toString("utf8", start, start + length);
  words[slot] = text;
  return text;
}

export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;
  #end: number;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#end = bytes.length;
  }

  int8(): number {
    return this.#bytes.readInt8(this.#step(1));
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#step(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#step(4));
  }

  int64(): bigint {
    return this.#bytes.readBigInt64BE(this.#step(8));
  }

  string(): string {
    const length = this.int16();
    return length < 0 ? "" : this.view(length).toString("utf8");
  }

  /** A view on the buffer, not a copy. */
  view(length: number): Buffer {
    const start = this.#step(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** Zigzag variable-length integer of at most 32 bits. */
  varint(): number {
    const first = this.#byte();
    if (first < 0x80) return (first >>> 1) ^ -(first & 1);
    let raw = first & 0x7f;
    for (let shift = 7; shift <= 28; shift += 7) {
      const byte = this.#byte();
      raw |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (raw >>> 1) ^ -(raw & 1);
    }
    throw new MalformedBytes("a variable-length integer is too long");
  }

  /** Zigzag variable-length integer of 64 bits. A delta of timestamps fits a number in every honest batch. */
  varlong(): number {
    const first = this.#byte();
    if (first < 0x80) return (first >>> 1) ^ -(first & 1);
    let raw = BigInt(first & 0x7f);
    for (let shift = 7n; shift <= 63n; shift += 7n) {
      const byte = this.#byte();
      raw |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number((raw >> 1n) ^ -(raw & 1n));
    }
    throw new MalformedBytes("a variable-length integer is too long");
  }

  /** Length-prefixed bytes; null where the length is -1. A view, not a copy. */
  varBytes(): Buffer | null {
    const length = this.varint();
    return length === -1 ? null : this.view(length);
  }

  /** The same as text; null where the length is -1. No view is made: most of what is read here is a word or two. */
  varText(): string | null {
    const length = this.varint();
    if (length === -1) return null;
    const start = this.#step(length);
    return length <= WORD_BYTES
      ? word(this.#bytes, start, length)
      : this.#bytes.toString("utf8", start, start + length);
  }

  /** What follows, up to `length` bytes on, is all that is read until `leave`. */
  enter(length: number): number {
    const outer = this.#end;
    if (length < 0 || this.#at + length > outer) throw new MalformedBytes(ENDS);
    this.#end = this.#at + length;
    return outer;
  }

  /** Goes behind what was entered; `outer` is what `enter` gave. */
  leave(outer: number): void {
    this.#at = this.#end;
    this.#end = outer;
  }

  #byte(): number {
    // The step has checked that it is there.
    return this.#bytes[this.#step(1)] ?? 0;
  }

  #step(length: number): number {
    const start = this.#at;
    if (length < 0 || start + length > this.#end) throw new MalformedBytes(ENDS);
    this.#at = start + length;
    return start;
  }
}
