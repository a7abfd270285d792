/** `busbar doctor`: this machine and the bus, one line per check, each with what to type next. */
import { readBusState } from "@busbar/infra";
import { Command } from "commander";
import { stateDirOf } from "../bus.ts";
import { endWith, outputOf } from "../command-output.ts";
import { checkBus } from "../doctor/bus-checks.ts";
import type { Check } from "../doctor/check.ts";
import { checkMachine } from "../doctor/machine-checks.ts";
import type { Output } from "../output.ts";
import { plain } from "../table.ts";

const CHECK_FAILED = 4;

function line(output: Output, { state, name, text, next }: Check): string {
  const mark = state === "ok" ? output.green("ok  ") : output.red(state === "warn" ? "warn" : "FAIL");
  const hint = next === undefined || state === "ok" ? "" : `\n     next: ${next}`;
  return `${mark} ${name.padEnd(12)} ${plain(text)}${hint}`;
}

export function doctorCommand(): Command {
  return new Command("doctor")
    .description("Checks this machine and the bus. Exit code 4 when something fails; a warning fails nothing.")
    .action(async (_options: object, self: Command) => {
      const output = outputOf(self);
      const state = await readBusState(stateDirOf());
      const hasBus = state !== null || (process.env["BUSBAR_BROKERS"] ?? process.env["BUSBAR_EMBEDDED"] ?? "") !== "";
      const checks = [...(await checkMachine(process.env)), ...(await checkBus(output, hasBus))];
      output.answer({
        value: checks,
        lines: checks,
        text: () => checks.map((check) => line(output, check)).join("\n"),
      });
      if (checks.some((check) => check.state === "fail")) endWith(self, CHECK_FAILED);
    });
}
