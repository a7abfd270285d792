/** Reads the schema sources of one folder (the current ones, or a frozen copy) and makes them self-contained. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
// By path, not through the package: its root imports what the generator writes, which may not exist yet.
import { type AvroRecord, fullName, selfContained } from "../shared/events/src/avro-schema.ts";

/** Folder of the sources -> family of the messages. The order is the order of the generated code. */
export const FAMILY_FOLDERS = {
  events: "event",
  commands: "command",
  directives: "directive",
  signals: "signal",
  heartbeats: "heartbeat",
  "dead-letters": "dead-letter",
} as const;
export type Family = (typeof FAMILY_FOLDERS)[keyof typeof FAMILY_FOLDERS];

export interface SourceRecord {
  readonly family: Family;
  /** As written: shared types by name. */
  readonly source: AvroRecord;
  readonly schema: AvroRecord;
}

export interface Sources {
  readonly shared: readonly AvroRecord[];
  readonly records: readonly SourceRecord[];
}

/** Paths of all sources below a schema folder, sorted: what a frozen version copies. */
export function sourceFiles(root: string): readonly string[] {
  const folders = ["types", ...Object.keys(FAMILY_FOLDERS)].filter((folder) => existsSync(join(root, folder)));
  const nested = folders.flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((file) => file.endsWith(".avsc"))
      .toSorted()
      .map((file) => `${folder}/${file}`),
  );
  return ["meta.avsc", ...nested];
}

const readRecord = (path: string): AvroRecord => JSON.parse(readFileSync(path, "utf8")) as AvroRecord;

/** Throws where a file is no JSON or names an unknown type; what else is wrong is the lint's to say. */
export function loadSources(root: string): Sources {
  const files = sourceFiles(root);
  const shared = files
    .filter((file) => file === "meta.avsc" || file.startsWith("types/"))
    .map((file) => readRecord(join(root, file)));
  const byName = new Map(shared.map((record) => [fullName(record), record]));
  const records = Object.entries(FAMILY_FOLDERS).flatMap(([folder, family]) =>
    files
      .filter((file) => file.startsWith(`${folder}/`))
      .map((file) => {
        const source = readRecord(join(root, file));
        return { family, source, schema: selfContained(source, byName) };
      }),
  );
  return { shared, records };
}
