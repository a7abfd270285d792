/** A chain whose scope narrows to reads, until a person has looked. */
import { emit, type Turn } from "./turn.ts";

export interface DegradeCause {
  readonly rule: string;
  readonly reason: string;
  readonly evidence: readonly string[];
}

/** From now on the chain reads only, until a person has decided; a halt goes further already. */
export function degrade(turn: Turn, chainId: string, why: DegradeCause): void {
  const chain = turn.state.chains[chainId];
  if (chain !== undefined && chain.halted === null) emit(turn, "ChainDegraded", { chain }, { ruleVersion: 1, ...why });
}
