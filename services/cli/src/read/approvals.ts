/** Calls that wait for a person, folded from the states of the partitions. Pure. */
import type { BlobRef } from "@busbar/log";
import type { PartitionState } from "@busbar/policy";

export interface ApprovalRow {
  readonly callId: string;
  readonly chainId: string;
  readonly agent: string;
  readonly partition: number;
  readonly tool: string;
  readonly effectClass: string;
  /** `approved`: a person has said yes, and it could not begin yet. */
  readonly state: "waits" | "approved";
  /** Canonical JSON; empty where they stand aside. */
  readonly args: string;
  readonly aside: BlobRef | null;
  /** SHA-256 of the canonical arguments, hex: what an approval binds to. */
  readonly argsHash: string;
  readonly effectKey: string;
  /** Who wants a person, and what is in doubt. */
  readonly rule: string;
  readonly reason: string;
  /** Event ids. */
  readonly evidence: readonly string[];
  /** Offset of the request. */
  readonly requested: string;
  readonly expiresAtMs: number;
}

/** What ends first stands first. */
export function foldApprovals(states: readonly PartitionState[]): readonly ApprovalRow[] {
  const rows = states.flatMap(({ partition, chains }) =>
    Object.values(chains).flatMap(({ chainId, agent, calls }) =>
      Object.entries(calls).flatMap(([callId, { name: tool, approval, status, ...call }]): readonly ApprovalRow[] => {
        if (status !== "held" || approval === null) return [];
        const { effectClass, args, aside, argsHash, effectKey } = call;
        const { rule, reason, evidence, requested, expiresAtMs, granted } = approval;
        const state = granted === "" ? "waits" : "approved";
        const about = { callId, chainId, agent, partition, tool, effectClass, state, args, aside, argsHash, effectKey };
        return [{ ...about, state, rule, reason, evidence, requested, expiresAtMs }];
      }),
    ),
  );
  return rows.toSorted((left, right) => left.expiresAtMs - right.expiresAtMs);
}
