/** `busbar down`: ends exactly what `busbar up` started in this folder. */
import { readBusState, stopBus } from "@busbar/infra";
import { Command } from "commander";
import { stateDirOf } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import { endSupervisors } from "../deploy/start-supervisor.ts";

export function downCommand(): Command {
  return new Command("down")
    .description("Ends what npx busbar up started in this folder. The data stays.")
    .action(async (_options: object, command: Command) => {
      const output = outputOf(command);
      const stateDir = stateDirOf();
      const before = await readBusState(stateDir);
      // First: without a bus their processes could not say where they stopped.
      const agents = await endSupervisors(stateDir);
      const ended = await stopBus(stateDir);
      const text = (): string => {
        const gone = agents.length === 0 ? "" : `processes of ${agents.join(", ")} ended; `;
        if (before === null) return `${gone}nothing was started in ${stateDir}`;
        return ended.length === 0
          ? `${gone}it had ended already`
          : `${gone}ended: ${ended.join(", ")}; the data stays in ${stateDir}`;
      };
      output.answer({ value: { ended, agents }, text });
    });
}
