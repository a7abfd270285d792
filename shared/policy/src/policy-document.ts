/**
 * The policy as the door reads it: plain data from `busbar.yaml` and the tools' manifests, put on the log by a
 * `SetPolicy` directive and named by its hash. Every limit has a unit in its name and a default here.
 */
import { canonicalJson, type Json, type JsonObject, own, sha256Hex, utf8Length } from "@busbar/kernel";

import type { Check, ResultCheck } from "./checks.ts";
import type { AuthorityRule } from "./reconcile.ts";
import type { ClaimSpec } from "./claims.ts";
import type { RatePolicy } from "./breaker/rates.ts";
import type { QuorumPolicy } from "./quorum/quorum.ts";
import type { GatePolicy } from "./gate/gate.ts";
import type { Caps } from "./slots/caps.ts";

export type EffectClass = "read" | "write" | "destructive";
export type ToolClass = "exact" | "at-most-once";

/** A read-back: a read tool, its arguments (literals, `$args.x`, `$result.y`) and what its result must show; see read-back.ts. */
export interface ReadBack {
  readonly tool: string;
  readonly args: JsonObject;
  /** Values by dotted path, or an expression (expectation.ts). */
  readonly expect: JsonObject | string | null;
  /** How long the effect may take to show, ms; default 0. */
  readonly withinMs?: number;
}

/** The call that undoes a change: its tool, and its arguments (literals, `$args.x`, `$result.y`). */
export interface Undo {
  readonly tool: string;
  readonly args: JsonObject;
}

/** A read on which a change depends, its arguments (literals, `$args.x`), and who compares versions; see freshness.ts. */
export interface Dependency {
  readonly tool: string;
  readonly args: JsonObject;
  readonly check: "tool" | "gateway";
}

export interface ToolPolicy {
  readonly effect: EffectClass;
  readonly toolClass: ToolClass;
  /** Of class exact: how long the tool honours a key after it first came; null: nothing is promised. */
  readonly keyLifetimeMs: number | null;
  readonly timeoutMs: number;
  /** Longest time from queueing an admission to handing its first byte to the tool. */
  readonly fireBoundMs: number;
  /** Attempts of one call while the error is known to be before the effect. */
  readonly attempts: number;
  /** Argument fields that name the effect; null: all arguments. */
  readonly identity: readonly string[] | null;
  /** Argument fields that name what is changed; null: unknown. */
  readonly subject: readonly string[] | null;
  /** Results of the same read may differ without being a contradiction. */
  readonly volatile: boolean;
  readonly args: Json;
  readonly result: Json | null;
  readonly readBack: ReadBack | null;
  /** Where the version of what a call is about stands in its result: `$result.x`; `$result` for a digest of all of it. */
  readonly version?: string;
  /** The read whose version a change carries. */
  readonly dependsOn?: Dependency;
  /** What its result says of subjects; see claims.ts. */
  readonly claims?: readonly ClaimSpec[];
  /** `untrusted`: its result holds text of third parties. Default: trusted. */
  readonly trust?: "trusted" | "untrusted";
  /** It sends something out of the house: to a third party, to the world. */
  readonly outbound?: boolean;
  /** A change that, like destructive and outbound ones, is put to a person where an argument derives from untrusted text. */
  readonly sensitive?: boolean;
  /** Of such a change: the arguments that are compared with untrusted text (where it goes, to whom); absent: all. */
  readonly tracked?: readonly string[];
  /** Its result is what the person has said whom the agent serves. */
  readonly person?: boolean;
  /** Absent: what it does cannot be undone. */
  readonly undo?: Undo;
  /** Whether a person is asked before each call; absent: as `approvals.effects` says of its effect class. */
  readonly approve?: "always" | "never";
  /** What its arguments must hold before it is admitted, and its result before it is believed; see checks.ts. */
  readonly checks?: readonly Check[];
  readonly resultChecks?: readonly ResultCheck[];
  readonly digest: string;
}

export interface ModelPolicy {
  /** What an answer must hold (`result`), else the call failed. */
  readonly resultChecks?: readonly ResultCheck[];
  /** From the hand-over to the whole answer. */
  readonly timeoutMs: number;
  /** Attempts of one call; being throttled takes none of them. */
  readonly attempts: number;
}

export interface AgentPolicy {
  /** What the answer of a task must hold (`result`) before the task is completed. */
  readonly answerChecks?: readonly Check[];
  /** Patterns of subjects of which each answer of a task has to tell a claim that its chain knows. */
  readonly grounded?: readonly string[];
  /** Tool names, or `*`. */
  readonly tools: readonly string[];
  /** Agents it may send tasks to, or `*`. */
  readonly sends: readonly string[];
  readonly models: readonly string[];
}

