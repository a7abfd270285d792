/** The chain-local rules, in the order in which their trips are told. One state slot per rule. */
import type { RuleMode, RulesPolicy } from "../policy-document.ts";
import { own } from "@busbar/kernel";
import type { CallFact, ChainRule, Trip } from "./chain-rule.ts";
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

/** What a rule does when it trips; `enforce` where the policy says nothing. */
export function modeOf({ modes }: Pick<RulesPolicy, "modes">, rule: string): RuleMode {
  return (modes === undefined ? undefined : own(modes, rule)) ?? "enforce";
}

function stepOne<S>(rule: ChainRule<S>, state: S, fact: CallFact, config: RulesPolicy): readonly [S, Trip | null] {
  return modeOf(config, rule.name) === "off" ? [state, null] : rule.step(state, fact, config);
}

export interface SteppedRules {
  readonly rules: ChainRulesState;
  /** The first trip of a rule that is enforced, in declared order. */
  readonly trip: Trip | null;
  /** Trips of rules in shadow: they are recorded, and that is all. */
  readonly shadows: readonly Trip[];
}

/** All rules over one fact. */
export function stepRules(state: ChainRulesState, fact: CallFact, config: RulesPolicy): SteppedRules {
  const [errors, errorTrip] = stepOne(consecutiveErrors, state.consecutiveErrors, fact, config);
  const [contradictions, contradictionTrip] = stepOne(contradiction, state.contradiction, fact, config);
  const [destructive, destructiveTrip] = stepOne(destructiveRun, state.destructiveRun, fact, config);
  const rules = { consecutiveErrors: errors, contradiction: contradictions, destructiveRun: destructive };
  const trips = [errorTrip, contradictionTrip, destructiveTrip].filter((trip) => trip !== null);
  if (config.modes === undefined) return { rules, trip: trips[0] ?? null, shadows: [] };
  const isShadow = ({ rule }: Trip): boolean => modeOf(config, rule) === "shadow";
  return { rules, trip: trips.find((trip) => !isShadow(trip)) ?? null, shadows: trips.filter(isShadow) };
}

export type { CallFact, ChainRule, Trip } from "./chain-rule.ts";
export { consecutiveErrors } from "./consecutive-errors/consecutive-errors.ts";
export { contradiction, READS_KEPT } from "./contradiction/contradiction.ts";
export { destructiveRun } from "./destructive-run/destructive-run.ts";
