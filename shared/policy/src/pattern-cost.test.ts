import { describe, expect, it } from "vitest";
import { patternProblem } from "./pattern-cost.ts";

describe("what a pattern may take", () => {
  it.each([
    "^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$",
    "^[^@]{1,64}@[^@]{1,255}$",
    "^(yes|no)$",
    "^https?://[a-z.]{1,100}/",
    "^a(bc)?d+$",
    "[0-9]{4}-[0-9]{2}",
    "^[\\]a-z]{3}\\+$",
  ])("%s is bounded [evidence:bounded]", (pattern) => expect(patternProblem(pattern)).toBeNull());

  it.each([
    ["(a+)+$", "a group is repeated"],
    ["^(a|aa)*$", "a group is repeated"],
    ["^(?:x{2,}){3,}", "a group is repeated"],
    ["a*a*a*b", "anchor it with ^"],
    ["^.*x.*y", "bound its repetitions"],
    [".+@.{1,64}", "anchor it with ^"],
    ["^(a)\\1", "references"],
    ["^(?=a)", "looks around"],
  ])("%s is not taken: %s [evidence:bounded]", (pattern, problem) =>
    expect(patternProblem(pattern)).toContain(problem),
  );

  it("bounds the worst text for it [evidence:bounded]", () => {
    const started = performance.now();
    expect(/^a*[a]{1,64}b/.test("a".repeat(60_000))).toBe(false);
    expect(patternProblem("^a*[a]{1,64}b")).toBeNull();
    expect(performance.now() - started).toBeLessThan(2000);
  });
});
