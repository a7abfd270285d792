/** The chain-local rules, in the order in which their trips are told. One state slot per rule. */
import type { RulesPolicy } from "../policy-document.ts";
import type { CallFact, Trip } from "./chain-rule.ts";
import { consecutiveErrors, type ConsecutiveErrorsState } from "./consecutive-errors/consecutive-errors.ts";
import { contradiction, type ContradictionState } from "./contradiction/contradiction.ts";
import { destructiveRun, type DestructiveRunState } from "./destructive-run/destructive-run.ts";

export interface ChainRulesState {
  readonly consecutiveErrors: ConsecutiveErrorsState;
  readonly contradiction: ContradictionState;
  readonly destructiveRun: DestructiveRunState;
}

export const INITIAL_RULES: ChainRulesState = {
  consecutiveErrors: consecutiveErrors.initial,
  contradiction: contradiction.initial,
  destructiveRun: destructiveRun.initial,
};

/** All rules over one fact: the new state and the first trip, in declared order. */
export function stepRules(
  state: ChainRulesState,
  fact: CallFact,
  config: RulesPolicy,
): readonly [ChainRulesState, Trip | null] {
  const [errors, errorTrip] = consecutiveErrors.step(state.consecutiveErrors, fact, config);
  const [contradictions, contradictionTrip] = contradiction.step(state.contradiction, fact, config);
  const [destructive, destructiveTrip] = destructiveRun.step(state.destructiveRun, fact, config);
  const next = { consecutiveErrors: errors, contradiction: contradictions, destructiveRun: destructive };
  return [next, errorTrip ?? contradictionTrip ?? destructiveTrip];
}

export type { CallFact, ChainRule, Trip } from "./chain-rule.ts";
export { consecutiveErrors } from "./consecutive-errors/consecutive-errors.ts";
export { contradiction, READS_KEPT } from "./contradiction/contradiction.ts";
export { destructiveRun } from "./destructive-run/destructive-run.ts";
