/** `busbar completion`: a script for the shell, made from the commands as they are. */
import { Argument, Command, Option } from "commander";
import { outputOf } from "../command-output.ts";
import { completionScript, type Shell, SHELLS } from "../completion/scripts.ts";
import { type CompletedCommand, treeOf } from "../completion/tree.ts";
import { OUTPUT_FORMS } from "../output.ts";

/** The whole program, every command loaded. */
export async function programTree(): Promise<readonly CompletedCommand[]> {
  // The list of commands leads back here when this command is loaded.
  const { COMMANDS } = await import("../registry.ts");
  const program = new Command("busbar")
    .addOption(new Option("-o, --output <form>", "how data is printed").choices(OUTPUT_FORMS))
    .option("--log <file>", "read this log file")
    .option("--prefix <name>", "first part of the topics' names")
    .option("--context <name>", "a bus by its name");
  for (const row of COMMANDS) {
    const command = (await row.load()).summary(row.summary);
    if (row.alias !== undefined) command.alias(row.alias);
    program.addCommand(command);
  }
  return treeOf(program);
}

const EXAMPLES = `
Examples:
  source <(npx busbar completion bash)
  source <(npx busbar completion zsh)
  npx busbar completion fish | source`;

export function completionCommand(): Command {
  return new Command("completion")
    .description("Prints a script that completes commands, options and fixed values; it asks no bus.")
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .addHelpText("after", EXAMPLES)
    .action(async (shell: Shell, _options: object, self: Command) => {
      const script = completionScript(shell, await programTree());
      outputOf(self).answer({ value: { shell, script }, text: () => script.trimEnd() });
    });
}
