/** What a gateway says of each of its doors: `/doors`, and the people who look at it. */
import { type CapView, initialPartitionState, type PartitionState, viewCaps } from "@busbar/policy";
import type { Lifecycle } from "../loop.ts";
import type { PartitionOwner } from "./owner.ts";
import type { ProjectionStatus } from "./projector.ts";

export interface DoorStatus {
  readonly partition: number;
  readonly lifecycle: Lifecycle;
  readonly door: PartitionState["door"] | "none";
  readonly reason: string;
  readonly epoch: string;
  readonly end: string;
  readonly openChains: number;
  /** Why it is shut until a person acts, and what that one types next; both "" while it is not. */
  readonly failure: string;
  readonly next: string;
  /** How the agents' inboxes keep up. */
  readonly projection: ProjectionStatus;
  /** Bulkheads and rates: this partition's shares, and what is taken of them. */
  readonly caps: readonly CapView[];
}

const LOADING = { ...initialPartitionState(0), door: "none", doorReason: "loading", end: "" } as const;

/** `nowMs`: event time is no later than the owner's clock. */
export function statusOf(owner: PartitionOwner, nowMs: number, partitionCount: number): DoorStatus {
  const state = owner.state() ?? LOADING;
  const { door, doorReason: reason, end, openChains } = state;
  const failure = owner.failure();
  return {
    partition: owner.partition,
    lifecycle: owner.lifecycle(),
    door,
    reason,
    epoch: owner.epoch()?.toString() ?? "",
    end,
    openChains,
    failure: failure?.message ?? "",
    next: failure?.next ?? "",
    projection: owner.projection(),
    caps: viewCaps(state, nowMs, partitionCount),
  };
}
