/** Reads Kafka's primitive types from a buffer. Everything that does not fit throws `MalformedBytes`. */

export class MalformedBytes extends Error {
  override readonly name = "MalformedBytes";
}

export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
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
    let raw = 0;
    for (let shift = 0; shift <= 28; shift += 7) {
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

  #byte(): number {
    return this.#bytes.readUInt8(this.#step(1));
  }

  #step(length: number): number {
    const start = this.#at;
    if (length < 0 || start + length > this.#bytes.length) throw new MalformedBytes("bytes end before their content");
    this.#at = start + length;
    return start;
  }
}
