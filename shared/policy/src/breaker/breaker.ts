/**
 * A breaker over all chains, of a tool, an agent or an agent at a tool: a pure reducer over outcomes (PROTOCOL 7.3).
 * When to trip is the rule of failures in a row, and those of rates.ts; what the states mean is here: closed, open, half-open (probes only by
 * grant), isolated (a person's).
 *
 * B1 Nothing is probed without a grant, and a grant goes to one partition, for a bounded count and time.
 * B2 A trip is named by its cause (the event id of the outcome that made it), so that saying it twice changes nothing.
 * B3 A grant is named by key, cause and number, so that giving it twice gives it once. Its time bounds when a probe may
 *    begin, not when it ends: the outcome of any probe of this opening decides, however long the tool took.
 */
import { shortHash } from "@busbar/kernel";
import type { TripPolicy } from "./keys.ts";
import { rateTrip, type RecentCall, withCall } from "./rates.ts";

export interface Failure {
  /** Event id of the outcome. */
  readonly evidence: string;
  /** The agent at a tool's breaker, the tool at an agent's; empty where only the key itself is to blame. */
  readonly peer: string;
}

export interface BreakerState {
  readonly state: "closed" | "open" | "half-open" | "isolated";
  /** The current run of failures that count; shorter than the limit. */
  readonly failures: readonly Failure[];
  /** The last calls while it is closed (rates.ts). */
  readonly recent: readonly RecentCall[];
  readonly cause: string;
  readonly openedAtMs: number;
  /** Partition of the latest refused call while open; -1: nobody asked. */
  readonly wantedBy: number;
  /** Grants of this opening so far. */
  readonly granted: number;
  readonly grantExpiresAtMs: number;
}

export const CLOSED_BREAKER: BreakerState = {
  state: "closed",
  failures: [],
  recent: [],
  cause: "",
  openedAtMs: 0,
  wantedBy: -1,
  granted: 0,
  grantExpiresAtMs: 0,
};

export type BreakerInput =
  | {
      readonly kind: "outcome";
      readonly ok: boolean;
      /** How long the call took, ms; 0 where nobody said. */
      readonly durationMs: number;
      /** See `Failure`. */
      readonly peer: string;
      /** Id of the grant that the call spent on this breaker; empty for none. */
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
      /** Of the opening that it belongs to. */
      readonly cause: string;
      /** From 1, within the opening. */
      readonly sequence: number;
      readonly partition: number;
      readonly count: number;
      readonly expiresAtMs: number;
    };

export const BREAKER_RULE = "consecutive-failures";

/** Name of the n-th grant of an opening: a function of records alone. */
export function grantIdOf(key: string, cause: string, sequence: number): string {
  return `${openingOf(key, cause)}:${sequence}`;
}

const openingOf = (key: string, cause: string): string => shortHash("grant", key, cause);

type Step = readonly [BreakerState, readonly BreakerOrder[]];

/** Total and deterministic. An input that means nothing returns the same state and no order. */
export function stepBreaker(key: string, state: BreakerState, input: BreakerInput, policy: TripPolicy): Step {
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
  policy: TripPolicy,
): Step {
  if (policy.failures === 0 || state.state === "isolated") return [state, []];
  if (state.state === "half-open") return stepProbe(key, state, input, policy);
  // What was admitted before the breaker opened says nothing about now.
  if (state.state === "open") return [state, []];
  const seen = withRecent(state, input, policy);
  const trip = seen === state ? null : rateTrip(seen.recent, policy.rates, policy.perPeer > 0);
  const [run, orders] = stepRun(key, seen, input, policy);
  if (orders.length > 0 || trip === null) return [run, orders];
  return open(key, input, policy, trip);
}

function withRecent(
  state: BreakerState,
  { ok, durationMs, peer, evidence }: Extract<BreakerInput, { kind: "outcome" }>,
  { rates }: TripPolicy,
): BreakerState {
  const call = { evidence, peer, failed: !ok, slow: durationMs > rates.slowMs };
  const recent = withCall(state.recent, call, rates);
  return recent === state.recent ? state : { ...state, recent };
}

/** Failures in a row. */
function stepRun(
  key: string,
  state: BreakerState,
  input: Extract<BreakerInput, { kind: "outcome" }>,
  policy: TripPolicy,
): Step {
  if (input.ok) return [state.failures.length === 0 ? state : { ...state, failures: [] }, []];
  const { evidence, peer } = input;
  if (state.failures.some((failure) => failure.evidence === evidence)) return [state, []];
  const ofPeer = peer === "" ? 0 : state.failures.filter((failure) => failure.peer === peer).length;
  if (policy.perPeer > 0 && ofPeer >= policy.perPeer) return [state, []];
  const failures = [...state.failures, { evidence, peer }];
  if (failures.length < policy.failures) return [{ ...state, failures }, []];
  return open(key, input, policy, { rule: BREAKER_RULE, reason: `${failures.length} failures in a row` });
}

function stepProbe(
  key: string,
  state: BreakerState,
  input: Extract<BreakerInput, { kind: "outcome" }>,
  policy: TripPolicy,
): Step {
  // Of this opening, whether or not its grant has run out meanwhile: a slow probe is a probe.
  if (!input.probe.startsWith(`${openingOf(key, state.cause)}:`)) return [state, []];
  if (!input.ok) return open(key, input, policy, { rule: BREAKER_RULE, reason: "the probe failed" });
  return [CLOSED_BREAKER, [{ type: "CloseBreaker", key, cause: state.cause, reason: "the probe succeeded" }]];
}

function open(
  key: string,
  input: Extract<BreakerInput, { kind: "outcome" }>,
  policy: TripPolicy,
  { rule, reason }: { readonly rule: string; readonly reason: string },
): Step {
  const { evidence: cause, atMs: openedAtMs } = input;
  const order: BreakerOrder = {
    type: "OpenBreaker",
    key,
    rule,
    cause,
    reason,
    cooldownMs: policy.cooldownMs,
  };
  return [{ ...CLOSED_BREAKER, state: "open", cause, openedAtMs }, [order]];
}

/** After the cool-down, whoever wants to call gets a bounded number of probes; an unused grant runs out. */
function grantIfDue(key: string, state: BreakerState, atMs: number, policy: TripPolicy): Step {
  const isCool = state.state === "open" && atMs >= state.openedAtMs + policy.cooldownMs;
  const isSpent = state.state === "half-open" && atMs >= state.grantExpiresAtMs;
  if ((!isCool && !isSpent) || state.wantedBy < 0) return [state, []];
  const grantExpiresAtMs = atMs + policy.cooldownMs;
  const partition = state.wantedBy;
  const sequence = state.granted + 1;
  const order: BreakerOrder = {
    type: "Grant",
    grantId: grantIdOf(key, state.cause, sequence),
    key,
    cause: state.cause,
    sequence,
    partition,
    count: policy.probes,
    expiresAtMs: grantExpiresAtMs,
  };
  return [{ ...state, state: "half-open", granted: sequence, grantExpiresAtMs, wantedBy: -1 }, [order]];
}
