/**
 * What a chain-local rule is: a pure reducer over facts of one chain that says when to stop it. When to trip is here;
 * what stopping means is the chain machine's. The door runs the rules before each next admission, the supervisor runs
 * the same functions over the log (PROTOCOL 6.7).
 */
import type { EffectClass, RulesPolicy } from "../policy-document.ts";

/** What one outcome means to the rules: the final outcome of one call, whatever its attempts. */
export interface CallFact {
  /** `verified`: a read-back showed a change that was counted as a success before. */
  readonly kind: "success" | "error" | "verified";
  readonly tool: string;
  readonly effectClass: EffectClass | "model" | "task";
  readonly argsHash: string;
  /** Digest of the result; empty where there is none. */
  readonly resultHash: string;
  /** A success whose result was checked by something other than the agent's word. */
  readonly verified: boolean;
  /** The tool may answer the same question differently without contradiction. */
  readonly volatile: boolean;
  /** Event id of the outcome. */
  readonly evidence: string;
}

export interface Trip {
  readonly rule: string;
  readonly ruleVersion: number;
  readonly reason: string;
  /** Event ids that the trip rests on, oldest first. */
  readonly evidence: readonly string[];
}

export interface ChainRule<S> {
  readonly name: string;
  readonly version: number;
  readonly initial: S;
  /** Total and deterministic; the same state reference where the fact means nothing to the rule. */
  step(state: S, fact: CallFact, config: RulesPolicy): readonly [S, Trip | null];
}
