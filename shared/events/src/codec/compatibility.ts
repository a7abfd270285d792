/**
 * Compatibility of schemas, decided by avsc's own resolvers: FULL_TRANSITIVE means that every version reads every
 * other one, both ways, since the log is kept for ever and readers of several versions run side by side.
 */
import { reasonOf } from "@busbar/kernel";
import {
  type AvroField,
  type AvroRecord,
  type AvroSchema,
  fullName,
  isArray,
  isRecord,
  isUnion,
} from "../avro-schema.ts";
import { HISTORY } from "../generated/bundle.ts";
import { MESSAGE_TYPES } from "../messages.ts";
import { avroType, type AvroType } from "./avro-type.ts";
import { schemaOf } from "./schemas.ts";

export interface VersionedSchema {
  readonly version: string;
  readonly schema: AvroRecord;
}

function refusal(reader: AvroType, writer: AvroType): string | null {
  try {
    reader.createResolver(writer);
    return null;
  } catch (error) {
    return reasonOf(error);
  }
}

/** Field paths of a schema: what the resolvers do not compare is compared here. */
function fieldsByPath(record: AvroRecord, prefix = ""): ReadonlyMap<string, AvroField> {
  const within = (type: AvroSchema, path: string): readonly [string, AvroField][] => {
    if (isUnion(type)) return type.flatMap((branch) => within(branch, path));
    if (isArray(type)) return within(type.items, path);
    return isRecord(type) ? [...fieldsByPath(type, `${path}.`)] : [];
  };
  return new Map(
    record.fields.flatMap((field) => {
      const path = `${prefix}${field.name}`;
      return [[path, field] as const, ...within(field.type, path)];
    }),
  );
}

/** Avro turns string into bytes and back without a word, and knows nothing of vocabularies. */
function quietBreaks(current: AvroRecord, past: AvroRecord): readonly string[] {
  const now = fieldsByPath(current);
  return [...fieldsByPath(past)].flatMap(([path, then]) => {
    const field = now.get(path);
    if (field === undefined) return [];
    const kinds = [JSON.stringify(then.type), JSON.stringify(field.type)];
    const swapped = kinds[0] !== kinds[1] && kinds.some((kind) => kind.includes('"bytes"'));
    const lost = (then.values ?? []).filter((value) => field.values?.includes(value) === false);
    return [
      ...(swapped ? [`${path} changes between ${kinds.join(" and ")}`] : []),
      ...(lost.length === 0 ? [] : [`${path} loses the values ${lost.join(", ")}`]),
    ];
  });
}

/** Each break of FULL_TRANSITIVE between the current schemas and all past ones, as a sentence; empty when sound. */
export function incompatibilities(current: readonly AvroRecord[], past: readonly VersionedSchema[]): readonly string[] {
  const types = new Map(current.map((schema) => [fullName(schema), { schema, type: avroType(schema) }]));
  return past.flatMap(({ version, schema }) => {
    const name = fullName(schema);
    const now = types.get(name);
    if (now === undefined) return [`${name}: removed since ${version}`];
    const then = avroType(schema);
    const forward = refusal(now.type, then);
    const backward = refusal(then, now.type);
    return [
      ...(forward === null ? [] : [`${name}: cannot read what ${version} wrote: ${forward}`]),
      ...(backward === null ? [] : [`${name}: ${version} cannot read what it writes: ${backward}`]),
      ...quietBreaks(now.schema, schema).map((problem) => `${name}: since ${version} ${problem}`),
    ];
  });
}

/** The same for the embedded bundle. Frozen schemas that are laid out like the current ones need no check. */
export function bundleIncompatibilities(): readonly string[] {
  return incompatibilities(MESSAGE_TYPES.map(schemaOf), HISTORY);
}
