/** A process that runs the example agents named on its command line. The looper runs without the SDK's own obedience. */
import { runAgent } from "@busbar/agent";
import { agentCredentials, connect } from "@busbar/infra";
import { announceReady, createLogger, runService } from "@busbar/telemetry";
import { agents } from "../agents/index.ts";

const names = process.argv.slice(2);
const logger = createLogger({ service: "agent", level: process.env["BUSBAR_LOG_LEVEL"] ?? "info" });

await runService(logger, async () => {
  const onNotice = (text: string): void => logger.warn({}, text);
  const { log, codec, prefix, keys, close } = await connect({
    env: process.env,
    clientId: `agent-${names.join("-")}`,
    onNotice,
  });
  const chosen = agents.filter((agent) => names.includes(agent.name));
  const running = await Promise.all(
    chosen.map((agent) => {
      const { name } = agent;
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
      await close();
    },
  };
});
