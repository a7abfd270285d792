/**
 * Turns the schema sources into TypeScript: one interface per record, unions per family, the embedded bundle, and the
 * schema of busbar.yaml. As modules, because a package that is installed has nothing but its own files.
 */
import {
  type AvroField,
  type AvroRecord,
  type AvroSchema,
  isArray,
  isRecord,
  isUnion,
} from "../shared/events/src/avro-schema.ts";
import { FAMILY_FOLDERS, type Family, type SourceRecord, type Sources } from "./load.ts";

const NOTICE =
  "// Written by schemas/generate.ts from schemas/**/*.avsc. Do not edit: run `node schemas/generate.ts`.\n";

const UNION_NAMES: Readonly<Record<Family, string>> = {
  event: "BusEvent",
  command: "BusCommand",
  directive: "BusDirective",
  signal: "BusSignal",
  heartbeat: "BusHeartbeat",
  "dead-letter": "DeadLetter",
};

const PRIMITIVES: Readonly<Record<string, string>> = {
  null: "null",
  boolean: "boolean",
  int: "number",
  long: "number",
  string: "string",
  bytes: "Uint8Array",
};

function typeText(schema: AvroSchema): string {
  if (isUnion(schema)) return schema.map(typeText).toReversed().join(" | ");
  if (isArray(schema)) return `readonly ${typeText(schema.items)}[]`;
  if (isRecord(schema)) return schema.name;
  return PRIMITIVES[schema] ?? schema.slice(schema.lastIndexOf(".") + 1);
}

function fieldText(field: AvroField): string {
  const type =
    field.values === undefined
      ? typeText(field.type)
      : [...field.values, "UNKNOWN"].map((value) => JSON.stringify(value)).join(" | ");
  return `  /** ${field.doc} (${field.sensitivity}) */\n  readonly ${field.name}: ${type};\n`;
}

function interfaceText(record: AvroRecord, discriminant: boolean): string {
  const head = discriminant ? `  readonly type: "${record.name}";\n` : "";
  return `/** ${record.doc} */\nexport interface ${record.name} {\n${head}${record.fields.map(fieldText).join("")}}\n`;
}

function unionText(family: Family, records: readonly SourceRecord[]): string {
  const name = UNION_NAMES[family];
  const members = records.filter((record) => record.family === family).map((record) => record.source.name);
  if (members.length === 1 && members[0] === name) return "";
  const lines = members.map((member) => `  | ${member}`).join("\n");
  return `export type ${name} =\n${lines};\n`;
}

/** Names of fields that hold personal or secret content in any record. */
function sensitiveFields(sources: Sources): readonly string[] {
  const fields = [...sources.shared, ...sources.records.map((record) => record.source)].flatMap(
    ({ fields: all }) => all,
  );
  const names = fields.filter(({ sensitivity }) => sensitivity === "personal" || sensitivity === "secret");
  return [...new Set(names.map((field) => field.name))].toSorted();
}

/** Text of generated/messages.ts. */
export function messagesText(sources: Sources): string {
  const families = Object.values(FAMILY_FOLDERS);
  const rows = sources.records.map((record) => `  ${record.source.name}: "${record.family}",`).join("\n");
  const entries = sources.records
    .map((record) => `  readonly ${record.source.name}: ${record.source.name};`)
    .join("\n");
  const familyEntries = families.map((family) => `  readonly "${family}": ${UNION_NAMES[family]};`).join("\n");
  return [
    NOTICE,
    ...sources.shared.map((record) => interfaceText(record, false)),
    ...sources.records.map((record) => interfaceText(record.source, true)),
    ...families.map((family) => unionText(family, sources.records)),
    `/** Every message, by its type. */\nexport interface MessageMap {\n${entries}\n}\n`,
    `/** The messages of a family, by its name. */\nexport interface FamilyMap {\n${familyEntries}\n}\n`,
    `/** The family of each message type. */\nexport const FAMILY_OF = {\n${rows}\n} as const;\n`,
    `/** Fields that hold personal or secret content in any record: kept out of logs. */\nexport const SENSITIVE_FIELDS = ${JSON.stringify(sensitiveFields(sources))} as const;\n`,
  ]
    .filter((part) => part !== "")
    .join("\n");
}

export interface BundledHistory {
  readonly version: string;
  readonly schema: AvroRecord;
}

/** Text of generated/bundle.ts: all schemas as data, so that a service starts without a registry. */
export function bundleText(sources: Sources, history: readonly BundledHistory[]): string {
  const list = (items: readonly unknown[]): string => items.map((item) => `  ${JSON.stringify(item)},`).join("\n");
  return [
    NOTICE,
    'import type { AvroRecord } from "../avro-schema.ts";\n',
    `/** Types that several records share, as written. */\nexport const SHARED_TYPES: readonly AvroRecord[] = [\n${list(sources.shared)}\n];\n`,
    `/** Current records, as written: shared types by name. */\nexport const RECORDS: readonly AvroRecord[] = [\n${list(sources.records.map((record) => record.source))}\n];\n`,
    `/** Records of frozen versions that are laid out in another way than the current ones, self-contained. */\nexport const HISTORY: readonly { readonly version: string; readonly schema: AvroRecord }[] = [\n${list(history)}\n];\n`,
  ].join("\n");
}

/** Text of generated/project-schema.ts, from the text of busbar.schema.json. */
export function projectSchemaText(schema: string): string {
  const data = JSON.stringify(JSON.parse(schema), null, 2);
  return [
    "// Written by schemas/generate.ts from schemas/policy/busbar.schema.json. Do not edit: run `node schemas/generate.ts`.\n",
    `/** JSON Schema of busbar.yaml. */\nexport const PROJECT_SCHEMA: Readonly<Record<string, unknown>> = ${data};\n`,
  ].join("\n");
}
