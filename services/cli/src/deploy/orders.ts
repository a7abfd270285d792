/** The orders of a person about deployments: checked against the log as it is, then given, then applied everywhere. */
import { busbarError, own } from "@busbar/kernel";
import { type AgentDeployment, previousVersion } from "@busbar/policy";
import type { OpenBus } from "../bus.ts";
import { assertProven, awaitApplied, type GivenOrder, giveOrder, operatorName } from "../orders.ts";
import { foldLife, readBeats } from "../read/heartbeats.ts";
import { viewDeployment } from "./deployment-view.ts";
import { viewStates } from "./live-states.ts";
import { policyInForce, putPolicy, restoreRow } from "./policy-order.ts";
import type { Prepared } from "./prepare.ts";
import { assertSnapshot, digestOfSnapshot, snapshotFolder, writeSnapshot } from "./snapshot.ts";

export async function awaitOrder(bus: OpenBus, order: GivenOrder, agent: string, timeoutMs: number): Promise<void> {
  assertProven(await awaitApplied(bus, order, `agent:${agent}`, timeoutMs), timeoutMs);
}

/** Inbox, key and permissions are made by `busbar up`, which may; a person who deploys may not. */
async function assertInbox(bus: OpenBus, { agent, project }: Prepared): Promise<void> {
  if ((await bus.log.listTopics()).includes(bus.topics.inbox(agent.name))) return;
  throw busbarError("BUSBAR_DEPLOY_REFUSED", {
    agent: agent.name,
    version: agent.version,
    reason: "the bus has no inbox for it",
    next: `make inbox, key and permissions: BUSBAR_PROJECT=${project.file} npx busbar up`,
  });
}

export interface DeploymentOrder {
  readonly prepared: Prepared;
  /** Where the version's code is kept for its processes; null where they run elsewhere. */
  readonly stateDir: string | null;
  readonly instances: number;
  readonly reason: string;
  readonly timeoutMs: number;
  readonly note: (line: string) => void;
}

/** Keeps the version's code here, puts its policy in force, and declares it; every partition knows it then. */
export async function orderDeployment(bus: OpenBus, given: DeploymentOrder): Promise<void> {
  const { prepared, stateDir, instances, reason, timeoutMs, note } = given;
  const { agent, code, tools, policy, policyHash, exported } = prepared;
  await assertInbox(bus, prepared);
  const folder = stateDir === null ? null : snapshotFolder(stateDir, agent.name, agent.version);
  // Processes may be starting from it.
  if (folder !== null && digestOfSnapshot(folder) !== code.digest) writeSnapshot({ folder, code, agents: exported });
  const newPolicy = await putPolicy(bus, policy, policyInForce(await viewStates(bus)));
  if (newPolicy !== null) {
    await awaitOrder(bus, newPolicy, agent.name, timeoutMs);
    note(`policy ${policyHash.slice(0, 12)} is in force`);
  }
  const order = await giveOrder(bus, "AgentDeployed", agent.name, {
    agent: agent.name,
    version: agent.version,
    codeDigest: code.digest,
    tools,
    policyHash,
    instances,
    reason,
    by: operatorName(),
  });
  await awaitOrder(bus, order, agent.name, timeoutMs);
  note(
    `${agent.name}@${agent.version} is on the log: code ${code.digest.slice(0, 12)}, ${tools.length} tools, policy ${policyHash.slice(0, 12)}`,
  );
}

/** Throws BUSBAR_NOT_FOUND for an agent that was never deployed. */
export async function deploymentOf(bus: OpenBus, agent: string): Promise<AgentDeployment> {
  const view = viewDeployment(await viewStates(bus), agent);
  if (view === null) throw busbarError("BUSBAR_NOT_FOUND", { what: "deployed agent", id: agent });
  return view.deployment;
}

export interface RollbackOrder {
  readonly agent: string;
  readonly stateDir: string;
  readonly reason: string;
  readonly timeoutMs: number;
}

/** Makes the version before current again. Throws BUSBAR_DEPLOY_REFUSED where there is none, or its code is not what it was. */
export async function orderRollback(
  bus: OpenBus,
  { agent, stateDir, reason, timeoutMs }: RollbackOrder,
): Promise<{ readonly from: string; readonly to: string }> {
  const deployment = await deploymentOf(bus, agent);
  const { candidate, current } = deployment;
  const from = candidate === "" ? current : candidate;
  const to = candidate === "" ? previousVersion(deployment) : current;
  const target = own(deployment.versions, to);
  if (target === undefined) {
    const why = current === "" ? "the agent is undeployed" : "no version was current before it";
    throw busbarError("BUSBAR_DEPLOY_REFUSED", {
      agent,
      version: from,
      reason: `it cannot be rolled back: ${why}`,
      next: "npx busbar status",
    });
  }
  assertSnapshot(snapshotFolder(stateDir, agent, to), agent, to, target.codeDigest);
  await restoreRow(bus, await viewStates(bus), agent, target.policyHash);
  const body = { agent, version: from, to, reason, by: operatorName() };
  await awaitOrder(bus, await giveOrder(bus, "AgentRolledBack", agent, body), agent, timeoutMs);
  return { from, to };
}

/** Promotes the candidate that runs elsewhere (in containers). Throws BUSBAR_DEPLOY_REFUSED while too few of it live. */
export async function orderPromotion(bus: OpenBus, agent: string, timeoutMs: number): Promise<string> {
  const { candidate: version, instances } = await deploymentOf(bus, agent);
  const refuse = (reason: string, next: string) =>
    busbarError("BUSBAR_DEPLOY_REFUSED", { agent, version, reason, next });
  if (version === "") throw refuse("no version waits for its promotion", "npx busbar status");
  const nowMs = Date.now();
  const { agents } = foldLife(await readBeats(bus, nowMs), nowMs);
  const alive = agents.filter((life) => life.agent === agent && life.version === version).length;
  if (alive < instances) {
    throw refuse(
      `${alive} of ${instances} processes show signs of life`,
      `start them, then npx busbar deploy ${agent} --promote`,
    );
  }
  const body = { agent, version, reason: `${alive} processes show signs of life`, by: operatorName() };
  await awaitOrder(bus, await giveOrder(bus, "AgentPromoted", agent, body), agent, timeoutMs);
  return version;
}
