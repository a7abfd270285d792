/** The embedded schemas, self-contained and compiled on first use: a service starts without a registry (D23). */
import { assert } from "@busbar/kernel";
import { type AvroField, type AvroRecord, builtinSchemaId, fullName, selfContained } from "../avro-schema.ts";
import { HISTORY, RECORDS, SHARED_TYPES } from "../generated/bundle.ts";
import { isMessageType, MESSAGE_TYPES, type MessageType } from "../messages.ts";
import { avroType, type AvroType } from "./avro-type.ts";
import { compileMeasure, type Measure } from "./scan.ts";

const shared = new Map(SHARED_TYPES.map((record) => [fullName(record), record]));
const sources = new Map(RECORDS.map((record) => [record.name, record]));
const selfContainedCache = new Map<MessageType, AvroRecord>();
const compiledCache = new Map<MessageType, CompiledMessage>();

/** The self-contained schema of a message type: what is registered. */
export function schemaOf(type: MessageType): AvroRecord {
  const cached = selfContainedCache.get(type);
  if (cached !== undefined) return cached;
  const source = sources.get(type);
  assert(source !== undefined, `schemas: the bundle holds ${type}`);
  const schema = selfContained(source, shared);
  selfContainedCache.set(type, schema);
  return schema;
}

/** Subject of a schema in the registry (RecordNameStrategy). */
export const subjectOf = (schema: AvroRecord): string => fullName(schema);

/** The message type whose record has this full name; undefined for a stranger's schema. */
export function typeOfSubject(subject: string): MessageType | undefined {
  const name = subject.slice(subject.lastIndexOf(".") + 1);
  return isMessageType(name) && subjectOf(schemaOf(name)) === subject ? name : undefined;
}

/** A closed vocabulary of a top-level field. */
interface Vocabulary {
  readonly field: string;
  readonly values: ReadonlySet<unknown>;
}

export interface CompiledMessage {
  readonly type: MessageType;
  /** What goes on the wire. */
  readonly wire: AvroType;
  /** The wire type without defaults, so that a missing field is an error, and with the field `type`. */
  readonly strict: AvroType;
  /** The wire type with the field `type`, whose default is the message's type: decoding fills it in. */
  readonly reader: AvroType;
  /** Of the wire type. */
  readonly measure: Measure;
  readonly vocabularies: readonly Vocabulary[];
  readonly bytesFields: readonly string[];
}

export function compiledMessage(type: MessageType): CompiledMessage {
  const cached = compiledCache.get(type);
  if (cached !== undefined) return cached;
  const schema = schemaOf(type);
  const typeField: AvroField = { name: "type", type: "string", default: type };
  const strict = withoutDefaults(schema);
  const compiled: CompiledMessage = {
    type,
    wire: avroType(schema),
    strict: avroType({ ...strict, fields: [typeField, ...strict.fields] }),
    reader: avroType({ ...schema, fields: [typeField, ...schema.fields] }),
    measure: compileMeasure(schema),
    vocabularies: schema.fields.flatMap(({ name, values }) =>
      values === undefined ? [] : [{ field: name, values: new Set<unknown>([...values, "UNKNOWN"]) }],
    ),
    bytesFields: schema.fields.filter((field) => field.type === "bytes").map((field) => field.name),
  };
  compiledCache.set(type, compiled);
  return compiled;
}

function withoutDefaults(record: AvroRecord): AvroRecord {
  const strip = (type: AvroField["type"]): AvroField["type"] => {
    if (typeof type === "string") return type;
    if ("fields" in type) return withoutDefaults(type);
    if ("items" in type) return { ...type, items: strip(type.items) };
    return type.map(strip);
  };
  const fields = record.fields.map(({ default: _, ...field }): AvroField => ({ ...field, type: strip(field.type) }));
  return { ...record, fields };
}

/** Ids for writing, and the writer schema behind each id that can be read. */
export interface SchemaIds {
  readonly idOf: ReadonlyMap<MessageType, number>;
  readonly writers: ReadonlyMap<number, AvroRecord>;
}

/** Ids that need no registry: from the fingerprint of each schema, above what registries give out. */
export function builtinSchemaIds(): SchemaIds {
  const idOf = new Map(MESSAGE_TYPES.map((type) => [type, builtinSchemaId(schemaOf(type))]));
  const past = HISTORY.map(({ schema }): [number, AvroRecord] => [builtinSchemaId(schema), schema]);
  const current = [...idOf].map(([type, id]): [number, AvroRecord] => [id, schemaOf(type)]);
  return { idOf, writers: new Map([...past, ...current]) };
}
