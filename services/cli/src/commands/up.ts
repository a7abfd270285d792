/** `busbar up`: broker and registry in the background, with keys, schemas and topics. Services are `busbar dev`. */
import { Command } from "commander";
import { bringUp } from "../bring-up.ts";
import { stateDirOf } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import { partitionsOption, portOption } from "../parse/count.ts";
import { agentNames, chooseProject } from "../project-file.ts";

export function upCommand(): Command {
  return new Command("up")
    .description(
      "Starts broker and registry in the background and makes keys, schemas and topics. npx busbar down ends it.",
    )
    .option("--port <number>", "client port of the broker (default: a free one)", portOption)
    .option(
      "--partitions <count>",
      "partitions of everything keyed by chain, for new topics (default: 4)",
      partitionsOption,
    )
    .action(async (options: { port?: number; partitions?: number }, command: Command) => {
      const output = outputOf(command);
      const note = (line: string): void => {
        output.note(line);
      };
      const agents = await agentNames(chooseProject(process.env, process.cwd()));
      const up = await bringUp({ env: process.env, stateDir: stateDirOf(), agents, detached: true, note, ...options });
      const { kind, brokers, registryUrl, reused } = up.bus;
      const value = { kind, brokers, registryUrl, reused, partitions: up.partitionCount, agents };
      output.answer({
        value,
        text: () =>
          kind === "embedded"
            ? "the embedded log is ready (one process runs everything on it)"
            : `${reused ? "running already" : "up"}: broker ${brokers.join(",")}${registryUrl === null ? "" : `, registry ${registryUrl}`}`,
      });
      // A program that reads the answer starts the services itself.
      if (output.form !== "table") return;
      output.note("next: npx busbar dev      the services and agents on it");
      output.note("      npx busbar doctor   what works");
      if (kind !== "given") output.note("      npx busbar down     end it");
    });
}
