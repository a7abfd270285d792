/** Two errors in a row stop the chain (the essay's circuit breaker). Only a verified success resets the count. */
import type { CallFact, ChainRule, Trip } from "../chain-rule.ts";

export interface ConsecutiveErrorsState {
  /** Outcomes of the current run of errors; never longer than the limit. */
  readonly evidence: readonly string[];
}

const NONE: ConsecutiveErrorsState = { evidence: [] };

export const consecutiveErrors: ChainRule<ConsecutiveErrorsState> = {
  name: "consecutive-errors",
  version: 1,
  initial: NONE,
  step(state, fact: CallFact, config): readonly [ConsecutiveErrorsState, Trip | null] {
    if (config.consecutiveErrors === 0) return [state, null];
    if (fact.kind !== "error") return [fact.verified && state.evidence.length > 0 ? NONE : state, null];
    if (state.evidence.includes(fact.evidence)) return [state, null];
    const evidence = [...state.evidence, fact.evidence];
    if (evidence.length < config.consecutiveErrors) return [{ evidence }, null];
    const reason = `${evidence.length} errors in a row, the last from ${fact.tool}`;
    return [NONE, { rule: this.name, ruleVersion: this.version, reason, evidence }];
  },
};
