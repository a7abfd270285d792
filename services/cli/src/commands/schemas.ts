/** `busbar schemas`: the Avro schemas of every message, their check against what was frozen, and their registration. */
import {
  builtinSchemaIds,
  bundleIncompatibilities,
  loadSchemaIds,
  pushSchemas,
  schemaOf,
  type SchemaIds,
  subjectOf,
} from "@busbar/events/codec";
import { familyOf, MESSAGE_TYPES, type MessageType } from "@busbar/events";
import { busbarError } from "@busbar/kernel";
import { Command, Option } from "commander";
import { findBus, stateDirOf } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import type { Output } from "../output.ts";

type Compatibility = "FULL_TRANSITIVE" | "BACKWARD_TRANSITIVE";

async function registryUrl(): Promise<string> {
  const given = process.env["SCHEMA_REGISTRY_URL"] ?? "";
  if (given !== "") return given;
  const url = (await findBus(process.env, stateDirOf()))["SCHEMA_REGISTRY_URL"] ?? "";
  if (url !== "") return url;
  const reason = "this bus has none; its processes use the built-in schema ids";
  throw busbarError("BUSBAR_REGISTRY_UNAVAILABLE", { reason });
}

interface SchemaRow {
  readonly type: MessageType;
  readonly family: string;
  readonly subject: string;
  /** In the registry; empty where there is none. */
  readonly id: string;
}

function rowsOf(ids: SchemaIds | null): readonly SchemaRow[] {
  return MESSAGE_TYPES.map((type) => {
    const id = String((ids ?? builtinSchemaIds()).idOf.get(type) ?? "");
    return { type, family: familyOf(type), subject: subjectOf(schemaOf(type)), id };
  });
}

function print(output: Output, rows: readonly SchemaRow[]): void {
  const columns = (["type", "family", "subject", "id"] as const).map((title) => ({
    title,
    value: (row: SchemaRow) => row[title],
  }));
  output.answer({ value: rows, lines: rows, text: () => output.table(rows, columns) });
}

async function list(_options: object, command: Command): Promise<void> {
  const output = outputOf(command);
  const url = await registryUrl().catch(() => null);
  output.note(url === null ? "no registry: built-in ids" : `ids of the registry at ${url}`);
  print(output, rowsOf(url === null ? null : await loadSchemaIds(url)));
}

function typeNamed(name: string): MessageType {
  const exact = MESSAGE_TYPES.find((type) => type.toLowerCase() === name.toLowerCase());
  if (exact !== undefined) return exact;
  const close = MESSAGE_TYPES.filter((type) => type.toLowerCase().includes(name.toLowerCase())).slice(0, 5);
  throw busbarError("BUSBAR_INPUT_INVALID", {
    what: "schemas show",
    reason: `no message is named ${name}`,
    next:
      close.length === 0 ? "npx busbar schemas" : close.map((type) => `npx busbar schemas show ${type}`).join("  or  "),
  });
}

function show(name: string, _options: object, command: Command): void {
  const schema = schemaOf(typeNamed(name));
  outputOf(command).answer({ value: schema, text: () => JSON.stringify(schema, null, 2) });
}

function check(_options: object, command: Command): void {
  const output = outputOf(command);
  const problems = bundleIncompatibilities();
  const text = (): string =>
    problems.length === 0
      ? `${MESSAGE_TYPES.length} schemas, each readable by and reading every frozen version`
      : problems.join("\n");
  output.answer({ value: { schemas: MESSAGE_TYPES.length, problems }, text });
  const [first] = problems;
  if (first === undefined) return;
  const [schema = "", ...reason] = first.split(": ");
  throw busbarError("BUSBAR_SCHEMA_INCOMPATIBLE", { schema, reason: reason.join(": ") });
}

async function push(options: { compatibility: Compatibility }, command: Command): Promise<void> {
  const output = outputOf(command);
  const url = await registryUrl();
  output.note(`registering ${MESSAGE_TYPES.length} schemas at ${url}`);
  print(output, rowsOf(await pushSchemas(url, options)));
}

export function schemasCommand(): Command {
  const schemas = new Command("schemas").description("The Avro schemas of every message.");
  schemas.command("ls", { isDefault: true }).description("list them with their ids").action(list);
  schemas.command("show").argument("<type>", "a message like EffectAdmitted").description("print one").action(show);
  schemas.command("check").description("compare them with every frozen version; 4 when one breaks").action(check);
  const levels = new Option("--compatibility <level>", "what the registry is told to keep")
    .choices(["FULL_TRANSITIVE", "BACKWARD_TRANSITIVE"])
    .default("FULL_TRANSITIVE");
  schemas.command("push").description("register them").addOption(levels).action(push);
  return schemas;
}
