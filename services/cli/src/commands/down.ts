/** `busbar down`: ends exactly what `busbar up` started in this folder. */
import { readBusState, stopBus } from "@busbar/infra";
import { Command } from "commander";
import { stateDirOf } from "../bus.ts";
import { outputOf } from "../command-output.ts";

export function downCommand(): Command {
  return new Command("down")
    .description("Ends what npx busbar up started in this folder. The data stays.")
    .action(async (_options: object, command: Command) => {
      const output = outputOf(command);
      const stateDir = stateDirOf();
      const before = await readBusState(stateDir);
      const ended = await stopBus(stateDir);
      const text = (): string => {
        if (before === null) return `nothing was started in ${stateDir}`;
        return ended.length === 0
          ? "it had ended already"
          : `ended: ${ended.join(", ")}; the data stays in ${stateDir}`;
      };
      output.answer({ value: { ended }, text });
    });
}
