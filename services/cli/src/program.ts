/**
 * The program: finds the command in the arguments, loads that one file, runs it, and turns what is thrown into an error
 * text and an exit code. Nothing but this reads the arguments of the process or ends it.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { busbarError, isBusbarError } from "@busbar/kernel";
import { Command, CommanderError, Option } from "commander";
import { asBusbarError, renderFailure } from "./failure.ts";
import { bindStreams, exitCodeOf } from "./command-output.ts";
import { OUTPUT_FORMS, type OutputForm, type Streams } from "./output.ts";
import { COMMANDS, type CommandRow } from "./registry.ts";
import { plain } from "./table.ts";

const USAGE = 2;
const EXIT_CODES = `Exit codes: 0 done, 1 error, 2 usage, 3 not found, 4 check failed or unproven, 5 refused, 6 unreachable, 124 timeout.`;

const outputOption = (): Option =>
  new Option("-o, --output <form>", "how data is printed").choices(OUTPUT_FORMS).default("table");

/** Options of the whole program that are followed by a value. */
const TAKES_VALUE: ReadonlySet<string> = new Set(["-o", "--output", "--log", "--prefix", "--context"]);

interface BusOptions {
  readonly log?: string;
  readonly prefix?: string;
  readonly context?: string;
}

/** `--context`, `--log` and `--prefix` are the environment of this one command. */
async function chooseBus({ log, prefix, context }: BusOptions): Promise<void> {
  if (context !== undefined && log !== undefined) {
    throw busbarError("BUSBAR_USAGE", { reason: "--log and --context both say which bus: give one of them" });
  }
  if (context !== undefined) {
    const { contextEnv, contextNamed, readContexts } = await import("./contexts.ts");
    Object.assign(process.env, contextEnv(contextNamed(await readContexts(process.env), context)));
  }
  if (prefix !== undefined) process.env["BUSBAR_PREFIX"] = prefix;
  if (log === undefined) return;
  if (!existsSync(log)) throw busbarError("BUSBAR_NOT_FOUND", { what: "log file", id: log });
  process.env["BUSBAR_EMBEDDED"] = log;
  process.env["BUSBAR_BROKERS"] = "";
  process.env["SCHEMA_REGISTRY_URL"] = "";
}

/** The first argument that is no option: the command, or `help`. */
function wordsOf(args: readonly string[]): readonly string[] {
  const words: string[] = [];
  for (let index = 0; index < args.length && words.length < 2; index++) {
    const arg = args[index] ?? "";
    if (TAKES_VALUE.has(arg)) index++;
    else if (!arg.startsWith("-")) words.push(arg);
  }
  return words;
}

async function commandOf(row: CommandRow, wanted: string | undefined): Promise<Command> {
  const isWanted = wanted !== undefined && (row.name === wanted || row.alias === wanted);
  const command = isWanted ? await row.load() : new Command(row.name);
  if (row.alias !== undefined) command.alias(row.alias);
  return command.summary(row.summary).helpGroup(`${row.group}:`);
}

/** The help of the command that was typed wrongly, as it is typed. */
function helpOf(command: Command): string {
  const names: string[] = [];
  for (let one = command; one.parent !== null; one = one.parent) names.unshift(one.name());
  return names.length === 0 ? "npx busbar help" : `npx busbar ${names.join(" ")} --help`;
}

/** What commander says about a wrong line, in the form of all our errors. */
function usageError(text: string, command: Command): string {
  const [what = "", ...more] = text
    .trim()
    .replace(/^error: /, "")
    .split("\n");
  return `busbar: ${plain([what, ...more].join(" "))}\n  next:  ${helpOf(command)}\n`;
}

/** Sub-commands take over nothing of their parent, so what holds for all is set on each. */
function configure(command: Command, streams: Streams): void {
  command
    .exitOverride()
    .configureOutput({
      writeOut: streams.out,
      writeErr: streams.err,
      outputError: (text, write) => {
        write(usageError(text, command));
      },
    })
    .showSuggestionAfterError(true);
  for (const inner of command.commands) configure(inner, streams);
}

async function readVersion(): Promise<string> {
  const text = await readFile(join(import.meta.dirname, "../package.json"), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}

async function buildProgram(args: readonly string[], streams: Streams): Promise<Command> {
  const [first, second] = wordsOf(args);
  const wanted = first === "help" ? second : first;
  const program = new Command("busbar")
    .description("An event-sourced bus on which agents can be trusted with real tools.")
    .usage("<command> [options]")
    .addOption(outputOption())
    .option("--log <file>", "read this log file (kept by the demo, or embedded) instead of the running bus")
    .option("--prefix <name>", "first part of the topics' names, where it is not busbar")
    .option("--context <name>", "a bus by its name, as npx busbar context lists them")
    .hook("preAction", (whole) => chooseBus(whole.opts()))
    .addHelpText("after", `\n${EXIT_CODES}\nTry: npx busbar dev`);
  for (const row of COMMANDS) program.addCommand(await commandOf(row, wanted));
  program.helpCommand("help [command]", "help for a command");
  if (args.includes("--version") || args.includes("-V")) program.version(await readVersion(), "-V, --version");
  configure(program, streams);
  bindStreams(program, streams);
  return program;
}

function formIn(args: readonly string[]): OutputForm {
  const at = args.findIndex((arg) => arg === "-o" || arg === "--output");
  const form = at < 0 ? undefined : args[at + 1];
  return OUTPUT_FORMS.find((one) => one === form) ?? "table";
}

/** Runs one command line to its end; gives the exit code. */
export async function run(args: readonly string[], streams: Streams): Promise<number> {
  try {
    const program = await buildProgram(args, streams);
    if (args.length === 0) {
      program.outputHelp();
      return 0;
    }
    await program.parseAsync([...args], { from: "user" });
    return exitCodeOf(program);
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : USAGE;
    const error = asBusbarError(thrown);
    streams.err(renderFailure(error, formIn(args)));
    const { cause } = error;
    if (!isBusbarError(thrown) && cause instanceof Error && process.env["BUSBAR_DEBUG"] === "1") {
      streams.err(`${cause.stack ?? ""}\n`);
    }
    return error.row.exitCode;
  }
}
