/**
 * Given, when, then for a chain rule: three questions per rule. Does it act, does it refuse to act, does it stay quiet?
 *
 *   specifyRule(consecutiveErrors).given(anError("a")).when(anError("b")).thenTrips("2 errors in a row");
 */
import { AssertionError } from "node:assert";
import { type CallFact, type ChainRule, DEFAULT_RULES, type RulesPolicy, type Trip } from "@busbar/policy";

/** A fact but for its evidence, which the specification numbers. */
export type GivenFact = Omit<CallFact, "evidence">;

const READ: GivenFact = {
  kind: "success",
  tool: "read",
  effectClass: "read",
  argsHash: "arguments",
  resultHash: "result",
  verified: true,
  volatile: false,
};

/** A read that a tool answered. */
export const aRead = (tool = "read", result = "result", args = "arguments"): GivenFact => ({
  ...READ,
  tool,
  resultHash: result,
  argsHash: args,
});
/** A successful change that nobody verified. */
export const aWrite = (tool = "write"): GivenFact => ({ ...READ, tool, effectClass: "write", verified: false });
export const aDestructiveEffect = (tool = "delete"): GivenFact => ({
  ...READ,
  tool,
  effectClass: "destructive",
  verified: false,
});
export const anError = (tool = "write"): GivenFact => ({ ...aWrite(tool), kind: "error", resultHash: "" });

export interface RuleOutcome {
  /** Fails unless the last fact tripped the rule, with a reason that holds the text; the trip. */
  thenTrips(reason?: string): Trip;
  /** Fails when anything tripped. */
  thenNothingHappens(): void;
}

export interface RuleSpecification {
  given(...facts: readonly GivenFact[]): { when(fact: GivenFact): RuleOutcome };
}

function fail(message: string): never {
  throw new AssertionError({ message });
}

function run<S>(rule: ChainRule<S>, facts: readonly GivenFact[], config: RulesPolicy): readonly (Trip | null)[] {
  let state = rule.initial;
  return facts.map((fact, index) => {
    const [next, trip] = rule.step(state, { ...fact, evidence: `given/0/${index}` }, config);
    state = next;
    return trip;
  });
}

/** A specification of one rule, with the limits that ship unless others are given. */
export function specifyRule<S>(rule: ChainRule<S>, limits: Partial<RulesPolicy> = {}): RuleSpecification {
  const config = { ...DEFAULT_RULES, ...limits };
  return {
    given: (...facts) => ({
      when: (fact) => {
        const trips = run(rule, [...facts, fact], config);
        const earlier = trips.slice(0, -1).findIndex((trip) => trip !== null);
        if (earlier >= 0) fail(`${rule.name} tripped on given fact ${earlier + 1} already: ${trips[earlier]?.reason}`);
        const last = trips.at(-1) ?? null;
        return {
          thenTrips: (reason = "") => {
            if (last === null) return fail(`${rule.name} did not trip`);
            if (!last.reason.includes(reason))
              return fail(`${rule.name} tripped because "${last.reason}", not "${reason}"`);
            return last;
          },
          thenNothingHappens: () => {
            if (last !== null) fail(`${rule.name} tripped: ${last.reason}`);
          },
        };
      },
    }),
  };
}
