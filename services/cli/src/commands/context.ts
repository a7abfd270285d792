/** `busbar context`: buses by name. */
import { resolve } from "node:path";
import { busbarError } from "@busbar/kernel";
import { Command, Option } from "commander";
import { outputOf } from "../command-output.ts";
import {
  assertContext,
  type Context,
  type ContextField,
  contextNamed,
  type Contexts,
  contextsFile,
  readContexts,
  writeContexts,
} from "../contexts.ts";
import type { Column } from "../table.ts";

interface Row extends Context {
  readonly name: string;
  readonly current: boolean;
}

const rowsOf = ({ current, contexts }: Contexts): readonly Row[] =>
  Object.entries(contexts)
    .map(([name, context]) => ({ name, current: name === current, ...context }))
    .sort((left, right) => (left.name < right.name ? -1 : 1));

const COLUMNS: readonly Column<Row>[] = [
  { title: "", value: ({ current }) => (current ? "*" : "") },
  { title: "context", value: ({ name }) => name },
  { title: "bus", value: ({ brokers, embedded }) => brokers ?? embedded ?? "" },
  { title: "registry", value: ({ registry = "" }) => registry },
  { title: "prefix", value: ({ prefix = "" }) => prefix },
  { title: "keys", value: ({ keys = "" }) => keys },
  { title: "security", value: ({ security = "" }) => security },
  { title: "user", value: ({ user = "" }) => user },
];

async function list(_options: object, self: Command): Promise<void> {
  const output = outputOf(self);
  const rows = rowsOf(await readContexts(process.env));
  const none = `none; ${contextsFile(process.env)} is where they would be`;
  output.answer({ value: rows, lines: rows, text: () => (rows.length === 0 ? none : output.table(rows, COLUMNS)) });
  if (rows.length === 0 && output.form === "table") output.note("next: npx busbar context add --help");
}

async function use(name: string, _options: object, self: Command): Promise<void> {
  const known = await readContexts(process.env);
  if (name !== "-") contextNamed(known, name);
  const current = name === "-" ? "" : name;
  await writeContexts(process.env, { ...known, current });
  const text = (): string =>
    current === "" ? "no context is used" : `${name} is used where a folder has no bus of its own`;
  outputOf(self).answer({ value: { current }, text });
}

interface AddOptions extends Omit<Context, "prefix"> {
  readonly topicPrefix?: string;
  readonly use?: boolean;
  readonly replace?: boolean;
}

/** Fields that are paths; from any folder they mean the same. */
const PATHS: readonly ContextField[] = ["embedded", "keys"];

function fieldsOf({ use: _use, replace: _replace, topicPrefix, ...given }: AddOptions): Context {
  const fields = topicPrefix === undefined ? given : { ...given, prefix: topicPrefix };
  const absolute = Object.entries(fields).map(([field, value]: readonly [string, string]) => {
    const isPath = PATHS.includes(field as ContextField) || (field === "tlsCa" && value !== "system");
    return [field, isPath ? resolve(value) : value];
  });
  return Object.fromEntries(absolute) as Context;
}

async function add(name: string, options: AddOptions, self: Command): Promise<void> {
  const context = fieldsOf(options);
  assertContext(name, context);
  const known = await readContexts(process.env);
  if (Object.hasOwn(known.contexts, name) && options.replace !== true) {
    const reason = `there is a context ${name} already`;
    throw busbarError("BUSBAR_INPUT_INVALID", { what: "context add", reason, next: "give --replace, or another name" });
  }
  const current = options.use === true ? name : known.current;
  await writeContexts(process.env, { current, contexts: { ...known.contexts, [name]: context } });
  const output = outputOf(self);
  output.answer({ value: { name, current: current === name, ...context }, text: () => `added ${name}` });
  if (output.form === "table") output.note(`next: npx busbar --context ${name} doctor`);
}

async function remove(name: string, _options: object, self: Command): Promise<void> {
  const known = await readContexts(process.env);
  contextNamed(known, name);
  const { [name]: _removed, ...contexts } = known.contexts;
  await writeContexts(process.env, { current: known.current === name ? "" : known.current, contexts });
  outputOf(self).answer({ value: { removed: name }, text: () => `removed ${name}; the bus itself is untouched` });
}

const HELP = `
Which bus a command speaks to: --log or --context, else BUSBAR_BROKERS or BUSBAR_EMBEDDED, else BUSBAR_CONTEXT, else the bus
of this folder (.busbar/bus.json), else the context in use. A context holds addresses and paths, never a password: that of
a principal of the bus lies in its key folder, that of --user comes from BUSBAR_SASL_PASSWORD.

Examples:
  npx busbar context add staging --brokers kafka1:9092,kafka2:9092 --registry http://registry:8081 --keys ~/keys/staging
  npx busbar context use staging
  npx busbar --context staging status`;

export function contextCommand(): Command {
  const context = new Command("context").description("Buses by name.").addHelpText("after", HELP);
  context.command("ls", { isDefault: true }).description("list them").action(list);
  context
    .command("add")
    .description("name a bus")
    .argument("<name>", "letters, digits, dots and dashes")
    .option("--brokers <list>", "host:port[,host:port...] of its Kafka")
    .option("--embedded <file>", "its embedded log, in place of a Kafka")
    .option("--registry <url>", "its schema registry")
    // The program has a --prefix of its own, for one command.
    .option("--topic-prefix <name>", "first part of its topics' names, where it is not busbar")
    .option("--keys <folder>", "its key folder")
    .addOption(new Option("--security <mode>", "how to log in to the broker").choices(["scram", "none"]))
    .option("--tls-ca <file>", "the authority that signed the brokers' certificates, or system")
    .option("--user <name>", "a user of a broker that others manage")
    .option("--use", "use it from now on")
    .option("--replace", "in place of one of this name")
    .addHelpText("after", HELP)
    .action(add);
  context
    .command("use")
    .description("use one where nothing else says which bus; - uses none")
    .argument("<name>", "its name, or -")
    .action(use);
  context.command("rm").description("forget one").argument("<name>", "its name").action(remove);
  return context;
}
