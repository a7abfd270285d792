import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CallFact } from "../chain-rule.ts";
import { facts, jsonCopy, limits, runRule } from "../testing.ts";
import { destructiveRun } from "./destructive-run.ts";

const isLook = (one: CallFact): boolean => one.effectClass === "read" && one.kind === "success" && one.verified;
const isHarm = (one: CallFact): boolean => one.effectClass === "destructive" && one.kind === "success";

/** Said from the whole history: harms since the last look or trip. */
function oracle(history: readonly CallFact[], limit: number): readonly number[] {
  const trips: number[] = [];
  for (const [index, one] of history.entries()) {
    if (limit === 0 || !isHarm(one)) continue;
    const start = Math.max(history.slice(0, index).findLastIndex(isLook), trips.at(-1) ?? -1) + 1;
    if (history.slice(start, index + 1).filter(isHarm).length >= limit) trips.push(index);
  }
  return trips;
}

describe("destructive effects in a row, on any history", () => {
  it("trips exactly where the history says [rules:three-destructive]", () => {
    fc.assert(
      fc.property(facts, limits, (history, config) => {
        const found = runRule(destructiveRun, history, config).trips.map(([index]) => index);
        expect(found).toEqual(oracle(history, config.destructiveRun));
      }),
    );
  });

  it("goes on the same from its JSON at each prefix [rules:deterministic]", () => {
    fc.assert(
      fc.property(facts, limits, fc.nat(40), (history, config, at) => {
        const whole = runRule(destructiveRun, history, config);
        const cut = Math.min(at, history.length);
        const before = cut === 0 ? destructiveRun.initial : whole.states[cut - 1];
        expect(runRule(destructiveRun, history.slice(cut), config, jsonCopy(before)).states).toEqual(
          whole.states.slice(cut),
        );
      }),
    );
  });

  it("an outcome that comes twice changes nothing the second time [rules:duplicates-change-nothing]", () => {
    fc.assert(
      fc.property(facts, limits, (history, config) => {
        const whole = runRule(destructiveRun, history, config);
        for (const [index, state] of whole.states.entries()) {
          const repeated = history[index];
          if (repeated === undefined || whole.trips.some(([at]) => at === index)) continue;
          expect(destructiveRun.step(state, repeated, config)).toEqual([state, null]);
        }
      }),
    );
  });

  it("keeps less evidence than its limit [ownership:state-bounded]", () => {
    fc.assert(
      fc.property(facts, limits, (history, config) => {
        const { states } = runRule(destructiveRun, history, config);
        for (const { evidence } of states) expect(evidence.length).toBeLessThan(Math.max(1, config.destructiveRun));
      }),
    );
  });
});
