/** `busbar agent run`: agents of the project in this process, until a signal. Its logs are JSON on standard error. */
import { loadProject } from "@busbar/agent/project";
import { createLogger } from "@busbar/telemetry";
import { Command } from "commander";
import { openConnection } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import { chooseProject } from "../project-file.ts";
import { chosenAgents, runAgents } from "../run-agents.ts";
import { stopSignal } from "../stop-signal.ts";

async function runNamed(names: readonly string[], _options: object, self: Command): Promise<void> {
  const output = outputOf(self);
  const stopped = stopSignal();
  const project = await loadProject(chooseProject(process.env, process.cwd()).file);
  const agents = chosenAgents(project.agents, names);
  const logger = createLogger({ service: "agent", level: process.env["BUSBAR_LOG_LEVEL"] ?? "info" });
  const bus = await openConnection(output);
  try {
    const running = await runAgents(bus, agents, logger);
    output.item({ ready: true, service: "agent", agents: running.names, http: null, pid: process.pid }, () => {
      return JSON.stringify({ ready: true, service: "agent", agents: running.names, http: null, pid: process.pid });
    });
    await stopped;
    await running.stop();
  } finally {
    await bus.close();
  }
}

export function agentCommand(): Command {
  const agent = new Command("agent").description("Runs agents.");
  agent
    .command("run")
    .description("run agents of the project in this process until it is told to stop")
    .argument("[names...]", "which ones (default: all of the project)")
    .action(runNamed);
  return agent;
}
