import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CallFact } from "../chain-rule.ts";
import { facts, jsonCopy, limits, runRule } from "../testing.ts";
import { consecutiveErrors } from "./consecutive-errors.ts";

/** The rule said again, from the whole history: errors since the last trip or verified success. */
function oracle(history: readonly CallFact[], limit: number): readonly number[] {
  const trips: number[] = [];
  let start = 0;
  for (let index = 0; limit > 0 && index < history.length; index += 1) {
    const since = history.slice(start, index + 1);
    if (history[index]?.kind === "success" && history[index]?.verified === true) start = index + 1;
    if (history[index]?.kind !== "error" || since.filter((one) => one.kind === "error").length < limit) continue;
    trips.push(index);
    start = index + 1;
  }
  return trips;
}

describe("errors in a row, on any history", () => {
  it("trips exactly where the history says [rules:two-errors]", () => {
    fc.assert(
      fc.property(facts, limits, (history, config) => {
        const found = runRule(consecutiveErrors, history, config).trips.map(([index]) => index);
        expect(found).toEqual(oracle(history, config.consecutiveErrors));
      }),
    );
  });

  it("is deterministic and goes on the same from its JSON at each prefix [rules:deterministic]", () => {
    fc.assert(
      fc.property(facts, limits, fc.nat(40), (history, config, at) => {
        const whole = runRule(consecutiveErrors, history, config);
        const cut = Math.min(at, history.length);
        const before = cut === 0 ? consecutiveErrors.initial : whole.states[cut - 1];
        const rest = runRule(consecutiveErrors, history.slice(cut), config, jsonCopy(before));
        expect(rest.states).toEqual(whole.states.slice(cut));
        expect(rest.trips.map(([index, trip]) => [index + cut, trip])).toEqual(
          whole.trips.filter(([index]) => index >= cut),
        );
      }),
    );
  });

  it("an outcome that comes twice changes nothing the second time [rules:duplicates-change-nothing]", () => {
    fc.assert(
      fc.property(facts, limits, (history, config) => {
        const whole = runRule(consecutiveErrors, history, config);
        for (const [index, state] of whole.states.entries()) {
          const repeated = history[index];
          // A trip empties the count, so the fact that made it is new again; the door never shows it again.
          if (repeated === undefined || whole.trips.some(([at]) => at === index)) continue;
          expect(consecutiveErrors.step(state, repeated, config)).toEqual([state, null]);
        }
      }),
    );
  });

  it("keeps less evidence than its limit [ownership:state-bounded]", () => {
    fc.assert(
      fc.property(facts, limits, (history, config) => {
        const { states } = runRule(consecutiveErrors, history, config);
        for (const { evidence } of states) expect(evidence.length).toBeLessThan(Math.max(1, config.consecutiveErrors));
      }),
    );
  });
});
