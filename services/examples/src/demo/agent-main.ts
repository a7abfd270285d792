/** A process that runs the example agents named on its command line. The looper runs without the SDK's own obedience. */
import { runAgent } from "@busbar/agent";
import { agentCredentials, connect, type Connection, redactorOfLines } from "@busbar/infra";
import { announceReady, createLogger, runService } from "@busbar/telemetry";
import { agents } from "../agents/index.ts";

const names = process.argv.slice(2);
const logger = createLogger({
  service: "agent",
  level: process.env["BUSBAR_LOG_LEVEL"] ?? "info",
  redact: redactorOfLines(process.env),
});

await runService(logger, async () => {
  const onNotice = (text: string): void => logger.warn({}, text);
  const connections: Connection[] = [];
  const chosen = agents.filter((agent) => names.includes(agent.name));
  const running = await Promise.all(
    chosen.map(async (agent) => {
      const { name } = agent;
      const clientId = `agent-${name}`;
      const connection = await connect({ env: process.env, clientId, principal: `agent:${name}`, onNotice });
      connections.push(connection);
      const { log, codec, prefix, keys } = connection;
      const instance = `${name}-${process.pid}`;
      return runAgent({
        log,
        codec,
        agent,
        prefix,
        instance,
        logger,
        obeysHalts: name !== "looper",
        ...agentCredentials(keys, name),
      });
    }),
  );
  announceReady({ service: "agent", http: null, agents: names });
  return {
    stop: async () => {
      await Promise.all(running.map((one) => one.stop()));
      await Promise.all(connections.map((one) => one.close()));
    },
  };
});
