/** Chance that can be repeated: a test prints its seed, and BUSBAR_TEST_SEED plays it again. */

export interface Dice {
  readonly seed: number;
  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number;
}

/** Mulberry32. */
export function rollDice(seed = Number(process.env["BUSBAR_TEST_SEED"] ?? Date.now() % 1_000_000)): Dice {
  let state = seed >>> 0;
  return {
    seed,
    below: (limit) => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
    },
  };
}