/** How a statement about a subject is checked: the read that knows, and when it refutes. */
export interface Authority {
  readonly tool: string;
  readonly args: JsonObject;
  /** The statement is refuted when the result's field at `path` (dots) equals `equals`. */
  readonly refutedWhen: { readonly path: string; readonly equals: Json };
}

/** `shadow`: what a rule would have done is recorded (RuleShadowed), and nothing else happens. */
export type RuleMode = "enforce" | "shadow" | "off";

export interface RulesPolicy {
  /** Errors in a row that stop a chain; 0 turns the rule off. */
  readonly consecutiveErrors: number;
  /** Contradictory results that stop a chain; 0 turns the rule off. */
  readonly contradictions: number;
  /** Destructive effects in a row without a verification that stop a chain; 0 turns the rule off. */
  readonly destructiveRun: number;
  /** The verification gate; absent: none. */
  readonly gate?: GatePolicy;
  /** By the id that a rule has in its records (`consecutive-errors`); absent: enforced. */
  readonly modes?: Readonly<Record<string, RuleMode>>;
}

export interface BreakerPolicy {
  /** Failures in a row of one tool, over all chains, that open its breaker; 0 turns the breakers of tools off. */
  readonly consecutiveFailures: number;
  /** Of these, failures of one agent that count at most; 0: all. */
  readonly perAgent: number;
  /** Failures in a row of one agent, over all its chains and tools, that open its breaker; 0 turns these off. */
  readonly agentFailures: number;
  /** Of these, failures of one tool that count at most; 0: all. */
  readonly perTool: number;
  /** Failures in a row of one agent at one tool, over all its chains, that open their breaker; 0 turns these off. */
  readonly pairFailures: number;
  readonly cooldownMs: number;
  /** Probes granted at a time while half-open. */
  readonly probes: number;
  /** Errors and slow calls among the last ones of a key; absent: neither opens a breaker. */
  readonly rates?: RatePolicy;
}

/** Marks of one kind of key of flow control. */
export interface FlowMarks {
  /** Open chains at which new tasks are taken as they come again. */
  readonly lower: number;
  /** Open chains from which new tasks are throttled; 0: open chains throttle nothing. */
  readonly upper: number;
  /** Open chains from which no new tasks are taken; 0: never. */
  readonly pause: number;
  /** Age of the oldest chain that was not begun, at which new tasks are taken as they come again. */
  readonly lagLowerMs: number;
  /** Such an age from which new tasks are throttled; 0: age throttles nothing. */
  readonly lagUpperMs: number;
}

export interface FlowPolicy {
  /** Of each agent, over all partitions. */
  readonly agent: FlowMarks;
  /** Of each partition. */
  readonly partition: FlowMarks;
  /** Shortest time between two new tasks of a throttled key in one partition. */
  readonly intervalMs: number;
  /** What a submitter is told at least to wait. */
  readonly retryAfterMs: number;
  /** Shortest time between two orders about one key. */
  readonly orderEveryMs: number;
}

export interface ApprovalsPolicy {
  /** How long a call waits for a person before it is denied. */
  readonly expiresMs: number;
  /** Effect classes whose every call a person approves, where the tool's row does not say otherwise. */
  readonly effects: readonly EffectClass[];
}

/** Where a chain's scope may be narrowed to: reads only, each effect approved by a person, no effects, a person's. */
export type Rung = "read-only" | "approve" | "halt" | "hand-off";

export interface DegradationPolicy {
  /** Below this the agent's own word on how sure it is counts as a sign of doubt; 0: never. */
  readonly confidence: number;
  /** So many refusals are a sign; 0: never. */
  readonly refusals: number;
  /** A statement that is refuted by its fact is a sign. */
  readonly refuted: boolean;
  /** Taken one after the other, one for each sign. */
  readonly rungs: readonly Rung[];
  /** Whatever a rule halts is handed to a person as well. */
  readonly handOffOnHalt: boolean;
}

export interface DriftPolicy {
  /** Decisions of an agent in a window; 0 turns it off. */
  readonly window: number;
  /** Population stability index from which a window has drifted. */
  readonly psi: number;
  /** What comes of it beside the notice. */
  readonly action: "inform" | "halt";
}

export interface LimitsPolicy {
  readonly maxSteps: number;
  readonly maxOpenCalls: number;
  readonly maxChildren: number;
  readonly maxOpenChains: number;
  /** How long a finished chain is remembered, so that its task is known when it is sent again. */
  readonly closedChainsMs: number;
  readonly settleMarginMs: number;
  /** Kept free at the end of a key's lifetime: clocks that differ, bytes that are late. */
  readonly keyMarginMs: number;
  /** Longest time that a call may be put off by a tool or model that asks to be called later. */
  readonly throttleMs: number;
  /** What one call of a tool or model is told that asks to be called later holds for all of them; see pace/pace.ts. */
  readonly learnPace: boolean;
}

