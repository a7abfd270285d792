/**
 * What a deployment supervisor does next: the log says what is wanted, the processes say what is. Pure.
 *
 * L1 A version is promoted when all of its processes are ready at once, never before.
 * L2 A version whose processes are given up is rolled back: a candidate to what is current, the current one to the
 *    version before it whose code is here. Where there is none it stays, and is shown as failed.
 * L3 A version runs as long as a partition may pin a chain to it or a chain is pinned to it, halted ones included.
 */
import { previousVersion } from "@busbar/policy";
import type { DeploymentView, VersionView } from "./deployment-view.ts";

/** The processes of one version on this machine. */
export interface Pool {
  /** Offset of the order that they were started under. */
  readonly order: string;
  readonly size: number;
  readonly ready: number;
  /** Why one of them was given up; empty where none was. */
  readonly failed: string;
}

export type Action =
  | {
      readonly kind: "run";
      readonly version: string;
      readonly order: string;
      readonly codeDigest: string;
      readonly size: number;
    }
  | { readonly kind: "stop"; readonly version: string }
  | { readonly kind: "promote"; readonly version: string }
  | { readonly kind: "roll-back"; readonly version: string; readonly to: string; readonly reason: string }
  /** Nothing of the agent is left to run. */
  | { readonly kind: "end" };

export interface Planning {
  readonly view: DeploymentView;
  readonly pools: ReadonlyMap<string, Pool>;
  /** Whether the code of a version is on this machine, as the log recorded it. */
  isHere(version: string, codeDigest: string): boolean;
}

const runs = ({ role }: VersionView): boolean => role === "current" || role === "candidate" || role === "draining";

/** A candidate and a version with chains keep one process at least, however far the agent was scaled down. */
function sizeOf({ view }: Planning, { role, chains }: VersionView): number {
  const { instances } = view.deployment;
  return role === "candidate" || (role === "draining" && chains > 0) ? Math.max(1, instances) : instances;
}

function previousHere({ view, isHere }: Planning): string {
  const { deployment } = view;
  const previous = previousVersion(deployment);
  const row = deployment.versions[previous];
  return row !== undefined && isHere(previous, row.codeDigest) ? previous : "";
}

/** L2. */
function rollBack(planning: Planning, { version, role }: VersionView, reason: string): Action | null {
  if (role === "candidate") return { kind: "roll-back", version, to: planning.view.deployment.current, reason };
  const to = role === "current" ? previousHere(planning) : "";
  return to === "" ? null : { kind: "roll-back", version, to, reason };
}

function actionFor(planning: Planning, found: VersionView): Action | null {
  const { version, role, order, codeDigest } = found;
  const pool = planning.pools.get(version);
  if (!runs(found)) return pool === undefined ? null : { kind: "stop", version };
  const size = sizeOf(planning, found);
  // A new order about a version that was given up is a new try.
  const isStale = pool === undefined || pool.size !== size || (pool.failed !== "" && pool.order !== order);
  if (isStale) return { kind: "run", version, order, codeDigest, size };
  if (pool.failed !== "") return rollBack(planning, found, pool.failed);
  return role === "candidate" && pool.ready >= size ? { kind: "promote", version } : null;
}

/** Everything that is to be done now; nothing where all is as it should be. */
export function planDeployment(planning: Planning): readonly Action[] {
  const { versions, isSettled } = planning.view;
  const actions = versions.flatMap((found) => actionFor(planning, found) ?? []);
  if (isSettled && !versions.some(runs)) return [...actions, { kind: "end" }];
  return actions;
}
