/**
 * Compatibility of schemas, decided by avsc's own resolvers: FULL_TRANSITIVE means that every version reads every
 * other one, both ways, since the log is kept for ever and readers of several versions run side by side.
 */
import { reasonOf } from "@busbar/kernel";
import { type AvroRecord, fullName } from "../avro-schema.ts";
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

/** Each break of FULL_TRANSITIVE between the current schemas and all past ones, as a sentence; empty when sound. */
export function incompatibilities(
  current: readonly AvroRecord[],
  past: readonly VersionedSchema[],
): readonly string[] {
  const types = new Map(current.map((schema) => [fullName(schema), avroType(schema)]));
  return past.flatMap(({ version, schema }) => {
    const name = fullName(schema);
    const now = types.get(name);
    if (now === undefined) return [`${name}: removed since ${version}`];
    const then = avroType(schema);
    const forward = refusal(now, then);
    const backward = refusal(then, now);
    return [
      ...(forward === null ? [] : [`${name}: cannot read what ${version} wrote: ${forward}`]),
      ...(backward === null ? [] : [`${name}: ${version} cannot read what it writes: ${backward}`]),
    ];
  });
}

/** The same for the embedded bundle. Frozen schemas that are laid out like the current ones need no check. */
export function bundleIncompatibilities(): readonly string[] {
  return incompatibilities(MESSAGE_TYPES.map(schemaOf), HISTORY);
}
