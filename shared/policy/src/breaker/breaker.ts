/**
 * The breaker of a tool over all chains: a pure reducer over tool outcomes (PROTOCOL 7.3). When to trip is the rule of
 * failures in a row; what the states mean is here: closed, open, half-open (probes only by grant), isolated (a person's).
 *
 * B1 Nothing is probed without a grant, and a grant goes to one partition, for a bounded count and time.
 * B2 A trip is named by its cause (the event id of the outcome that made it), so that saying it twice changes nothing.
 */
import { shortHash } from "@busbar/kernel";
import type { BreakerPolicy } from "../policy-document.ts";

export interface BreakerState {
  readonly state: "closed" | "open" | "half-open" | "isolated";
  /** Event ids of the current run of failures; never longer than the limit. */
  readonly failures: readonly string[];
  readonly cause: string;
  readonly openedAtMs: number;
  /** Partition of the latest refused call while open; -1: nobody asked. */
  readonly wantedBy: number;
  readonly grantId: string;
  readonly grantExpiresAtMs: number;
}

export const CLOSED_BREAKER: BreakerState = {
  state: "closed",
  failures: [],
  cause: "",
  openedAtMs: 0,
  wantedBy: -1,
  grantId: "",
  grantExpiresAtMs: 0,
};

export type BreakerInput =
  | {
      readonly kind: "outcome";
      readonly ok: boolean;
      readonly probe: string;
      readonly evidence: string;
      readonly atMs: number;
    }
  /** A call was refused because the breaker is open. */
  | { readonly kind: "demand"; readonly partition: number; readonly atMs: number }
  | { readonly kind: "tick"; readonly atMs: number }
  | { readonly kind: "isolated" }
  | { readonly kind: "released" };

export type BreakerOrder =
  | {
      readonly type: "OpenBreaker";
      readonly key: string;
      readonly rule: string;
      readonly cause: string;
      readonly reason: string;
      readonly cooldownMs: number;
    }
  | { readonly type: "CloseBreaker"; readonly key: string; readonly cause: string; readonly reason: string }
  | {
      readonly type: "Grant";
      readonly grantId: string;
      readonly key: string;
      readonly partition: number;
      readonly count: number;
      readonly expiresAtMs: number;
    };

export const BREAKER_RULE = "consecutive-failures";

type Step = readonly [BreakerState, readonly BreakerOrder[]];

/** Total and deterministic. An input that means nothing returns the same state and no order. */
export function stepBreaker(key: string, state: BreakerState, input: BreakerInput, policy: BreakerPolicy): Step {
  switch (input.kind) {
    case "isolated":
      return [{ ...CLOSED_BREAKER, state: "isolated" }, []];
    case "released":
      return [CLOSED_BREAKER, []];
    case "demand":
      return state.state === "closed" || state.state === "isolated"
        ? [state, []]
        : grantIfDue(key, { ...state, wantedBy: input.partition }, input.atMs, policy);
    case "tick":
      return grantIfDue(key, state, input.atMs, policy);
    case "outcome":
      return stepOutcome(key, state, input, policy);
  }
}

function stepOutcome(
  key: string,
  state: BreakerState,
  input: Extract<BreakerInput, { kind: "outcome" }>,
  policy: BreakerPolicy,
): Step {
  if (policy.consecutiveFailures === 0 || state.state === "isolated") return [state, []];
  if (state.state === "half-open") return stepProbe(key, state, input, policy);
  // What was admitted before the breaker opened says nothing about the tool now.
  if (state.state === "open") return [state, []];
  if (input.ok) return [state.failures.length === 0 ? state : { ...state, failures: [] }, []];
  if (state.failures.includes(input.evidence)) return [state, []];
  const failures = [...state.failures, input.evidence];
  if (failures.length < policy.consecutiveFailures) return [{ ...state, failures }, []];
  return open(key, input, policy, `${failures.length} failures in a row`);
}

function stepProbe(
  key: string,
  state: BreakerState,
  input: Extract<BreakerInput, { kind: "outcome" }>,
  policy: BreakerPolicy,
): Step {
  if (input.probe === "" || input.probe !== state.grantId) return [state, []];
  if (!input.ok) return open(key, input, policy, "the probe failed");
  return [CLOSED_BREAKER, [{ type: "CloseBreaker", key, cause: state.cause, reason: "the probe succeeded" }]];
}

function open(
  key: string,
  input: Extract<BreakerInput, { kind: "outcome" }>,
  policy: BreakerPolicy,
  reason: string,
): Step {
  const { evidence: cause, atMs: openedAtMs } = input;
  const order: BreakerOrder = {
    type: "OpenBreaker",
    key,
    rule: BREAKER_RULE,
    cause,
    reason,
    cooldownMs: policy.cooldownMs,
  };
  return [{ ...CLOSED_BREAKER, state: "open", cause, openedAtMs }, [order]];
}

/** After the cool-down, whoever wants the tool gets a bounded number of probes; an unused grant runs out. */
function grantIfDue(key: string, state: BreakerState, atMs: number, policy: BreakerPolicy): Step {
  const isCool = state.state === "open" && atMs >= state.openedAtMs + policy.cooldownMs;
  const isSpent = state.state === "half-open" && atMs >= state.grantExpiresAtMs;
  if ((!isCool && !isSpent) || state.wantedBy < 0) return [state, []];
  const grantExpiresAtMs = atMs + policy.cooldownMs;
  const partition = state.wantedBy;
  // Each grant of an opening is named after the one before it: by what the records say, whatever the clock says.
  const grantId = shortHash("grant", key, state.cause, state.grantId);
  const order: BreakerOrder = {
    type: "Grant",
    grantId,
    key,
    partition,
    count: policy.probes,
    expiresAtMs: grantExpiresAtMs,
  };
  return [{ ...state, state: "half-open", grantId, grantExpiresAtMs, wantedBy: -1 }, [order]];
}
