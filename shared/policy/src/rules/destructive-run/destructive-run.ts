/** Three destructive effects in a row without a verification stop the chain (the essay's blast radius). */
import type { ChainRule, Trip } from "../chain-rule.ts";

export interface DestructiveRunState {
  readonly evidence: readonly string[];
}

const NONE: DestructiveRunState = { evidence: [] };

export const destructiveRun: ChainRule<DestructiveRunState> = {
  name: "destructive-run",
  version: 1,
  initial: NONE,
  step(state, fact, config): readonly [DestructiveRunState, Trip | null] {
    if (config.destructiveRun === 0) return [state, null];
    // A read that a tool answered is a look at the world; the agent's word is none.
    if (fact.effectClass === "read" && fact.kind === "success" && fact.verified) {
      return [state.evidence.length > 0 ? NONE : state, null];
    }
    if (fact.effectClass !== "destructive" || fact.kind !== "success") return [state, null];
    if (state.evidence.includes(fact.evidence)) return [state, null];
    const evidence = [...state.evidence, fact.evidence];
    if (evidence.length < config.destructiveRun) return [{ evidence }, null];
    const reason = `${evidence.length} destructive effects in a row without a verification`;
    return [NONE, { rule: this.name, ruleVersion: this.version, reason, evidence }];
  },
};
