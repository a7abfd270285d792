/** Gateway, supervisor and agents of `busbar dev` in this process, on the embedded log, which one process owns. */
import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { toolDigests } from "@busbar/agent";
import { createToolbox, loadProject } from "@busbar/agent/project";
import { connect, type Connection, openKeyring, redactorOfLines, toolSecrets } from "@busbar/infra";
import { Gateway, Supervisor, webhookNotices } from "@busbar/runtime";
import { createLogger, createMetrics } from "@busbar/telemetry";
import { runAgents } from "../run-agents.ts";
import { awaitDoors, type DevOptions, type DevServices } from "./child-services.ts";

const never = (): Promise<never> => new Promise<never>(() => undefined);

async function startAll(
  bus: Connection,
  options: DevOptions,
  logFile: string,
  stops: (() => Promise<void>)[],
): Promise<void> {
  const { env, project: file, partitionCount } = options;
  const destination = createWriteStream(logFile, { flags: "w" });
  const level = env["BUSBAR_LOG_LEVEL"] ?? "info";
  const logger = createLogger({ service: "dev", level, destination, redact: redactorOfLines(env) });
  stops.push(() => new Promise((resolve) => void destination.end(resolve)));
  const { log, codec, prefix, keys } = bus;
  const project = await loadProject(file);
  const owner = `${hostname()}-${process.pid}`;
  const supervisorKeys = openKeyring(keys, "supervisor");
  const common = { log, codec, prefix, logger };
  const supervisor = new Supervisor({ ...common, name: owner, keyring: supervisorKeys, metrics: createMetrics() });
  const notices = webhookNotices(env, logger, redactorOfLines(env));
  const gateway = new Gateway({
    ...common,
    owner,
    keyring: openKeyring(keys, "gateway"),
    toolbox: createToolbox(project.tools, project.models, toolSecrets(env)),
    tools: toolDigests(project.tools),
    policy: project.policy,
    metrics: createMetrics(),
    notices,
  });
  stops.push(() => Promise.resolve(notices.stop()));
  stops.push(() => supervisor.stop());
  await supervisor.start();
  stops.push(() => gateway.stop());
  await gateway.start();
  const agents = await runAgents(() => Promise.resolve(bus), project.agents, logger);
  stops.push(() => agents.stop());
  await awaitDoors(partitionCount, () => Promise.resolve(gateway.doors()));
}

export async function startInProcess(options: DevOptions): Promise<DevServices> {
  const { env, stateDir, note } = options;
  const logs = join(stateDir, "logs");
  await mkdir(logs, { recursive: true });
  const bus = await connect({ env, clientId: "busbar-dev", principal: "gateway", onNotice: note });
  const stops: (() => Promise<void>)[] = [() => bus.close()];
  const stop = async (): Promise<void> => {
    // In the opposite order of their start.
    for (const one of stops.splice(0).toReversed()) await one();
  };
  try {
    await startAll(bus, options, join(logs, "dev.log"), stops);
  } catch (error) {
    await stop();
    throw error;
  }
  return { lines: ["gateway, supervisor and agents run in this process", `logs in ${logs}`], failed: never(), stop };
}
