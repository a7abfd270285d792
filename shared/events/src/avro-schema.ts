/**
 * Avro schemas as plain data: their shape, and the steps that make one self-contained.
 *
 * A source file names shared types (`dev.busbar.Meta`); a self-contained schema defines each of them at its first
 * use. Pure, so that the generator, the codec and a browser agree on every schema and every fingerprint.
 */
import { assert, type Json, sha256Hex } from "@busbar/kernel";

export interface AvroField {
  readonly name: string;
  readonly type: AvroSchema;
  readonly default?: Json;
  readonly doc?: string;
  readonly sensitivity?: string;
  /** Closed vocabulary of a string field; a reader takes any other value for `UNKNOWN`. */
  readonly values?: readonly string[];
}

export interface AvroRecord {
  readonly type: "record";
  readonly name: string;
  readonly namespace?: string;
  readonly doc?: string;
  readonly fields: readonly AvroField[];
}

export interface AvroArray {
  readonly type: "array";
  readonly items: AvroSchema;
}

/** A primitive or named type, a union, or a definition. What the lint refuses is not modelled. */
export type AvroSchema = string | readonly AvroSchema[] | AvroRecord | AvroArray;

export const isUnion = (schema: AvroSchema): schema is readonly AvroSchema[] => Array.isArray(schema);
export const isRecord = (schema: AvroSchema): schema is AvroRecord =>
  typeof schema === "object" && !isUnion(schema) && schema.type === "record";
export const isArray = (schema: AvroSchema): schema is AvroArray =>
  typeof schema === "object" && !isUnion(schema) && schema.type === "array";

/** `namespace.name` of a record; a dotted name is full already. */
export function fullName(record: AvroRecord): string {
  return record.namespace === undefined || record.name.includes(".")
    ? record.name
    : `${record.namespace}.${record.name}`;
}

/** Namespace that names within a record belong to. */
export function spaceWithin(record: AvroRecord, outer: string | undefined): string | undefined {
  const dot = record.name.lastIndexOf(".");
  return dot < 0 ? (record.namespace ?? outer) : record.name.slice(0, dot);
}

/** The record with each shared type defined at its first use. Asserts that every name is known. */
export function selfContained(record: AvroRecord, shared: ReadonlyMap<string, AvroRecord>): AvroRecord {
  const defined = new Set<string>();
  const visit = (schema: AvroSchema): AvroSchema => {
    if (isUnion(schema)) return schema.map(visit);
    if (isRecord(schema)) return visitRecord(schema);
    if (isArray(schema)) return { ...schema, items: visit(schema.items) };
    if (!schema.includes(".") || defined.has(schema)) return schema;
    const found = shared.get(schema);
    assert(found !== undefined, `schema ${record.name}: no type is named ${schema}`);
    return visitRecord(found);
  };
  const visitRecord = (found: AvroRecord): AvroRecord => {
    defined.add(fullName(found));
    return { ...found, fields: found.fields.map((field) => ({ ...field, type: visit(field.type) })) };
  };
  return visitRecord(record);
}

/** What decides how bytes are laid out: full names, field names and types. No docs, defaults or own properties. */
function canonicalForm(schema: AvroSchema): string {
  if (typeof schema === "string") return JSON.stringify(schema);
  if (isUnion(schema)) return `[${schema.map(canonicalForm).join(",")}]`;
  if (isArray(schema)) return `{"type":"array","items":${canonicalForm(schema.items)}}`;
  assert(isRecord(schema), "canonicalForm: the schema has passed the lint");
  const fields = schema.fields.map((f) => `{"name":${JSON.stringify(f.name)},"type":${canonicalForm(f.type)}}`);
  return `{"name":${JSON.stringify(fullName(schema))},"type":"record","fields":[${fields.join(",")}]}`;
}

/** Lowest id that a registry is never expected to reach; ids without a registry start here. */
export const BUILTIN_ID_BASE = 0x4000_0000;

/** The id of a self-contained schema where no registry gives one: 30 bits of its fingerprint, above the base. */
export function builtinSchemaId(schema: AvroRecord): number {
  const fingerprint = Number.parseInt(sha256Hex(canonicalForm(schema)).slice(0, 8), 16);
  return BUILTIN_ID_BASE + (fingerprint & 0x3fff_ffff);
}
