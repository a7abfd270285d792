/** Agents that decide otherwise than they used to, by the last notice that the partitions applied. Pure. */
import type { DriftView, PartitionState } from "@busbar/policy";

export interface DriftRow extends DriftView {
  readonly agent: string;
}

/** Older notices are history: `busbar events` has them. */
const SHOWN_MS = 86_400_000;

/** The newest of each agent, the latest first. */
export function foldDrifts(states: readonly Pick<PartitionState, "drifts">[], nowMs: number): readonly DriftRow[] {
  const rows = new Map<string, DriftRow>();
  for (const { drifts } of states) {
    for (const [key, drift] of Object.entries(drifts)) {
      const agent = key.replace(/^agent:/u, "");
      const known = rows.get(agent);
      if (drift.atMs + SHOWN_MS < nowMs || (known !== undefined && known.atMs >= drift.atMs)) continue;
      rows.set(agent, { agent, ...drift });
    }
  }
  return [...rows.values()].sort((left, right) => right.atMs - left.atMs);
}
