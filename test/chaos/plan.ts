/** What an episode will do, drawn from its seed before anything runs: the same seed and rounds give the same plan. */
import { rollDice } from "../harness/dice.ts";
import type { ChaosSpec, FaultSpec, Lane } from "./spec.ts";

/** One strike. */
export interface Strike {
  readonly fault: FaultSpec;
  /** From 1, over all lanes. */
  readonly round: number;
  /** Effects to be admitted, from the strike before it, until it strikes. */
  readonly after: number;
  /** Then it waits so long, so that it strikes at any point of the work, ms. */
  readonly waitMs: number;
  /** Seed of what the strike itself chooses: victim, scope, length. */
  readonly pick: number;
}

const MAX_WAIT_MS = 60;

/** Rounds of each lane by its share; all rounds are given out. */
export function roundsOf(lanes: readonly Lane[], rounds: number): readonly number[] {
  const total = lanes.reduce((sum, { share }) => sum + share, 0);
  const given = lanes.map(({ share }) => Math.floor((rounds * share) / total));
  const byRest = lanes
    .map(({ share }, index) => ({ index, rest: (rounds * share) / total - (given[index] ?? 0) }))
    .toSorted((a, b) => b.rest - a.rest);
  const left = rounds - given.reduce((sum, count) => sum + count, 0);
  for (const { index } of byRest.slice(0, left)) given[index] = (given[index] ?? 0) + 1;
  return given;
}

/** The strikes of each lane, in order. */
export function planOf(
  { lanes }: Pick<ChaosSpec, "lanes">,
  seed: number,
  rounds: number,
): readonly (readonly Strike[])[] {
  const dice = rollDice(seed);
  let round = 0;
  return roundsOf(lanes, rounds).map((count, index) => {
    const lane = lanes[index];
    if (lane === undefined) return [];
    const { fault, every } = lane;
    return Array.from({ length: count }, () => ({
      fault,
      round: (round += 1),
      after: every.from + dice.below(every.to - every.from + 1),
      waitMs: dice.below(MAX_WAIT_MS),
      pick: dice.below(2 ** 31),
    }));
  });
}
