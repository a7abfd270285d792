/**
 * Deployed agents as `status` shows them: what the log says of each version, how many of its processes give signs of
 * life, and what the supervisor on this machine says of theirs. Pure.
 */
import type { PartitionState } from "@busbar/policy";
import { type VersionView, viewDeployment } from "../deploy/deployment-view.ts";
import type { SupervisorState } from "../deploy/state-file.ts";
import type { AgentLife } from "./heartbeats.ts";

export interface DeploymentRow {
  readonly agent: string;
  readonly version: string;
  readonly state: VersionView["role"] | "undeployed";
  /** Processes that give signs of life, wherever they run. */
  readonly ready: number;
  /** Processes that are to be kept; 0 for a version that is not to run. */
  readonly wanted: number;
  /** On this machine; null where no supervisor of the agent runs here. */
  readonly restarts: number | null;
  /** Open chains that are pinned to it. */
  readonly chains: number;
  readonly codeDigest: string;
  /** Why it was rolled back, or why its processes are given up; empty where neither is so. */
  readonly reason: string;
}

/** Versions that run, that have chains, or that were rolled back last; retired ones are left out. */
export function foldDeployments(
  states: readonly PartitionState[],
  lives: readonly AgentLife[],
  local: readonly SupervisorState[],
): readonly DeploymentRow[] {
  const agents = [...new Set(states.flatMap(({ deployments }) => Object.keys(deployments)))].sort();
  return agents.flatMap((agent) => {
    const view = viewDeployment(states, agent);
    if (view === null) return [];
    const supervisor = local.find((one) => one.agent === agent);
    const shown = view.versions.filter(({ role }) => role !== "retired");
    const rows = shown.map((found): DeploymentRow => {
      const { version, role, chains, codeDigest, failed } = found;
      const pool = supervisor?.versions.find((one) => one.version === version);
      const ready = lives.filter((life) => life.agent === agent && life.version === version).length;
      const wanted = role === "failed" ? 0 : (pool?.wanted ?? view.deployment.instances);
      const restarts = supervisor === undefined ? null : (pool?.restarts ?? 0);
      const reason = failed === "" ? (pool?.failed ?? "") : failed;
      return { agent, version, state: role, ready, wanted, restarts, chains, codeDigest, reason };
    });
    if (!view.deployment.isClosed || rows.some(({ state }) => state === "draining")) return rows;
    const none = { version: "", ready: 0, wanted: 0, restarts: null, chains: 0, codeDigest: "", reason: "" };
    return [{ agent, state: "undeployed", ...none }];
  });
}
