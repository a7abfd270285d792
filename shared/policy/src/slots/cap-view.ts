/** What people are shown of the caps of a partition: `/doors` and the command line. */
import { own } from "@busbar/kernel";
import type { PartitionState } from "../partition-state.ts";
import { shareOf } from "./caps.ts";
import { NO_SLOTS } from "./slot-state.ts";
import { begunNow, outNow, waitingNow } from "./slot-decision.ts";

export interface CapView {
  readonly key: string;
  /** Over the whole bus, of this partition, and taken now; null: no bulkhead. */
  readonly concurrency: { readonly total: number; readonly share: number; readonly out: number } | null;
  /** The same of calls that begin in a window of `perMs`; null: no rate. */
  readonly rate: {
    readonly total: number;
    readonly perMs: number;
    readonly share: number;
    readonly begun: number;
  } | null;
  /** Calls that wait for a slot here. */
  readonly waiting: number;
}

/** Every cap of the policy in force, at a moment of event time (ms). */
export function viewCaps(
  state: Pick<PartitionState, "policy" | "slots" | "partition">,
  atMs: number,
  partitionCount: number,
): readonly CapView[] {
  const { policy, partition } = state;
  return Object.entries(policy?.caps ?? {}).map(([key, { concurrency, rate }]) => {
    const slots = own(state.slots, key) ?? NO_SLOTS;
    const share = (total: number): number => shareOf(key, total, partition, partitionCount);
    const bulkhead =
      concurrency === null ? null : { total: concurrency, share: share(concurrency), out: outNow(slots, atMs) };
    const window =
      rate === null
        ? null
        : { total: rate.calls, perMs: rate.perMs, share: share(rate.calls), begun: begunNow(slots, rate.perMs, atMs) };
    return { key, concurrency: bulkhead, rate: window, waiting: waitingNow(slots, atMs).length };
  });
}
