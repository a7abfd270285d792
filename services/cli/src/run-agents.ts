/** The agents of a project on an open bus, in this process. */
import { hostname } from "node:os";
import { type AgentDefinition, type AgentProcess, runAgent } from "@busbar/agent";
import { agentCredentials, type Connection } from "@busbar/infra";
import { busbarError } from "@busbar/kernel";
import type { Logger } from "@busbar/telemetry";

/** Those of `names`, or all. Throws BUSBAR_INPUT_INVALID for a name that the project does not have. */
export function chosenAgents(agents: readonly AgentDefinition[], names: readonly string[]): readonly AgentDefinition[] {
  const known = agents.map(({ name }) => name);
  const stranger = names.find((name) => !known.includes(name));
  if (stranger !== undefined) {
    const next =
      known.length === 0
        ? "name a module under modules.agents in busbar.yaml"
        : `npx busbar agents run ${known.join(" ")}`;
    throw busbarError("BUSBAR_INPUT_INVALID", {
      what: "agent run",
      reason: `the project has no agent ${stranger}`,
      next,
    });
  }
  return names.length === 0 ? agents : agents.filter(({ name }) => names.includes(name));
}

export interface RunningAgents {
  readonly names: readonly string[];
  readonly processes: readonly AgentProcess[];
  stop(): Promise<void>;
}

/**
 * Runs them until `stop`, each on the connection that it is given. After an error none of them runs. `deployed`: they take
 * the chains that are pinned to their versions; else those of agents that nobody deployed.
 */
export async function runAgents(
  open: (agent: string) => Promise<Connection>,
  agents: readonly AgentDefinition[],
  logger: Logger,
  deployed = false,
): Promise<RunningAgents> {
  const processes: AgentProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(processes.map((one) => one.stop()));
  };
  try {
    for (const agent of agents) {
      const { log, codec, prefix, keys } = await open(agent.name);
      const instance = `${agent.name}@${hostname()}-${process.pid}`;
      const credentials = agentCredentials(keys, agent.name);
      processes.push(await runAgent({ log, codec, prefix, agent, instance, logger, deployed, ...credentials }));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { names: agents.map(({ name }) => name), processes, stop };
}
