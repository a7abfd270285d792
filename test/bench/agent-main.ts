/** The bench's agent process: the agent of ./project, with room for every chain that the bench has open at once. */
import { join } from "node:path";
import { runAgent } from "@busbar/agent";
import { loadProject } from "@busbar/agent/project";
import { agentCredentials, connect } from "@busbar/infra";
import { busbarError } from "@busbar/kernel";
import { announceReady, createLogger, runService } from "@busbar/telemetry";

const MAX_CHAINS = 1024;
const logger = createLogger({ service: "agent", level: process.env["BUSBAR_LOG_LEVEL"] ?? "info" });

await runService(logger, async () => {
  const onNotice = (text: string): void => logger.warn({}, text);
  const { log, codec, prefix, keys, close } = await connect({
    env: process.env,
    clientId: "bench-agent",
    principal: "agent:clerk",
    onNotice,
  });
  const { agents } = await loadProject(join(import.meta.dirname, "project/busbar.yaml"));
  const [agent] = agents;
  if (agent === undefined) throw busbarError("BUSBAR_NOT_FOUND", { what: "agent", id: "clerk" });
  const running = await runAgent({
    log,
    codec,
    agent,
    prefix,
    logger,
    instance: "bench-1",
    maxChains: MAX_CHAINS,
    ...agentCredentials(keys, agent.name),
  });
  announceReady({ service: "agent", http: null, name: agent.name });
  return {
    stop: async () => {
      await running.stop();
      await close();
    },
  };
});
