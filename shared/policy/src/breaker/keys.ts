/**
 * Keys of breakers. One mechanism, three scopes: a tool, an agent, and an agent at one tool. A call passes only where all
 * three let it pass; which of them an error counts for is decided in signals.ts.
 *
 * K1 One agent alone never opens the breaker of a tool for the others, and one tool alone never that of an agent: in a
 *    run of failures each counterpart (`peer`) counts a bounded number of times.
 */
import type { BreakerPolicy } from "../policy-document.ts";
import { NO_RATES, type RatePolicy } from "./rates.ts";

export const toolKey = (tool: string): string => `tool:${tool}`;
export const agentKey = (agent: string): string => `agent:${agent}`;
export const pairKey = (agent: string, tool: string): string => `agent:${agent}/tool:${tool}`;

/** The breakers that a call meets, the widest first. */
export function breakerKeys(agent: string, tool: string): readonly string[] {
  return [agentKey(agent), toolKey(tool), pairKey(agent, tool)];
}

export type BreakerScope =
  | { readonly kind: "tool"; readonly tool: string }
  | { readonly kind: "agent"; readonly agent: string }
  | { readonly kind: "pair"; readonly agent: string; readonly tool: string };

const KEY = /^(?:agent:(?<agent>[^/]{1,200}))?(?<slash>\/)?(?:tool:(?<tool>.{1,200}))?$/u;

/** Null for what is no key of a breaker. */
export function parseBreakerKey(key: string): BreakerScope | null {
  const { agent, slash, tool } = KEY.exec(key)?.groups ?? {};
  if (agent !== undefined && tool !== undefined) return slash === undefined ? null : { kind: "pair", agent, tool };
  if (slash !== undefined) return null;
  if (agent !== undefined) return { kind: "agent", agent };
  return tool === undefined ? null : { kind: "tool", tool };
}

/** When a breaker trips and how it is probed. */
export interface TripPolicy {
  /** Failures in a row that open it; 0: it never opens by itself. */
  readonly failures: number;
  /** Failures in a row of one counterpart that count; 0: all. */
  readonly perPeer: number;
  readonly cooldownMs: number;
  readonly probes: number;
  readonly rates: RatePolicy;
}

/** What the policy says about the breaker of a key. */
export function tripPolicyOf(policy: BreakerPolicy, key: string): TripPolicy {
  const { cooldownMs, probes, rates = NO_RATES } = policy;
  switch (parseBreakerKey(key)?.kind) {
    case "agent":
      return { failures: policy.agentFailures, perPeer: policy.perTool, cooldownMs, probes, rates };
    case "pair":
      return { failures: policy.pairFailures, perPeer: 0, cooldownMs, probes, rates };
    default:
      return { failures: policy.consecutiveFailures, perPeer: policy.perAgent, cooldownMs, probes, rates };
  }
}
