/** Bulkheads and rates over all partitions: how full they are, and where calls wait. Pure. */
import { narrowCaps, type PartitionState, viewCaps } from "@busbar/policy";

export interface CapStatus {
  /** `tool:<name>`, `model:<name>`, `agent:<name>`, `agent:<name> tool:<name>`. */
  readonly cap: string;
  /** Calls at once that it allows, and that are out now; null: no bulkhead. */
  readonly concurrency: { readonly total: number; readonly out: number } | null;
  /** Calls in any window that it allows, and that began lately; null: no rate. */
  readonly rate: { readonly total: number; readonly perMs: number; readonly begun: number } | null;
  /** Calls that wait, over all partitions. */
  readonly waiting: number;
  /** Partitions that have a share of it. */
  readonly partitions: readonly number[];
  /** Where it does not reach all partitions: what that means; else empty. */
  readonly problem: string;
}

type State = Pick<PartitionState, "policy" | "slots" | "partition">;

/** One row for each cap that is in force anywhere; `nowMs` is event time. */
export function foldCaps(states: readonly State[], nowMs: number): readonly CapStatus[] {
  const problems = new Map(
    states.flatMap(({ policy }) => narrowCaps(policy?.caps, states.length)).map(({ key, reason }) => [key, reason]),
  );
  const rows = new Map<string, CapStatus>();
  for (const state of states) {
    for (const { key, concurrency, rate, waiting } of viewCaps(state, nowMs, states.length)) {
      const known = rows.get(key);
      const hasShare = concurrency?.share !== 0 && rate?.share !== 0;
      rows.set(key, {
        cap: key,
        concurrency:
          concurrency === null
            ? null
            : { total: concurrency.total, out: concurrency.out + (known?.concurrency?.out ?? 0) },
        rate:
          rate === null
            ? null
            : { total: rate.total, perMs: rate.perMs, begun: rate.begun + (known?.rate?.begun ?? 0) },
        waiting: waiting + (known?.waiting ?? 0),
        partitions: [...(known?.partitions ?? []), ...(hasShare ? [state.partition] : [])],
        problem: problems.get(key) ?? "",
      });
    }
  }
  return [...rows.values()].sort((left, right) => (left.cap < right.cap ? -1 : 1));
}
