/** events.md: every message with its fields, from the embedded schemas. */
import { type Family, familyOf, MESSAGE_TYPES, type MessageType } from "@busbar/events";
import { schemaOf } from "@busbar/events/codec";
import { code, pageOf, table } from "./markdown.ts";

type AvroRecord = ReturnType<typeof schemaOf>;
type AvroField = AvroRecord["fields"][number];
type AvroSchema = AvroField["type"];

const isUnion = (schema: AvroSchema): schema is readonly AvroSchema[] => Array.isArray(schema);

const FAMILIES: Readonly<Record<Family, readonly [title: string, about: string]>> = {
  event: ["Events", "Facts, on `busbar.events`, written by the partition's owner."],
  command: ["Commands", "Requests, on `busbar.commands`; `SettleEffect` on `busbar.control`."],
  directive: ["Directives", "Signed orders, on `busbar.directives`."],
  signal: ["Signals", "What the supervisor counts across chains, on `busbar.signals`."],
  heartbeat: ["Heartbeats", "Signs of life, on `busbar.heartbeats`."],
  "dead-letter": ["Dead letters", "What could not be read, on `busbar.dead-letters`."],
};

function typeText(schema: AvroSchema): string {
  if (typeof schema === "string") return schema.slice(schema.lastIndexOf(".") + 1);
  if (isUnion(schema)) return schema.map(typeText).join(" or ");
  return schema.type === "array" ? `list of ${typeText(schema.items)}` : schema.name;
}

function fieldRow({ name, type, doc = "", sensitivity = "", values }: AvroField): readonly string[] {
  const text = values === undefined ? doc : `${doc} One of ${values.map(code).join(", ")}.`;
  return [code(name), typeText(type), sensitivity, text];
}

const FIELD_HEAD = ["Field", "Type", "Sensitivity", "What it says"];

function recordsIn(schema: AvroSchema): readonly { readonly name: string; readonly fields: readonly AvroField[] }[] {
  if (typeof schema === "string") return [];
  if (isUnion(schema)) return schema.flatMap(recordsIn);
  if (schema.type === "array") return recordsIn(schema.items);
  return [schema, ...schema.fields.flatMap(({ type }) => recordsIn(type))];
}

function messageSection(type: MessageType): string {
  const { doc = "", fields } = schemaOf(type);
  const own = fields.filter(({ name }) => name !== "meta");
  return [`### ${type}`, doc, table(FIELD_HEAD, own.map(fieldRow))].join("\n\n");
}

function familySection(family: Family): string {
  const [title, about] = FAMILIES[family];
  const types = MESSAGE_TYPES.filter((type) => familyOf(type) === family);
  return [`## ${title}`, about, ...types.map(messageSection)].join("\n\n");
}

function sharedSection(): string {
  const all = MESSAGE_TYPES.flatMap((type) => schemaOf(type).fields.flatMap((field) => recordsIn(field.type)));
  const named = new Map(all.map((record) => [record.name, record]));
  const sections = [...named.values()].map(({ name, fields }) =>
    [`### ${name}`, table(FIELD_HEAD, fields.map(fieldRow))].join("\n\n"),
  );
  return ["## Shared types", "`Meta` is the first field of every message.", ...sections].join("\n\n");
}

/** The page, from the schemas that a service starts with. */
export function eventsPage(): string {
  const families = Object.keys(FAMILIES) as readonly Family[];
  return pageOf("Messages", [
    "Generated from `schemas/**/*.avsc`. Offsets are decimal strings and positions exclusive. A `long` is a time in ms and its name ends in `Ms`. Arguments, results, inputs and outputs are strings of canonical JSON. A value outside of a vocabulary is read as `UNKNOWN`.",
    ...families.map(familySection),
    sharedSection(),
  ]);
}
