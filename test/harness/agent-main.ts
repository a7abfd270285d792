/**
 * An agent process of the fault tests: BUSBAR_AGENTS (names, comma-separated) of the project BUSBAR_PROJECT, run by
 * `runAgent`. BUSBAR_OBEYS_HALTS=no makes them hostile; BUSBAR_OWNER names the process in its heartbeats.
 */
import { runAgent } from "@busbar/agent";
import { loadProject } from "@busbar/agent/project";
import { agentCredentials, connect, type Connection, redactorOfLines } from "@busbar/infra";
import { announceReady, createLogger, runService } from "@busbar/telemetry";

const { env } = process;
const name = env["BUSBAR_OWNER"] ?? String(process.pid);
const logger = createLogger({
  service: "agent",
  level: env["BUSBAR_LOG_LEVEL"] ?? "info",
  redact: redactorOfLines(env),
});

await runService(logger, async () => {
  const onNotice = (text: string): void => logger.warn({}, text);
  const project = await loadProject(env["BUSBAR_PROJECT"] ?? "busbar.yaml");
  const wanted = (env["BUSBAR_AGENTS"] ?? "").split(",");
  const chosen = project.agents.filter((agent) => wanted.includes(agent.name));
  const connections: Connection[] = [];
  const obeysHalts = env["BUSBAR_OBEYS_HALTS"] !== "no";
  const processes = await Promise.all(
    chosen.map(async (agent) => {
      const connection = await connect({ env, clientId: name, principal: `agent:${agent.name}`, onNotice });
      connections.push(connection);
      const { log, codec, prefix, keys } = connection;
      const own = { agent, ...agentCredentials(keys, agent.name), instance: `${name}/${agent.name}` };
      return runAgent({
        log,
        codec,
        prefix,
        logger,
        obeysHalts,
        heartbeatMs: 200,
        answerTimeoutMs: 1000,
        ...own,
      });
    }),
  );
  announceReady({ service: "agent", http: null, name });
  return {
    stop: async () => {
      await Promise.all(processes.map((one) => one.stop()));
      await Promise.all(connections.map((one) => one.close()));
    },
  };
});
