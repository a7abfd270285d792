import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { initialPartitionState } from "../partition-state.ts";
import { DEFAULT_DRIFT } from "../policy-document.ts";
import { replay } from "../replay/replay.ts";
import { Driver, steps } from "../replay/testing.ts";
import {
  batchOf,
  countDecision,
  type Counts,
  type DecisionBook,
  decisionOf,
  KINDS_KEPT,
  takeDecision,
} from "./decisions.ts";
import { type DriftFinding, type DriftState, NO_DRIFT, stepDrift } from "./drift.ts";

const POLICY = { ...DEFAULT_DRIFT, window: 40 };
const batches = fc.array(
  fc.dictionary(
    fc.oneof(fc.constantFrom("a", "b", "c"), fc.string({ maxLength: 6 })),
    fc.integer({ min: 1, max: 12 }),
    { maxKeys: 80 },
  ),
  { maxLength: 30 },
);
const sum = (counts: Counts): number => Object.values(counts).reduce((total, count) => total + count, 0);

describe("drift, on any run of decisions", () => {
  it("says the same of the same, goes on from its JSON at each prefix, in any order of kinds, and stays small [drift:deterministic]", () => {
    fc.assert(
      fc.property(batches, (all) => {
        let state: DriftState = NO_DRIFT;
        for (const counts of all) {
          const turned = Object.fromEntries(Object.entries(counts).toReversed());
          const [next, finding] = stepDrift(state, counts, POLICY);
          expect(stepDrift(JSON.parse(JSON.stringify(state)) as DriftState, turned, POLICY)).toEqual([next, finding]);
          for (const kept of [next.current, next.reference ?? {}]) {
            expect(Object.keys(kept).length).toBeLessThanOrEqual(KINDS_KEPT + 1);
          }
          expect(sum(next.current)).toBeLessThan(POLICY.window);
          if (finding !== null) expect(finding.index).toBeGreaterThanOrEqual(Math.max(POLICY.psi, finding.limit));
          state = next;
        }
      }),
    );
  });

  it("counts each decision of the records once, whatever the size of a report [drift:deterministic]", () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 8 }), (all, batch) => {
        const driver = new Driver();
        for (const one of all) {
          driver.scene.door.atMs += one.gapMs;
          if (one.kind === "submit") driver.submit(one);
          else if (one.kind === "takeover") driver.takeover();
          else {
            const input = driver.inputOf(one);
            if (input !== null) driver.scene.door.turn(input);
          }
        }
        const state = initialPartitionState(0);
        let book: DecisionBook = {};
        let [decided, told] = [0, 0];
        for (const [index, logged] of driver.scene.door.log.entries()) {
          replay(state, logged);
          const kind = decisionOf(logged.event, state.policy);
          if (kind === null) continue;
          decided += 1;
          told += sum(takeDecision(book, logged.event.meta.agent, kind, batch) ?? {});
          if (index % 3 === 0) book = JSON.parse(JSON.stringify(book)) as DecisionBook;
        }
        const kept = Object.values(book).reduce((total, { counts }) => total + sum(counts), 0);
        expect(told + kept).toBe(decided);
        for (const { size } of Object.values(book)) expect(size).toBeLessThan(batch);
      }),
      { numRuns: 60 },
    );
  });

  it("names that nobody declared are one kind, and kinds have an end [drift:bounded]", () => {
    let counts: Counts = {};
    for (let n = 0; n < 1000; n += 1) counts = countDecision(counts, `tool-${n} done`);
    expect([Object.keys(counts).length, sum(counts)]).toEqual([KINDS_KEPT + 1, 1000]);
    expect(batchOf(200, 4)).toBe(12);
    expect(batchOf(3, 12)).toBe(1);
  });
});

/** A small generator of its own, so that the numbers below are always the same ones. */
function draws(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}

function windowOf(next: () => number, shares: readonly number[], size: number): Counts {
  let counts: Counts = {};
  for (let n = 0; n < size; n += 1) {
    let at = next();
    const kind = shares.findIndex((share) => (at -= share) < 0);
    counts = countDecision(counts, `k${kind}`);
  }
  return counts;
}

describe("drift, by its numbers", () => {
  const EVEN = [0.4, 0.2, 0.15, 0.1, 0.05, 0.05, 0.03, 0.02];
  const findingsOf = (windows: readonly Counts[], psi: number): number => {
    let state: DriftState = NO_DRIFT;
    const found: DriftFinding[] = [];
    for (const counts of windows) {
      const [next, finding] = stepDrift(state, counts, { ...DEFAULT_DRIFT, psi });
      state = next;
      if (finding !== null) found.push(finding);
    }
    return found.length;
  };

  it("2000 windows of an agent that does not change: at most 10 findings, also where the policy's limit is low [drift:chance]", () => {
    const next = draws(7);
    const windows = Array.from({ length: 2000 }, () => windowOf(next, EVEN, 200));
    expect(findingsOf(windows, 0.25)).toBeLessThanOrEqual(2);
    expect(findingsOf(windows, 0.01)).toBeLessThanOrEqual(10);
  });

  it("200 agents of which one decision in four becomes another: at least 190 are found in the first window [drift:detected]", () => {
    const next = draws(11);
    const moved = [0.15, 0.45, ...EVEN.slice(2)];
    const found = Array.from({ length: 200 }, () =>
      findingsOf([windowOf(next, EVEN, 200), windowOf(next, moved, 200)], 0.25),
    );
    expect(found.filter((count) => count === 1).length).toBeGreaterThanOrEqual(190);
  });
});
