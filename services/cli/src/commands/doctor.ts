/** `busbar doctor`: this machine, the project, the keys and the bus, one line per check, each with what to type next. */
import { resolve } from "node:path";
import { DEFAULT_KEYS, readBusState } from "@busbar/infra";
import { isBusbarError } from "@busbar/kernel";
import { Command } from "commander";
import { findBus, stateDirOf } from "../bus.ts";
import { endWith, outputOf } from "../command-output.ts";
import { checkBus } from "../doctor/bus-checks.ts";
import type { Check } from "../doctor/check.ts";
import { checkKeys } from "../doctor/key-checks.ts";
import { checkMachine } from "../doctor/machine-checks.ts";
import { checkProjectFile } from "../doctor/project-checks.ts";
import type { Output } from "../output.ts";
import { portOption } from "../parse/count.ts";
import { agentNames, chooseProject } from "../project-file.ts";
import { plain } from "../table.ts";

const CHECK_FAILED = 4;
const ID_LENGTH = 18;

function line(output: Output, { state, id, subject, text, next }: Check): string {
  const mark = state === "ok" ? output.green("ok  ") : output.red(state === "warn" ? "warn" : "FAIL");
  const hint = next === undefined || state === "ok" ? "" : `\n     next: ${plain(next)}`;
  const about = subject === "" ? "" : `${plain(subject)}: `;
  return `${mark} ${id.padEnd(ID_LENGTH)} ${about}${plain(text)}${hint}`;
}

/** Where there is no bus yet, nobody has made keys, and that is no fault of theirs. */
async function checkKeyFolder(env: NodeJS.ProcessEnv | null): Promise<readonly Check[]> {
  if (env === null) return [];
  const agents = await agentNames(chooseProject(process.env, process.cwd())).catch((error: unknown) => {
    // A project that cannot be read has a line of its own.
    if (isBusbarError(error)) return [];
    throw error;
  });
  return checkKeys(resolve(env["BUSBAR_KEYS"] ?? DEFAULT_KEYS), agents);
}

/** The environment of the bus; where its broker is gone, of this process; null where no bus is known. */
async function busEnv(folder: string): Promise<NodeJS.ProcessEnv | null> {
  try {
    return await findBus(process.env, folder);
  } catch (error) {
    if (!isBusbarError(error) || error.code !== "BUSBAR_BUS_MISSING") throw error;
    return (await readBusState(folder)) === null ? null : process.env;
  }
}

async function examine(output: Output, port: number | undefined): Promise<readonly Check[]> {
  const folder = stateDirOf();
  const env = await busEnv(folder);
  return [
    ...(await checkMachine({ env: process.env, folder, brokerPort: port })),
    ...(await checkProjectFile(chooseProject(process.env, process.cwd()))),
    ...(await checkKeyFolder(env)),
    ...(await checkBus(output, env !== null)),
  ];
}

const HELP = `
Each line has an id that stays the same; docs/reference/doctor.md lists them all. With -o json it is a list of
{id, state, subject, text, next}.

Examples:
  npx busbar doctor
  npx busbar doctor -o jsonl | grep '"state":"fail"'`;

export function doctorCommand(): Command {
  return new Command("doctor")
    .description(
      "Checks this machine, the project, the keys and the bus, and says what to type. Exit code 4 when something fails; a warning fails nothing.",
    )
    .option("--port <number>", "also whether a broker could listen on this port", portOption)
    .addHelpText("after", HELP)
    .action(async ({ port }: { readonly port?: number }, self: Command) => {
      const output = outputOf(self);
      const checks = await examine(output, port);
      output.answer({
        value: checks,
        lines: checks,
        text: () => checks.map((check) => line(output, check)).join("\n"),
      });
      if (checks.some((check) => check.state === "fail")) endWith(self, CHECK_FAILED);
    });
}
