/**
 * Deployments as a partition knows them: per agent its versions, the one that takes new tasks, and which version each
 * chain is pinned to. A fold of the applied directives and of nothing else (PROTOCOL 6.2).
 *
 * Y1 A chain is pinned at its first assignment and stays: no command of another version is accepted for it.
 * Y2 Only a rollback moves a chain, and only one of which nothing has begun: no command was accepted, no call recorded.
 * Y3 The digest of a version never changes: the same name with other code has no effect.
 * Y4 An agent that nobody deployed runs unpinned ("" as version): any of its processes takes its chains.
 */
import { type JsonObject, own } from "@busbar/kernel";
import { number, text } from "./replay/body.ts";

export interface DeployedVersion {
  readonly codeDigest: string;
  readonly policyHash: string;
  /** Offset of the last AgentDeployed of it. */
  readonly order: string;
  /** It was current once. */
  readonly isPromoted: boolean;
  /** Why it was rolled back; empty where it was not. */
  readonly failed: string;
  /** Its open chains fail instead of being finished. */
  readonly isEnding: boolean;
}

export interface AgentDeployment {
  /** Version that new chains are pinned to; empty before the first promotion and after an undeploy. */
  readonly current: string;
  /** Version that was deployed last and waits for its promotion; empty for none. */
  readonly candidate: string;
  /** Undeployed: a new task is refused. */
  readonly isClosed: boolean;
  /** Processes that each of its deployment supervisors runs. */
  readonly instances: number;
  /** Versions in the order of their promotion, the last one last; each once. */
  readonly promoted: readonly string[];
  /** Chains that are pinned to no version fail as well. */
  readonly endsUnpinned: boolean;
  readonly versions: Readonly<Record<string, DeployedVersion>>;
}

export type Deployments = Readonly<Record<string, AgentDeployment>>;

/** What pinning needs of a chain. */
export interface Pinned {
  readonly agent: string;
  /** Version that it is pinned to; empty for none. */
  readonly version: string;
  /** 0 before the first assignment. */
  readonly incarnation: number;
  readonly sequence: number;
  readonly calls: Readonly<Record<string, unknown>>;
}

/** Versions that an agent's deployment remembers; the oldest that is not current goes first. */
export const VERSIONS_KEPT = 256;

const NONE: AgentDeployment = {
  current: "",
  candidate: "",
  isClosed: false,
  instances: 1,
  promoted: [],
  endsUnpinned: false,
  versions: {},
};

function bounded(versions: AgentDeployment["versions"], current: string): AgentDeployment["versions"] {
  const names = Object.keys(versions);
  if (names.length <= VERSIONS_KEPT) return versions;
  const oldest = names.find((name) => name !== current);
  return Object.fromEntries(Object.entries(versions).filter(([name]) => name !== oldest));
}

type Step = (deployment: AgentDeployment, body: JsonObject, offset: string) => AgentDeployment;

const withVersion = (
  deployment: AgentDeployment,
  name: string,
  change: Partial<DeployedVersion>,
): AgentDeployment["versions"] => {
  const known = own(deployment.versions, name);
  return known === undefined ? deployment.versions : { ...deployment.versions, [name]: { ...known, ...change } };
};

/** The candidate, unless it is this version. */
const without = ({ candidate }: AgentDeployment, version: string): string => (candidate === version ? "" : candidate);

const deployed: Step = (deployment, body, offset) => {
  const version = text(body, "version");
  const codeDigest = text(body, "codeDigest");
  const known = own(deployment.versions, version);
  if (version === "" || (known !== undefined && known.codeDigest !== codeDigest)) return deployment;
  const isPromoted = known?.isPromoted ?? false;
  const policyHash = text(body, "policyHash");
  const row: DeployedVersion = { codeDigest, policyHash, order: offset, isPromoted, failed: "", isEnding: false };
  const versions = bounded({ ...deployment.versions, [version]: row }, deployment.current);
  const candidate = version === deployment.current ? "" : version;
  const instances = Math.max(1, number(body, "instances"));
  return { ...deployment, versions, candidate, instances, endsUnpinned: false };
};

const promoted: Step = (deployment, body) => {
  const version = text(body, "version");
  if (own(deployment.versions, version) === undefined) return deployment;
  const versions = withVersion(deployment, version, { isPromoted: true, failed: "", isEnding: false });
  const before = deployment.promoted.filter((name) => name !== version && own(versions, name) !== undefined);
  const candidate = without(deployment, version);
  return { ...deployment, versions, candidate, current: version, isClosed: false, promoted: [...before, version] };
};

