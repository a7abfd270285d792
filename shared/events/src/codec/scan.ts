/**
 * Measures an encoded value before anything is built from it.
 *
 * avsc reads past the end of its buffer and notices afterwards: 11 bytes that announce 2^50 items make it push
 * `undefined` until the memory is gone. This walk follows the writer's schema over the bytes, allocates nothing and
 * cannot take more steps than there are bytes, because no item has size zero (schema lint).
 */
import { assert } from "@busbar/kernel";
import { type AvroRecord, type AvroSchema, fullName, isArray, isRecord, isUnion, spaceWithin } from "../avro-schema.ts";

interface Cursor {
  readonly bytes: Uint8Array;
  position: number;
}

/** Moves the cursor over one value; false when the bytes do not hold one. */
type Step = (cursor: Cursor) => boolean;

/** Position after the value that starts at `from`, or -1 when the bytes do not hold one. */
export type Measure = (bytes: Uint8Array, from: number) => number;

/** The measure of a linted, self-contained schema. */
export function compileMeasure(schema: AvroRecord): Measure {
  const step = compile(schema, schema.namespace, new Map());
  return (bytes, from) => {
    const cursor: Cursor = { bytes, position: from };
    return step(cursor) && cursor.position <= bytes.length ? cursor.position : -1;
  };
}

function compile(schema: AvroSchema, space: string | undefined, known: Map<string, Step>): Step {
  if (isUnion(schema)) {
    const value = compile(schema[1] ?? "null", space, known);
    return (cursor) => {
      const branch = readVarint(cursor);
      return branch === 0 || (branch === 1 && value(cursor));
    };
  }
  if (isRecord(schema)) return compileRecord(schema, space, known);
  if (isArray(schema)) return compileArray(compile(schema.items, space, known));
  if (typeof schema === "object") return compileOther(schema, space, known);
  const named = known.get(schema) ?? known.get(`${space}.${schema}`);
  const step = named ?? PRIMITIVES.get(schema);
  assert(step !== undefined, `scan: the lint lets no type ${schema} through`);
  return step;
}

/** Enums, and primitives written as objects. */
function compileOther(schema: { readonly type: string }, space: string | undefined, known: Map<string, Step>): Step {
  if (schema.type !== "enum") return compile(schema.type, space, known);
  const { name, symbols } = schema as unknown as { readonly name: string; readonly symbols: readonly string[] };
  const step: Step = (cursor) => {
    const index = readVarint(cursor);
    return index >= 0 && index < symbols.length;
  };
  known.set(name.includes(".") || space === undefined ? name : `${space}.${name}`, step);
  return step;
}

function compileRecord(record: AvroRecord, outer: string | undefined, known: Map<string, Step>): Step {
  const space = spaceWithin(record, outer);
  const steps = record.fields.map((field) => compile(field.type, space, known));
  const step: Step = (cursor) => {
    for (const field of steps) if (!field(cursor)) return false;
    return true;
  };
  known.set(fullName(space === undefined ? record : { ...record, namespace: space }), step);
  return step;
}

function compileArray(item: Step): Step {
  return (cursor) => {
    for (;;) {
      let count = readVarint(cursor);
      if (count === 0) return true;
      if (Number.isNaN(count)) return false;
      if (count < 0) {
        count = -count;
        if (!(readVarint(cursor) >= 0)) return false;
      }
      // However many are announced: each item takes a byte at least, and none is read past the end.
      for (; count > 0; count--) if (!item(cursor)) return false;
    }
  };
}

const skipVarint: Step = (cursor) => !Number.isNaN(readVarint(cursor));

const skipInt: Step = (cursor) => {
  const value = readVarint(cursor);
  return value === (value | 0);
};

const skipBytes: Step = (cursor) => {
  const length = readVarint(cursor);
  if (!(length >= 0 && length <= cursor.bytes.length - cursor.position)) return false;
  cursor.position += length;
  return true;
};

const skipBoolean: Step = (cursor) => {
  const byte = cursor.bytes[cursor.position++];
  return byte === 0 || byte === 1;
};

const PRIMITIVES: ReadonlyMap<string, Step> = new Map<string, Step>([
  ["null", () => true],
  ["boolean", skipBoolean],
  ["int", skipInt],
  ["long", skipVarint],
  ["string", skipBytes],
  ["bytes", skipBytes],
]);

/** A zig-zag varint of -2^52 to 2^52 - 1; NaN when the bytes end or the number is beyond. */
function readVarint(cursor: Cursor): number {
  const first = cursor.bytes[cursor.position++];
  if (first === undefined) return Number.NaN;
  // Most numbers here are lengths below 64.
  if (first < 0x80) return (first & 1) === 0 ? first >>> 1 : -(first >>> 1) - 1;
  return readLongVarint(cursor, first & 0x7f);
}

function readLongVarint(cursor: Cursor, first: number): number {
  let value = first;
  for (let scale = 128; scale <= 2 ** 49; scale *= 128) {
    const byte = cursor.bytes[cursor.position++];
    if (byte === undefined) return Number.NaN;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      // Beyond 2^53 the sign bit itself is rounded away, here and in avsc.
      if (!Number.isSafeInteger(value)) return Number.NaN;
      return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
  }
  return Number.NaN;
}
