/** What the partitions say together about the deployment of one agent. Pure. */
import { own } from "@busbar/kernel";
import { type AgentDeployment, nextVersion, type PartitionState } from "@busbar/policy";

export interface VersionView {
  readonly version: string;
  readonly codeDigest: string;
  /**
   * `current` takes new tasks, `candidate` waits for its promotion, `draining` finishes what it began, `failed` was
   * rolled back and has no chain, `retired` neither runs nor has a chain.
   */
  readonly role: "current" | "candidate" | "draining" | "failed" | "retired";
  /** Open chains that are pinned to it, the halted ones included. */
  readonly chains: number;
  /** Why it was rolled back; empty where it was not. */
  readonly failed: string;
  /** Offset of its last AgentDeployed. */
  readonly order: string;
}

export interface DeploymentView {
  readonly agent: string;
  readonly deployment: AgentDeployment;
  readonly versions: readonly VersionView[];
  /** Every partition has applied the same orders about it. */
  readonly isSettled: boolean;
}

const positionOf = (state: PartitionState): bigint => BigInt(state.through);

const chainsOn = (states: readonly PartitionState[], agent: string, version: string): number =>
  states
    .flatMap(({ chains }) => Object.values(chains))
    .filter((chain) => chain.agent === agent && chain.version === version && chain.incarnation > 0).length;

/** Chains of the agent that no version has yet, or that go to another one next: nothing of it is over while they wait. */
const hasWaiting = (states: readonly PartitionState[], agent: string): boolean =>
  states.some(({ chains, deployments }) =>
    Object.values(chains).some(
      (chain) => chain.agent === agent && chain.incarnation > 0 && nextVersion(deployments, chain) !== chain.version,
    ),
  );

/** The deployment as the partition that has applied most says it; null where the agent was never deployed. */
export function viewDeployment(states: readonly PartitionState[], agent: string): DeploymentView | null {
  const newest = states.toSorted((left, right) => (positionOf(left) < positionOf(right) ? 1 : -1))[0];
  const deployment = newest === undefined ? undefined : own(newest.deployments, agent);
  if (deployment === undefined) return null;
  const said = JSON.stringify(deployment);
  const isSettled =
    states.every((state) => JSON.stringify(own(state.deployments, agent)) === said) && !hasWaiting(states, agent);
  const versions = Object.entries(deployment.versions).map(([version, { codeDigest, failed, order }]) => {
    const chains = chainsOn(states, agent, version);
    const isTaking = version === deployment.current ? "current" : version === deployment.candidate ? "candidate" : null;
    const idle = failed === "" ? "retired" : "failed";
    // Until every partition says the same, one of them may still pin a chain to it.
    const role = isTaking ?? (chains > 0 || !isSettled ? "draining" : idle);
    return { version, codeDigest, role, chains, failed, order } as const;
  });
  return { agent, deployment, versions, isSettled };
}

/** Open chains of the agent that are pinned to no version. */
export function unpinnedChains(states: readonly PartitionState[], agent: string): number {
  return chainsOn(states, agent, "");
}
