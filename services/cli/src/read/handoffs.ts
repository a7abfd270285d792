/** Decisions that people own now, folded from the states of the partitions. Pure. */
import type { ChainState, PartitionState } from "@busbar/policy";

export interface HandOffRow {
  readonly callId: string;
  readonly chainId: string;
  readonly agent: string;
  readonly partition: number;
  /** Rule that handed off; empty where the agent asked. */
  readonly rule: string;
  /** What is asked, or why a rule hands off. */
  readonly question: string;
  readonly evidence: readonly string[];
  /** Positions of the chain up to it: topic/partition/from..to. */
  readonly context: string;
  /** Who has taken it; empty: nobody. */
  readonly takenBy: string;
  /** Offset of the HandedOff. */
  readonly asked: string;
  readonly askedAtMs: number;
  /** Status of the chain. */
  readonly chain: ChainState["status"];
  /** Fence to name in a resume; empty where the chain is not halted. */
  readonly fence: string;
}

/** The oldest first. */
export function foldHandOffs(states: readonly PartitionState[]): readonly HandOffRow[] {
  const rows = states.flatMap(({ partition, chains }) =>
    Object.values(chains).flatMap(({ chainId, agent, calls, status: chain, halted }) =>
      Object.entries(calls).flatMap(
        ([callId, { handOff, args: question, admitted: asked, kind }]): readonly HandOffRow[] => {
          if (kind !== "handoff" || handOff === null) return [];
          const { rule, evidence, context, takenBy, atMs: askedAtMs } = handOff;
          const about = { callId, chainId, agent, partition, rule, question, evidence, context, takenBy };
          return [{ ...about, asked, askedAtMs, chain, fence: halted?.fence ?? "" }];
        },
      ),
    ),
  );
  return rows.toSorted((left, right) => left.askedAtMs - right.askedAtMs);
}
