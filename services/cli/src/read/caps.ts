/** Bulkheads and rates over all partitions: how full they are, and where calls wait. Pure. */
import { type CapView, narrowCaps, type PartitionState, viewCaps } from "@busbar/policy";

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

const sumOf = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);

/** A cap over the partitions in which it is in force. */
function rowOf(cap: string, views: readonly (readonly [partition: number, view: CapView])[]): CapStatus {
  const all = views.map(([, view]) => view);
  const bulkheads = all.flatMap(({ concurrency }) => (concurrency === null ? [] : [concurrency]));
  const rates = all.flatMap(({ rate }) => (rate === null ? [] : [rate]));
  const [bulkhead] = bulkheads;
  const [rate] = rates;
  const begun = sumOf(rates.map((one) => one.begun));
  const reached = views.filter(([, view]) => view.concurrency?.share !== 0 && view.rate?.share !== 0);
  return {
    cap,
    concurrency: bulkhead ? { total: bulkhead.total, out: sumOf(bulkheads.map(({ out }) => out)) } : null,
    rate: rate ? { total: rate.total, perMs: rate.perMs, begun } : null,
    waiting: sumOf(all.map(({ waiting }) => waiting)),
    partitions: reached.map(([partition]) => partition),
    problem: "",
  };
}

/** One row for each cap that is in force anywhere; `nowMs` is event time. */
export function foldCaps(states: readonly State[], nowMs: number): readonly CapStatus[] {
  const views = states.flatMap((state) =>
    viewCaps(state, nowMs, states.length).map((view) => [state.partition, view] as const),
  );
  const caps = [...new Set(views.map(([, { key }]) => key))].sort();
  const narrow = states.flatMap(({ policy }) => narrowCaps(policy?.caps, states.length));
  const problemOf = (cap: string): string => narrow.find(({ key }) => key === cap)?.reason ?? "";
  return caps.map((cap) => {
    const own = views.filter(([, { key }]) => key === cap);
    return { ...rowOf(cap, own), problem: problemOf(cap) };
  });
}
