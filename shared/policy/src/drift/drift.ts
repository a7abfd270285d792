/**
 * Drift: whether an agent decides otherwise than it used to. A pure reducer over batches of its decisions (PROTOCOL 6.7):
 * the last full window of decisions against a reference window, by the population stability index.
 *
 * P1 It is a finding where the index reaches the policy's limit and also what one comparison in a thousand reaches by
 *    chance when nothing has changed: with few decisions of many kinds the index is large by itself.
 * P2 The reference is the first full window, and after each finding the window that was found: a lasting change is told
 *    once, slow ones add up until they are told.
 * P3 State is two windows of at most KINDS_KEPT + 1 kinds each, whatever comes.
 */
import { own } from "@busbar/kernel";
import type { DriftPolicy } from "../policy-document.ts";
import { countDecision, type Counts } from "./decisions.ts";

export interface DriftState {
  readonly reference: Counts | null;
  readonly current: Counts;
  /** Comparisons so far. */
  readonly compared: number;
  /** The index at the last of them; 0: none was made. */
  readonly index: number;
}

export const NO_DRIFT: DriftState = { reference: null, current: {}, compared: 0, index: 0 };

/** A kind of decision whose share has moved; shares of 1. */
export interface Moved {
  readonly decision: string;
  readonly before: number;
  readonly after: number;
}

export interface DriftFinding {
  /** Population stability index. */
  readonly index: number;
  /** What it had to reach. */
  readonly limit: number;
  /** Decisions in the reference window, and in the one that is told. */
  readonly before: number;
  readonly after: number;
  /** What moved most, by its part of the index. */
  readonly moved: readonly Moved[];
}

export const DRIFT_RULE = "drift";
const MOVED_TOLD = 5;
/** Added to each count, so that a kind that one window does not have weighs much and not without end. */
const HALF = 0.5;
/** The 99.9 % point of the normal distribution. */
const Z_999 = 3.090_232;

/** The 99.9 % point of the chi-square distribution, after Wilson and Hilferty. */
function chiSquare999(degrees: number): number {
  const share = 2 / (9 * degrees);
  return degrees * (1 - share + Z_999 * Math.sqrt(share)) ** 3;
}

const sizeOf = (counts: Counts): number => Object.values(counts).reduce((sum, count) => sum + count, 0);

/** The index, its parts, and what it reaches by chance once in a thousand times (Yurdakul: chi-square × (1/n + 1/m)). */
export function compareWindows(
  before: Counts,
  after: Counts,
): { readonly index: number; readonly chance: number; readonly moved: readonly Moved[] } {
  const kinds = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  const [was, is] = [sizeOf(before), sizeOf(after)];
  const parts = kinds.map((decision) => {
    const p = ((own(before, decision) ?? 0) + HALF) / (was + HALF * kinds.length);
    const q = ((own(after, decision) ?? 0) + HALF) / (is + HALF * kinds.length);
    return { decision, part: (q - p) * Math.log(q / p) };
  });
  const index = parts.reduce((sum, { part }) => sum + part, 0);
  const chance = kinds.length < 2 ? 0 : chiSquare999(kinds.length - 1) * (1 / was + 1 / is);
  const moved = parts
    .toSorted((left, right) => right.part - left.part)
    .slice(0, MOVED_TOLD)
    .map(({ decision }) => ({
      decision,
      before: was === 0 ? 0 : (own(before, decision) ?? 0) / was,
      after: is === 0 ? 0 : (own(after, decision) ?? 0) / is,
    }));
  return { index, chance, moved };
}

/** Total and deterministic. A window of 0 turns it off. */
export function stepDrift(
  state: DriftState,
  counts: Counts,
  policy: DriftPolicy,
): readonly [DriftState, DriftFinding | null] {
  if (policy.window === 0) return [NO_DRIFT, null];
  let { current } = state;
  for (const kind of Object.keys(counts).sort()) current = countDecision(current, kind, own(counts, kind) ?? 0);
  if (sizeOf(current) < policy.window) return [{ ...state, current }, null];
  const { reference, compared } = state;
  if (reference === null) return [{ ...state, reference: current, current: {} }, null];
  const { index, chance, moved } = compareWindows(reference, current);
  const limit = Math.max(policy.psi, chance);
  const next = { current: {}, compared: compared + 1, index };
  if (index < limit) return [{ ...next, reference }, null];
  const sizes = { before: sizeOf(reference), after: sizeOf(current) };
  return [
    { ...next, reference: current },
    { index, limit, ...sizes, moved },
  ];
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;

/** The finding in one sentence for a person. */
export function describeDrift({ index, limit, moved }: DriftFinding): string {
  const most = moved
    .slice(0, 3)
    .map(({ decision, before, after }) => `${decision} ${percent(before)} to ${percent(after)}`);
  return `stability index ${index.toFixed(2)} (limit ${limit.toFixed(2)}): ${most.join(", ")}`;
}
