/**
 * `busbar agents run`: agents of the project in this process, until a signal. Its logs are JSON on standard error.
 * With BUSBAR_HTTP_PORT (and BUSBAR_HTTP_HOST) it serves /livez, /readyz and /metrics; without it listens nowhere.
 */
import { loadProject } from "@busbar/agent/project";
import { type Connection, redactorOfLines } from "@busbar/infra";
import { busbarError } from "@busbar/kernel";
import { createLogger, createMetrics, type HealthServer, startHealthServer, STOP_BOUND_MS } from "@busbar/telemetry";
import { Command } from "commander";
import { openConnection } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import { chooseProject } from "../project-file.ts";
import { chosenAgents, runAgents, type RunningAgents } from "../run-agents.ts";
import { stopSignal } from "../stop-signal.ts";

/**
 * Ready is an agent that may start a chain: one that is halted or cut off from the log is alive and not ready. For a
 * deployed one a halt is no fault of the process: it is ready to be resumed.
 */
function isReady({ processes }: RunningAgents, deployed: boolean): boolean {
  const states: readonly string[] = deployed ? ["idle", "working", "halted"] : ["idle", "working"];
  return processes.every((one) => states.includes(one.state().state));
}

async function serveHealth(
  env: NodeJS.ProcessEnv,
  running: RunningAgents,
  deployed: boolean,
): Promise<HealthServer | null> {
  const port = env["BUSBAR_HTTP_PORT"] ?? "";
  if (port === "") return null;
  if (!/^\d{1,5}$/.test(port)) {
    throw busbarError("BUSBAR_CONFIG_INVALID", { file: "BUSBAR_HTTP_PORT", reason: `${port} is no port` });
  }
  const host = env["BUSBAR_HTTP_HOST"] ?? "127.0.0.1";
  const isUp = (): boolean => isReady(running, deployed);
  return startHealthServer({ port: Number(port), host, metrics: createMetrics(), isReady: isUp });
}

interface RunOptions {
  readonly deployed?: boolean;
}

async function runNamed(names: readonly string[], { deployed = false }: RunOptions, self: Command): Promise<void> {
  const output = outputOf(self);
  const stopped = stopSignal(STOP_BOUND_MS);
  const project = await loadProject(chooseProject(process.env, process.cwd()).file);
  const agents = chosenAgents(project.agents, names);
  const logger = createLogger({
    service: "agent",
    level: process.env["BUSBAR_LOG_LEVEL"] ?? "info",
    redact: redactorOfLines(process.env),
  });
  const connections: Connection[] = [];
  // Each agent is itself to the broker, also where several share a process.
  const open = async (agent: string): Promise<Connection> => {
    const connection = await openConnection(output, `agent:${agent}`);
    connections.push(connection);
    return connection;
  };
  try {
    const running = await runAgents(open, agents, logger, deployed);
    let health: HealthServer | null = null;
    try {
      health = await serveHealth(process.env, running, deployed);
      const http = health?.url ?? null;
      const ready = { ready: true, service: "agent", agents: running.names, deployed, http, pid: process.pid };
      output.item(ready, () => JSON.stringify(ready));
      await stopped;
    } finally {
      await running.stop();
      await health?.close();
    }
  } finally {
    await Promise.all(connections.map((one) => one.close()));
  }
}

export function runCommand(): Command {
  return new Command("run")
    .description("run agents of the project in this process until it is told to stop")
    .argument("[names...]", "which ones (default: all of the project)")
    .option("--deployed", "as a process of the deployed version: it takes the chains of its version and no others")
    .addHelpText("after", "\nExample:\n  npx busbar agents run support")
    .action(runNamed);
}