const rolledBack: Step = (deployment, body) => {
  const version = text(body, "version");
  const to = text(body, "to");
  const versions = withVersion(deployment, version, { failed: text(body, "reason") || "rolled back" });
  const candidate = without(deployment, version);
  if (deployment.current !== version) return { ...deployment, candidate, versions };
  const target = own(versions, to);
  // A rollback to nothing would leave the agent without a version: the failed one stays current, and is shown so.
  if (target === undefined || !target.isPromoted || to === version) return deployment;
  const before = deployment.promoted.filter((name) => name !== version && name !== to);
  const back = { ...versions, [to]: { ...target, failed: "", isEnding: false } };
  return { ...deployment, versions: back, candidate, current: to, promoted: [version, ...before, to] };
};

const undeployed: Step = (deployment, body) => {
  const version = text(body, "version");
  const isEnding = body["force"] === true;
  if (version !== "") {
    if (version === deployment.current) return deployment;
    const versions = withVersion(deployment, version, { isEnding });
    return { ...deployment, candidate: without(deployment, version), versions };
  }
  const rows = Object.entries(deployment.versions).map(([name, row]) => [name, { ...row, isEnding }] as const);
  const versions = Object.fromEntries(rows);
  return { ...deployment, current: "", candidate: "", isClosed: true, endsUnpinned: isEnding, versions };
};

const scaled: Step = (deployment, body) => ({ ...deployment, instances: Math.max(0, number(body, "instances")) });

const STEPS: Readonly<Record<string, Step>> = {
  AgentDeployed: deployed,
  AgentPromoted: promoted,
  AgentRolledBack: rolledBack,
  AgentUndeployed: undeployed,
  AgentScaled: scaled,
};

/** Folds one applied directive; any other kind changes nothing. */
export function applyDeployment(
  deployments: Deployments,
  { kind, offset }: { readonly kind: string; readonly offset: string },
  body: JsonObject,
): Deployments {
  const step = own(STEPS, kind);
  const agent = text(body, "agent");
  if (step === undefined || agent === "") return deployments;
  const known = own(deployments, agent);
  // Only a deployment begins one: an agent that nobody deployed is not closed by an undeploy of nothing.
  if (known === undefined && kind !== "AgentDeployed") return deployments;
  return { ...deployments, [agent]: step(known ?? NONE, body, offset) };
}

/** True where a new task of the agent has no version to run on. */
export function isUndeployed(deployments: Deployments, agent: string): boolean {
  return own(deployments, agent)?.isClosed === true;
}

/** Y2: nothing of the chain has begun, so that whoever takes it begins it. */
const isUntouched = ({ sequence, calls }: Pinned): boolean => sequence === 0 && Object.keys(calls).length === 0;

/**
 * The version of the chain's next assignment; null where there is none to assign it to. Empty: pinned to none.
 */
export function nextVersion(deployments: Deployments, chain: Pinned): string | null {
  const deployment = own(deployments, chain.agent);
  if (deployment === undefined) return chain.version;
  const isFirst = chain.incarnation === 0;
  const isLeft = (own(deployment.versions, chain.version)?.failed ?? "") !== "" && isUntouched(chain);
  if (!isFirst && !isLeft) return chain.version;
  if (deployment.isClosed) return isFirst ? null : chain.version;
  return deployment.current;
}

/** True where the chain's next assignment is due by itself: it has waited for a version, or its own was rolled back. */
export function awaitsVersion(
  deployments: Deployments,
  chain: Pinned & { readonly halted: unknown; readonly freed: boolean },
): boolean {
  if (own(deployments, chain.agent) === undefined || chain.halted !== null || chain.freed) return false;
  const version = nextVersion(deployments, chain);
  return version !== null && (chain.incarnation === 0 || version !== chain.version);
}

/** True where a forced undeploy ends the chain instead of waiting for it. */
export function isEnding(deployments: Deployments, { agent, version }: Pick<Pinned, "agent" | "version">): boolean {
  const deployment = own(deployments, agent);
  if (deployment === undefined) return false;
  return version === "" ? deployment.endsUnpinned : own(deployment.versions, version)?.isEnding === true;
}

/** The version that a rollback makes current again; empty where there is none. */
export function previousVersion(deployment: AgentDeployment): string {
  const { promoted: names, current, versions } = deployment;
  return names.findLast((name) => name !== current && own(versions, name)?.failed === "") ?? "";
}
