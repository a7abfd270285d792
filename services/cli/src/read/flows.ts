/** What flow control holds back, as the partitions apply it. Pure. */
import type { FlowView, PartitionState } from "@busbar/policy";

export interface FlowRow extends Pick<
  FlowView,
  "level" | "rule" | "reason" | "cause" | "by" | "intervalMs" | "retryAfterMs"
> {
  readonly key: string;
  /** Open chains that the key covers, in the partitions that apply this. */
  readonly open: number;
  /** Partitions that apply it. */
  readonly partitions: readonly number[];
}

type State = Pick<PartitionState, "partition" | "flows" | "openChains" | "agentChains">;

const openOf = ({ openChains, agentChains }: State, key: string): number =>
  key.startsWith("agent:") ? (agentChains[key.slice("agent:".length)] ?? 0) : openChains;

/** A row for each key and level, with the partitions that say so. */
export function foldFlows(states: readonly State[]): readonly FlowRow[] {
  const rows = new Map<string, FlowRow>();
  for (const state of states) {
    for (const [key, { level, rule, reason, cause, by, intervalMs, retryAfterMs }] of Object.entries(state.flows)) {
      const id = `${key} ${level} ${by}`;
      const known = rows.get(id);
      const open = (known?.open ?? 0) + openOf(state, key);
      const partitions = [...(known?.partitions ?? []), state.partition];
      rows.set(id, { key, level, rule, reason, cause, by, intervalMs, retryAfterMs, open, partitions });
    }
  }
  return [...rows.values()].sort((left, right) => (left.key < right.key ? -1 : 1));
}
