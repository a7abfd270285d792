/** The fast part of the simulation: some seeds on every run of the tests. `npm run simulate` runs as many as you like. */
import { describe, expect, it } from "vitest";
import { checkSeed } from "./check-seed.ts";
import { applyToSources, MUTANTS } from "./mutants.ts";

/** As many seeds as a few seconds hold, since a machine may be busy; some in any case. */
const SEEDS_MOST = 60;
const SEEDS_LEAST = 5;
const TIME_MS = 4000;
const LIMIT_MS = 120_000;

describe("the simulated bus", () => {
  it(
    "keeps its promises under seeded interleavings and faults [simulation:checkers-green]",
    async () => {
      const red: string[] = [];
      const endMs = performance.now() + TIME_MS;
      for (let seed = 1; seed <= SEEDS_MOST; seed += 1) {
        if (seed > SEEDS_LEAST && performance.now() > endMs) break;
        const { findings } = await checkSeed(seed);
        for (const { check, what } of findings) {
          red.push(`seed ${seed}: ${check}: ${what} (npm run simulate -- --seed ${seed} --trace)`);
        }
      }
      expect(red).toEqual([]);
    },
    LIMIT_MS,
  );

  it(
    "is a function of its seed: the same records, effects and steps again [simulation:seed-reproduces]",
    async () => {
      for (const seed of [3, 8]) {
        const first = await checkSeed(seed);
        const other = await checkSeed(seed + 1000);
        const again = await checkSeed(seed);
        expect(first.digest).toMatch(/^[0-9a-f]{64}$/);
        expect([again.digest, again.counts]).toEqual([first.digest, first.counts]);
        expect(other.digest).not.toBe(first.digest);
      }
    },
    LIMIT_MS,
  );

  it.each(MUTANTS)("mutant $name still fits the sources [simulation:mutants-found]", (mutant) => {
    for (const [, text] of applyToSources(mutant)) expect(text.length).toBeGreaterThan(0);
  });
});
