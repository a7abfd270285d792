/** For tests of the rules: facts, and runs of a rule over them. */
import fc from "fast-check";
import { DEFAULT_RULES, type RulesPolicy } from "../policy-document.ts";
import type { CallFact, ChainRule, Trip } from "./chain-rule.ts";

const FACT: CallFact = {
  kind: "success",
  tool: "db.read",
  effectClass: "read",
  argsHash: "args",
  resultHash: "result",
  verified: true,
  volatile: false,
  evidence: "busbar.events/0/1",
};

export const evidenceOf = (index: number): string => `busbar.events/0/${index}`;
export const fact = (index: number, fields: Partial<CallFact> = {}): CallFact => ({
  ...FACT,
  evidence: evidenceOf(index),
  ...fields,
});

export interface RuleRun<S> {
  readonly states: readonly S[];
  /** Index of the fact -> trip. */
  readonly trips: readonly (readonly [number, Trip])[];
}

export function runRule<S>(
  rule: ChainRule<S>,
  facts: readonly CallFact[],
  config: RulesPolicy = DEFAULT_RULES,
  from = rule.initial,
): RuleRun<S> {
  const states: S[] = [];
  const trips: (readonly [number, Trip])[] = [];
  let state = from;
  for (const [index, one] of facts.entries()) {
    const [next, trip] = rule.step(state, one, config);
    state = next;
    states.push(next);
    if (trip !== null) trips.push([index, trip]);
  }
  return { states, trips };
}

const fields = fc.record({
  kind: fc.constantFrom("success" as const, "error" as const),
  tool: fc.constantFrom("a", "b"),
  effectClass: fc.constantFrom("read" as const, "write" as const, "destructive" as const, "model" as const),
  argsHash: fc.constantFrom("x", "y"),
  resultHash: fc.constantFrom("1", "2"),
  verified: fc.boolean(),
  volatile: fc.boolean(),
});

/** Facts with rising, distinct evidence, as a chain has them. */
export const facts: fc.Arbitrary<readonly CallFact[]> = fc
  .array(fields, { maxLength: 40 })
  .map((all) => all.map((one, index) => fact(index, one)));

/** Limits from off to four. */
export const limits: fc.Arbitrary<RulesPolicy> = fc.record({
  consecutiveErrors: fc.integer({ min: 0, max: 4 }),
  contradictions: fc.integer({ min: 0, max: 4 }),
  destructiveRun: fc.integer({ min: 0, max: 4 }),
});

/** Through JSON, as a checkpoint keeps it. */
export const jsonCopy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
