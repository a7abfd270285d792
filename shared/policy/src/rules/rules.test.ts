import { describe, expect, it } from "vitest";
import { DEFAULT_RULES } from "../policy-document.ts";
import { INITIAL_RULES, stepRules } from "./index.ts";
import { fact } from "./testing.ts";

describe("all rules over one fact", () => {
  it("each keeps its own state, and a fact that means nothing to any changes none [rules:deterministic]", () => {
    const { rules: state, trip } = stepRules(INITIAL_RULES, fact(0, { effectClass: "model" }), DEFAULT_RULES);
    expect(state).toEqual(INITIAL_RULES);
    expect(trip).toBeNull();
  });

  it("the first trip in declared order is told, and every rule still sees the fact", () => {
    const config = { consecutiveErrors: 1, contradictions: 1, destructiveRun: 1 };
    const { trip: error } = stepRules(INITIAL_RULES, fact(0, { kind: "error" }), config);
    expect(error?.rule).toBe("consecutive-errors");
    const { trip: harm } = stepRules(INITIAL_RULES, fact(0, { effectClass: "destructive" }), config);
    expect(harm?.rule).toBe("destructive-run");
  });

  it("the limits that ship are two errors, one contradiction, three destructive effects [rules:two-errors]", () => {
    expect(DEFAULT_RULES).toEqual({ consecutiveErrors: 2, contradictions: 1, destructiveRun: 3 });
  });
});
