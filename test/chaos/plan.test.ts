import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { MUTANTS } from "./mutants.ts";
import { planOf, roundsOf } from "./plan.ts";
import { FREEZE_PATCHES } from "./preload/freeze-patches.ts";
import { applyPatch } from "./preload/patch.ts";
import type { EpisodeResult } from "./episode.ts";
import { failures, reportOf, table, upperBound } from "./report.ts";
import { SPECS } from "./specs.ts";

const lanesOf = (name: string) => SPECS.filter((spec) => spec.name === name).flatMap(({ lanes }) => lanes);

describe("the plan of an episode", () => {
  test("is a function of the spec, the seed and the rounds", () => {
    for (const spec of SPECS) {
      expect(planOf(spec, 7, 50)).toEqual(planOf(spec, 7, 50));
      expect(planOf(spec, 7, 50)).not.toEqual(planOf(spec, 8, 50));
    }
  });

  test("gives out every round, by the shares of the lanes", () => {
    const lanes = lanesOf("kills");
    expect(roundsOf(lanes, 60)).toEqual([30, 12, 15, 3]);
    for (const rounds of [1, 7, 59, 1000]) {
      const given = roundsOf(lanes, rounds);
      expect(given.reduce((sum, count) => sum + count, 0)).toBe(rounds);
    }
  });

  test("strikes within the range of its lane", () => {
    const lanes = lanesOf("kills");
    const plan = planOf({ lanes }, 3, 400);
    plan.forEach((strikes, index) => {
      const every = lanes[index]?.every ?? { from: -1, to: -1 };
      for (const { after } of strikes) {
        expect(after).toBeGreaterThanOrEqual(every.from);
        expect(after).toBeLessThanOrEqual(every.to);
      }
    });
  });
});

const result = (seed: number, tally: EpisodeResult["tally"], finding?: string): EpisodeResult => ({
  spec: "kills",
  seed,
  rounds: 60,
  struck: 60,
  tally,
  findings: finding === undefined ? [] : [{ check: "effects", text: finding }],
  ms: 1000,
});

describe("the report of a run", () => {
  test("bounds a rate by three over the number of trials, and claims nothing of none", () => {
    expect([0, 2, 3, 300, 1000].map(upperBound)).toEqual(["-", "1", "1.0", "0.010", "0.0030"]);
  });

  test("adds up the episodes of a spec", () => {
    const reports = reportOf([result(1, { effects: 100, claims: 2 }), result(2, { effects: 200, claims: 3 })]);
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatchObject({ episodes: 2, rounds: 120, tally: { effects: 300, claims: 5 }, failed: [] });
    expect(table(reports)[2]).toBe("| kills | 120 | 0 | 0.025 | 300 | 0 | 0 | 0.010 | 0 | 0 | 2, 1-2 |");
    expect(table(reports).at(-1)).toContain("claims 5");
  });

  test("names each finding with the command that plays its episode again, and bounds no rate then", () => {
    const reports = reportOf([result(1, { effects: 100 }), result(2, { effects: 100 }, "a key twice")]);
    expect(failures(reports)).toEqual([
      "kills, seed 2: 1 finding(s); again: npm run chaos -- kills --seed 2 --rounds 60",
      "  [effects] a key twice",
    ]);
    expect(table(reports)[2]).toContain("| 120 | 1 | - |");
  });
});

describe("what is changed in a process as it is loaded", () => {
  const sources = globSync(resolve(import.meta.dirname, "../../{shared,services}/*/src/**/*.ts"));
  const patches = [
    ...Object.entries(FREEZE_PATCHES).map(([name, patch]) => [`freeze ${name}`, [patch]] as const),
    ...MUTANTS.map(({ name, patches: own }) => [`mutant ${name}`, own] as const),
  ];

  test.each(patches)("%s still fits the sources", (_name, own) => {
    for (const [file, edits] of Map.groupBy(own, (patch) => patch.file)) {
      const found = sources.filter((source) => source.endsWith(file));
      expect(found, file).toHaveLength(1);
      const text = readFileSync(found[0] ?? "", "utf8");
      expect(edits.reduce(applyPatch, text)).not.toBe(text);
    }
  });
});
