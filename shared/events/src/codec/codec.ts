/**
 * The codec: messages to framed bytes and back (CORRECTNESS D4, D20).
 *
 * Encoding is strict, because its input is ours: a missing, undeclared or wrong field is a programmer error and throws
 * before anything takes effect. Decoding never throws, because its input is anyone's: what is not a message of the
 * expected family is an answer with a code and a reason, and becomes a dead letter.
 * The frame is Confluent's: one zero byte, the schema id as big-endian int32, the Avro value.
 */
import { assert, busbarError, type ErrorCode, reasonOf } from "@busbar/kernel";
import type { AvroRecord } from "../avro-schema.ts";
import type { FamilyMap } from "../generated/messages.ts";
import { type Family, familyOf, type Message, type MessageOf, type MessageType } from "../messages.ts";
import { lintSchema } from "../schema-lint.ts";
import { type AvroResolver, avroType } from "./avro-type.ts";
import { compileMeasure, type Measure } from "./scan.ts";
import { type CompiledMessage, compiledMessage, type SchemaIds, subjectOf, typeOfSubject } from "./schemas.ts";
import { createUnknownIds, type LookupOptions, type Resolution, type SchemaLookup } from "./unknown-ids.ts";

export const FRAME_BYTES = 5;
/** An empty frame is no message: every record carries a meta. */
const MIN_BYTES = FRAME_BYTES + 1;
export const DEFAULT_MAX_BYTES = 1024 * 1024;

export interface CodecOptions {
  readonly ids: SchemaIds;
  /** Asks the registry for an id that nobody here knows; without it such ids stay unknown. */
  readonly lookup?: SchemaLookup;
  readonly lookupOptions?: LookupOptions;
  /** Largest framed record that is written or read, in bytes. */
  readonly maxBytes?: number;
}

/** A message with or without its own `type`. */
export type Encodable<T extends MessageType> = Omit<MessageOf<T>, "type"> & { readonly type?: T };

export type DecodeFailure = { readonly ok: false; readonly code: ErrorCode; readonly reason: string };
export type Decoded<M extends Message = Message> = { readonly ok: true; readonly message: M } | DecodeFailure;

export interface Codec {
  /** Throws BUSBAR_SCHEMA_INVALID (a programmer error) or BUSBAR_RECORD_TOO_LARGE; nothing has taken effect then. */
  encode<T extends MessageType>(type: T, message: Encodable<T>): Uint8Array;
  /** Never throws. With a family, a message of another family is invalid. */
  decode(bytes: Uint8Array | null): Decoded;
  decode<F extends Family>(bytes: Uint8Array | null, family: F): Decoded<FamilyMap[F]>;
  /** Looks an unknown id up, within bounds; after `{ok: true}` the same bytes decode. Never rejects. */
  resolveUnknown(id: number): Promise<Resolution>;
  /** A text that stands beside records, as a record of this process would hold it. */
  content(text: string): string;
}

/** How to read the bytes of one writer schema. */
interface Writer {
  readonly compiled: CompiledMessage;
  readonly family: Family;
  readonly measure: Measure;
  readonly resolver: AvroResolver;
}

const fault = (code: ErrorCode, reason: string): DecodeFailure => ({ ok: false, code, reason });
const invalid = (reason: string): DecodeFailure => fault("BUSBAR_SCHEMA_INVALID", reason);

/** Schema id of a frame, or null when the bytes are no frame. */
export function frameSchemaId(bytes: Uint8Array | null): number | null {
  if (bytes === null || bytes.length < FRAME_BYTES || bytes[0] !== 0) return null;
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getInt32(1);
}

export function createCodec(options: CodecOptions): Codec {
  const maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
  const writers = createWriters(options.ids.writers);
  const unknown = createUnknownIds(options.lookup, (id, schema) => writers.learn(id, schema), options.lookupOptions);

  const decode = (bytes: Uint8Array | null, family?: Family): Decoded => {
    if (bytes === null) return invalid("no value");
    if (bytes.length < MIN_BYTES) return invalid(`${bytes.length} bytes are no message`);
    if (bytes.length > maxBytes) {
      return fault("BUSBAR_RECORD_TOO_LARGE", `${bytes.length} bytes; ${maxBytes} are allowed`);
    }
    const id = frameSchemaId(bytes);
    if (id === null) return invalid(`the first byte is ${bytes[0]}, not 0`);
    const writer = writers.get(id);
    if (writer === undefined) return fault("BUSBAR_SCHEMA_UNKNOWN", `schema id ${id} is not known`);
    if (typeof writer === "string") return invalid(writer);
    if (family !== undefined && writer.family !== family) {
      return invalid(`${writer.compiled.type} is of the family ${writer.family}, not ${family}`);
    }
    return decodeValue(writer, bytes);
  };

  return {
    encode: (type, message) => encode(options.ids, maxBytes, type, message),
    // The overloads say more than one signature can; the family check above makes them true.
    decode: decode as Codec["decode"],
    resolveUnknown: (id) => unknown.resolve(id),
    content: (text) => text,
  };
}

