/**
 * Two results that contradict each other stop the chain: the same read with the same arguments answered differently
 * although the chain itself changed nothing in between. What others changed meanwhile is exactly what the agent must
 * not reason over unawares; a tool whose answers vary by nature says `volatile`.
 */
import type { CallFact, ChainRule, Trip } from "../chain-rule.ts";

interface SeenRead {
  readonly key: string;
  readonly resultHash: string;
  readonly evidence: string;
}

export interface ContradictionState {
  /** Reads since the chain's last change of the world, oldest first; at most READS_KEPT. */
  readonly reads: readonly SeenRead[];
  readonly contradictions: number;
}

/** Bound of the state: older reads are forgotten. */
export const READS_KEPT = 64;

function changesWorld(fact: CallFact): boolean {
  return fact.effectClass === "write" || fact.effectClass === "destructive";
}

export const contradiction: ChainRule<ContradictionState> = {
  name: "contradiction",
  version: 1,
  initial: { reads: [], contradictions: 0 },
  step(state, fact, config): readonly [ContradictionState, Trip | null] {
    if (config.contradictions === 0 || fact.kind === "verified") return [state, null];
    // A failed attempt to change something may have changed it: earlier reads prove nothing any more.
    if (changesWorld(fact)) return [state.reads.length === 0 ? state : { ...state, reads: [] }, null];
    if (fact.effectClass !== "read" || fact.kind !== "success" || fact.volatile) return [state, null];
    const key = `${fact.tool} ${fact.argsHash}`;
    const seen = state.reads.find((read) => read.key === key);
    if (seen === undefined) {
      const reads = [...state.reads, { key, resultHash: fact.resultHash, evidence: fact.evidence }];
      return [{ ...state, reads: reads.slice(-READS_KEPT) }, null];
    }
    if (seen.resultHash === fact.resultHash || seen.evidence === fact.evidence) return [state, null];
    const contradictions = state.contradictions + 1;
    const reads = state.reads.map((read) =>
      read === seen ? { key, resultHash: fact.resultHash, evidence: fact.evidence } : read,
    );
    if (contradictions < config.contradictions) return [{ reads, contradictions }, null];
    const reason = `${fact.tool} answered the same question in two ways`;
    const evidence = [seen.evidence, fact.evidence];
    return [
      { reads, contradictions: 0 },
      { rule: this.name, ruleVersion: this.version, reason, evidence },
    ];
  },
};
