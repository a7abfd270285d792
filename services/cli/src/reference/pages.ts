/** The reference pages of the command line: every command with its options, and everything that the doctor finds. */
import type { Argument, Command, Option } from "commander";
import { FINDINGS } from "../doctor/catalog.ts";
import { COMMANDS } from "../registry.ts";

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows.map((row) => row.map(cell))]
    .map((row) => `| ${row.join(" | ")} |`)
    .join("\n");
}

const argumentText = (argument: Argument): string => {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
};

function defaultText({ defaultValue, defaultValueDescription }: Option): string {
  if (defaultValueDescription !== undefined) return defaultValueDescription;
  return defaultValue === undefined ? "" : String(defaultValue);
}

function optionRow(option: Option): readonly string[] {
  const choices = option.argChoices === undefined ? "" : ` (${option.argChoices.join(", ")})`;
  const fallback = option.mandatory ? "required" : defaultText(option);
  const described = option.description.includes("(default:") ? "" : fallback;
  return [`\`${option.flags}\``, `${option.description}${choices}`, described];
}

/** A command, then those below it, each under the words that are typed. */
function sectionsOf(command: Command, words: readonly string[], depth: number): readonly string[] {
  const line = [...words, ...command.registeredArguments.map(argumentText)].join(" ");
  const options = command.options.filter(({ hidden }) => !hidden).map(optionRow);
  const own = [
    `${"#".repeat(depth)} ${words.join(" ")}`,
    `\`npx ${line}\``,
    command.description(),
    ...(options.length === 0 ? [] : [table(["Option", "Means", "Default"], options)]),
  ];
  return [...own, ...command.commands.flatMap((inner) => sectionsOf(inner, [...words, inner.name()], 3))];
}

/** docs/reference/cli.md */
export async function cliPage(): Promise<string> {
  const sections: string[] = [
    "# The command line",
    "Generated from the commands themselves; `npx busbar help <command>` prints the same with examples. Every command takes `-o table|json|jsonl`; `--log`, `--prefix` and `--context` say which bus. Positions, times and ranges are written as in [the package's README](../../services/cli/README.md#points-and-ranges).",
  ];
  for (const row of COMMANDS) sections.push(...sectionsOf(await row.load(), ["busbar", row.name], 2));
  return `${sections.join("\n\n")}\n`;
}

/** docs/reference/doctor.md */
export function doctorPage(): string {
  const rows = Object.entries(FINDINGS).map(([id, { means, next }]) => [`\`${id}\``, means, `\`${next}\``]);
  return [
    "# What the doctor finds",
    "Generated from `services/cli/src/doctor/catalog.ts`. `npx busbar doctor` prints a line for each finding and for each area without one; with `-o json` it is a list of `{id, state, subject, text, next}`. `state` is `ok`, `warn` (the bus works, and somebody may want to know) or `fail` (exit code 4). The ids stay the same from release to release. Words in braces stand for the values of the case.",
    table(["Id", "Means", "What to type"], rows),
    "",
  ]
    .join("\n\n")
    .trimEnd()
    .concat("\n");
}