export interface Policy {
  readonly version: 1;
  readonly tools: Readonly<Record<string, ToolPolicy>>;
  readonly models: Readonly<Record<string, ModelPolicy>>;
  readonly agents: Readonly<Record<string, AgentPolicy>>;
  readonly statements: Readonly<Record<string, Authority>>;
  /** By pattern of subjects: who is right where sources differ, and how it is read; see reconcile.ts. */
  readonly authorities?: Readonly<Record<string, AuthorityRule>>;
  readonly rules: RulesPolicy;
  readonly breaker: BreakerPolicy;
  readonly flow: FlowPolicy;
  readonly drift: DriftPolicy;
  readonly limits: LimitsPolicy;
  /** Bulkheads and rates over the whole bus; absent: none. */
  readonly caps?: Caps;
  /** Verdicts on high-stakes calls; absent: none are asked for. */
  readonly quorum?: QuorumPolicy;
  /** Absent: DEFAULT_APPROVALS. */
  readonly approvals?: ApprovalsPolicy;
  /** What a rule halts is rolled back by the bus itself, as far as its tools declare undos. */
  readonly rollbackOnHalt?: boolean;
  /** Absent: nothing narrows a chain but its rules. */
  readonly degradation?: DegradationPolicy;
}

export const DEFAULT_RULES: RulesPolicy = { consecutiveErrors: 2, contradictions: 1, destructiveRun: 3 };
export const DEFAULT_BREAKER: BreakerPolicy = {
  consecutiveFailures: 2,
  perAgent: 1,
  agentFailures: 5,
  perTool: 2,
  pairFailures: 2,
  cooldownMs: 5000,
  probes: 1,
};
/** No breaker opens by itself; a person still holds them open. */
export const NO_BREAKER: BreakerPolicy = {
  ...DEFAULT_BREAKER,
  consecutiveFailures: 0,
  agentFailures: 0,
  pairFailures: 0,
};
export const DEFAULT_FLOW: FlowPolicy = {
  agent: { lower: 8000, upper: 10_000, pause: 20_000, lagLowerMs: 0, lagUpperMs: 0 },
  partition: { lower: 30_000, upper: 40_000, pause: 45_000, lagLowerMs: 0, lagUpperMs: 0 },
  intervalMs: 100,
  retryAfterMs: 1000,
  orderEveryMs: 1000,
};
/** Nobody is asked unless a tool's row or a rule says so; an hour, then no. */
export const DEFAULT_APPROVALS: ApprovalsPolicy = { expiresMs: 3_600_000, effects: [] };
/** Of a policy that has `degradation` at all. */
export const DEFAULT_DEGRADATION: DegradationPolicy = {
  confidence: 0.5,
  refusals: 3,
  refuted: true,
  rungs: ["read-only", "approve", "halt", "hand-off"],
  handOffOnHalt: true,
};
export const DEFAULT_DRIFT: DriftPolicy = { window: 200, psi: 0.25, action: "inform" };
export const DEFAULT_LIMITS: LimitsPolicy = {
  maxSteps: 200,
  maxOpenCalls: 16,
  maxChildren: 16,
  maxOpenChains: 50_000,
  closedChainsMs: 86_400_000,
  settleMarginMs: 500,
  // Two clocks, each within 10 s of the broker's (PROTOCOL 9).
  keyMarginMs: 20_000,
  throttleMs: 600_000,
  learnPace: true,
};
export const DEFAULT_MODEL: ModelPolicy = { timeoutMs: 60_000, attempts: 3 };
export const DEFAULT_TOOL: Omit<ToolPolicy, "effect" | "digest"> = {
  toolClass: "at-most-once",
  keyLifetimeMs: null,
  timeoutMs: 10_000,
  fireBoundMs: 2000,
  attempts: 1,
  identity: null,
  subject: null,
  volatile: false,
  args: true,
  result: null,
  readBack: null,
};

/** Tokens of a text whose model told none, about four bytes each: enough for a budget to be seen spent. */
export function estimateTokens(text: string): number {
  return Math.ceil(utf8Length(text) / 4);
}

/** Name of a policy: SHA-256 of its canonical JSON. */
export function policyHash(policy: Policy): string {
  return sha256Hex(canonicalJson(policy));
}

const listed = (list: readonly string[], name: string): boolean => list.includes("*") || list.includes(name);

export function mayCall(policy: Policy, agent: string, tool: string): boolean {
  const row = own(policy.agents, agent);
  return row !== undefined && listed(row.tools, tool);
}

export function maySend(policy: Policy, agent: string, to: string): boolean {
  const row = own(policy.agents, agent);
  return row !== undefined && own(policy.agents, to) !== undefined && listed(row.sends, to);
}

export function mayAsk(policy: Policy, agent: string, model: string): boolean {
  const row = own(policy.agents, agent);
  return row !== undefined && listed(row.models, model);
}
