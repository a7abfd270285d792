import { describe, expect, it } from "vitest";
import { DEFAULT_RULES } from "../../policy-document.ts";
import { evidenceOf, fact, runRule } from "../testing.ts";
import { consecutiveErrors } from "./consecutive-errors.ts";

const error = (index: number) => fact(index, { kind: "error", verified: false });
const good = (index: number) => fact(index);
const unverified = (index: number) => fact(index, { verified: false });
const tripsOf = (...facts: readonly ReturnType<typeof fact>[]) =>
  runRule(consecutiveErrors, facts).trips.map(([index]) => index);

describe("two errors in a row", () => {
  it("stop the chain, with both outcomes as evidence [rules:two-errors]", () => {
    const { trips } = runRule(consecutiveErrors, [error(0), fact(1, { kind: "error", tool: "db.drop" })]);
    expect(trips).toEqual([
      [
        1,
        {
          rule: "consecutive-errors",
          ruleVersion: 1,
          reason: "2 errors in a row, the last from db.drop",
          evidence: [evidenceOf(0), evidenceOf(1)],
        },
      ],
    ]);
  });

  it("one error stops nothing [rules:two-errors]", () => {
    expect(tripsOf(error(0), good(1), error(2), good(3))).toEqual([]);
  });

  it("a verified success between them resets the count [effects:verified-success-resets]", () => {
    expect(tripsOf(error(0), good(1), error(2))).toEqual([]);
  });

  it("a success that nobody verified does not reset the count [effects:verified-success-resets]", () => {
    expect(tripsOf(error(0), unverified(1), error(2))).toEqual([2]);
  });

  it("the same outcome seen twice is one error [rules:duplicates-change-nothing]", () => {
    expect(tripsOf(error(0), error(0), error(0))).toEqual([]);
  });

  it("after a trip the count starts again [rules:two-errors]", () => {
    expect(tripsOf(error(0), error(1), error(2))).toEqual([1]);
    expect(tripsOf(error(0), error(1), error(2), error(3))).toEqual([1, 3]);
  });

  it("a limit of 0 turns the rule off and leaves its state alone", () => {
    const [state, trip] = consecutiveErrors.step(consecutiveErrors.initial, error(0), {
      ...DEFAULT_RULES,
      consecutiveErrors: 0,
    });
    expect(state).toBe(consecutiveErrors.initial);
    expect(trip).toBeNull();
  });

  it("a limit of 3 takes three", () => {
    const config = { ...DEFAULT_RULES, consecutiveErrors: 3 };
    expect(runRule(consecutiveErrors, [error(0), error(1), error(2)], config).trips.map(([index]) => index)).toEqual([
      2,
    ]);
  });

  it("a success changes nothing where there is nothing to reset", () => {
    const [state] = consecutiveErrors.step(consecutiveErrors.initial, good(0), DEFAULT_RULES);
    expect(state).toBe(consecutiveErrors.initial);
  });
});
