/** The command table as a shell completes it: every line of words with what may follow. */
import type { Command, Option } from "commander";

export interface CompletedOption {
  /** Short and long form, as far as they are there. */
  readonly flags: readonly string[];
  readonly takesValue: boolean;
  /** Null: any value. */
  readonly choices: readonly string[] | null;
  readonly description: string;
}

export interface CompletedCommand {
  /** Words from `busbar` on, without it; empty for the program itself. */
  readonly path: string;
  readonly description: string;
  readonly inner: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly CompletedOption[];
}

function optionOf(option: Option): CompletedOption {
  const flags = [option.short, option.long].filter((flag) => flag !== undefined);
  const { argChoices, description } = option;
  return { flags, takesValue: option.required || option.optional, choices: argChoices ?? null, description };
}

/** A command and all below it. `path` are the words that lead to it. */
export function treeOf(command: Command, path: readonly string[] = []): readonly CompletedCommand[] {
  const inner = command.commands.map((one) => ({ name: one.name(), description: one.summary() || one.description() }));
  const own = {
    path: path.join(" "),
    description: command.summary() || command.description(),
    inner,
    options: command.options.filter(({ hidden }) => !hidden).map(optionOf),
  };
  const below = command.commands.flatMap((one) =>
    [one.name(), ...one.aliases()].flatMap((name) => treeOf(one, [...path, name])),
  );
  return [own, ...below];
}
