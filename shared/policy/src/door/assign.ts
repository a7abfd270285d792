/** Assignments: which run of which version a chain is given to next (PROTOCOL 8.2). */
import { awaitsVersion, nextVersion } from "../deployments.ts";
import { attempt, emit, type Turn } from "./turn.ts";

/** Gives a chain to its agent again, with the next incarnation; what an older run still sends is refused. */
export function reassign(turn: Turn, chainId: string, reason: string): void {
  const chain = turn.state.chains[chainId];
  // A rollback has no agent.
  if (chain === undefined || chain.halted !== null || chain.rollback !== null) return;
  const version = nextVersion(turn.state.deployments, chain);
  // Undeployed before its first run: it waits for a deployment.
  if (version === null) return;
  const incarnation = chain.incarnation + 1;
  const about = { chain, incarnation, codeVersion: version };
  emit(turn, "TaskAssigned", about, { agent: chain.agent, incarnation, version, reason });
}

/** Chains that an order about versions assigns in one turn; the rest comes with the timers. */
export const ASSIGNED_PER_TURN = 64;

/** Chains that waited for a version, and those that a rolled back one has not begun, go to the current one. */
export function assignDeployed(turn: Turn): void {
  let assigned = 0;
  for (const chain of Object.values(turn.state.chains)) {
    if (!awaitsVersion(turn.state.deployments, chain)) continue;
    const { chainId, incarnation, version } = chain;
    const reason = incarnation === 0 ? "a version was deployed" : `version ${version} was rolled back`;
    if (assigned >= ASSIGNED_PER_TURN || !attempt(turn, [chainId], () => reassign(turn, chainId, reason))) return;
    assigned += 1;
  }
}