function decodeValue(writer: Writer, bytes: Uint8Array): Decoded {
  const { type, reader, vocabularies } = writer.compiled;
  const end = writer.measure(bytes, FRAME_BYTES);
  if (end < 0) return invalid(`${type}: the bytes do not hold a value of its schema`);
  if (end < bytes.length) return invalid(`${type}: ${bytes.length - end} bytes too many`);
  try {
    const value = reader.decode(asBuffer(bytes), FRAME_BYTES, writer.resolver).value as Record<string, unknown>;
    for (const { field, values } of vocabularies) if (!values.has(value[field])) value[field] = "UNKNOWN";
    return { ok: true, message: value as unknown as Message };
  } catch (error) {
    return invalid(`${type}: ${reasonOf(error)}`);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

interface Writers {
  /** The writer behind an id, the reason why it cannot be used, or undefined when the id is unknown. */
  get(id: number): Writer | string | undefined;
  /** Adds a schema that was looked up: null, or the reason why it is refused. */
  learn(id: number, schema: unknown): string | null;
}

function createWriters(schemas: ReadonlyMap<number, AvroRecord>): Writers {
  const writers = new Map<number, Writer | string>();
  return {
    get(id) {
      const known = writers.get(id);
      if (known !== undefined) return known;
      const schema = schemas.get(id);
      if (schema === undefined) return undefined;
      const writer = makeWriter(schema);
      writers.set(id, writer);
      return writer;
    },
    learn(id, schema) {
      const problem = lintSchema(schema, "shape")[0];
      const writer = problem ?? makeWriter(schema as AvroRecord);
      if (typeof writer === "string") return writer;
      writers.set(id, writer);
      return null;
    },
  };
}

/** The text is the reason why our reader cannot read what this schema writes. */
function makeWriter(schema: AvroRecord): Writer | string {
  const type = typeOfSubject(subjectOf(schema));
  if (type === undefined) return `${subjectOf(schema)} is none of our records`;
  const compiled = compiledMessage(type);
  try {
    const resolver = compiled.reader.createResolver(avroType(schema));
    return { compiled, family: familyOf(type), measure: compileMeasure(schema), resolver };
  } catch (error) {
    return `${type}: its schema cannot be read by ours: ${reasonOf(error)}`;
  }
}

const STRICT = { noUndeclaredFields: true } as const;
/** Encoding is synchronous, so one scratch buffer serves all; records larger than it get their own. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024);

function encode<T extends MessageType>(ids: SchemaIds, maxBytes: number, type: T, message: Encodable<T>): Uint8Array {
  const id = ids.idOf.get(type);
  if (id === undefined) throw busbarError("BUSBAR_SCHEMA_INVALID", { type, reason: "no schema has this name" });
  const compiled = compiledMessage(type);
  const value = compiled.bytesFields.length === 0 ? message : withBuffers(message, compiled.bytesFields);
  const problem = problemOf(compiled, value);
  if (problem !== null) throw busbarError("BUSBAR_SCHEMA_INVALID", { type, reason: problem });
  let target = scratch;
  let end = compiled.wire.encode(value, target, FRAME_BYTES);
  if (end < 0) {
    target = Buffer.allocUnsafeSlow(target.length - end);
    end = compiled.wire.encode(value, target, FRAME_BYTES);
    assert(end === target.length, "codec: avsc says how many bytes are missing");
  }
  if (end > maxBytes) throw busbarError("BUSBAR_RECORD_TOO_LARGE", { bytes: end, limit: maxBytes });
  // What we write we must be able to read: avsc itself rounds longs beyond 2^52.
  if (compiled.measure(target, FRAME_BYTES) !== end) {
    throw busbarError("BUSBAR_SCHEMA_INVALID", { type, reason: "a number is beyond 2^52" });
  }
  const framed = Buffer.allocUnsafeSlow(end);
  target.copy(framed, 0, 0, end);
  framed[0] = 0;
  framed.writeInt32BE(id, 1);
  return framed;
}

/** avsc takes bytes only as a Buffer. */
function withBuffers(message: object, fields: readonly string[]): object {
  const copy: Record<string, unknown> = { ...message };
  for (const field of fields) {
    const value = copy[field];
    if (value instanceof Uint8Array) copy[field] = asBuffer(value);
  }
  return copy;
}

function problemOf(compiled: CompiledMessage, value: object): string | null {
  const fields = value as Readonly<Record<string, unknown>>;
  const named = fields["type"];
  if (named !== undefined && named !== compiled.type) {
    return `its type is ${typeof named === "string" ? named : typeof named}`;
  }
  if (!compiled.strict.isValid(value, STRICT)) return describeProblem(compiled, value);
  const stranger = compiled.vocabularies.find(({ field, values }) => !values.has(fields[field]));
  return stranger === undefined ? null : `${stranger.field} is none of ${[...stranger.values].join(", ")}`;
}

/** Says which field is wrong; slower, and only for errors. */
function describeProblem(compiled: CompiledMessage, value: object): string {
  const problems: string[] = [];
  compiled.strict.isValid(value, {
    ...STRICT,
    errorHook: (path, found: unknown, expected) => {
      const what = typeof found === "object" && found !== null ? "an object with other fields" : String(found);
      problems.push(`${path.join(".") || "message"} is ${what}, not ${expected.name ?? expected.typeName}`);
    },
  });
  return problems.slice(0, 3).join("; ");
}
