import { describe, expect, it } from "vitest";
import { expressionNamesResult, expressionProblem, unmet } from "./expectation.ts";

const scope = { args: { n: 2, id: "a" }, result: { refund: 7 }, seen: { n: 3, rows: [{ id: 7 }], order: null } };

describe("an expectation in CEL", () => {
  it.each([
    "seen.n == args.n + 1",
    "seen.n - 1 == args.n",
    "2 * args.n > seen.n && seen.n / 2 == 1.5",
    "seen.rows.exists(row, row.id == result.refund)",
    "seen.order == null || seen.order.id == args.id",
  ])("%s holds over arguments, result and what was seen [effects:read-back-cel]", (expression) => {
    expect([expressionProblem(expression), unmet(expression, scope)]).toEqual([null, null]);
  });

  it.each([
    ["seen.n == args.n", "does not hold"],
    ["seen.order.id == args.id", "cannot be evaluated"],
    ["seen.absent == 1", "cannot be evaluated"],
    ["seen.n", "does not hold"],
    ["seen.constructor != null", "cannot be evaluated"],
    ["seen.__proto__ != null", "cannot be evaluated"],
  ])("%s does not [effects:read-back-cel]", (expression, reason) => {
    expect(unmet(expression, scope)).toContain(reason);
  });

  it.each([
    ["seen.n ==", "Unexpected"],
    ["world.n == 1", "Unknown variable"],
    ["1 + 1", "not true or false"],
    [`seen.n == ${"1 + ".repeat(300)}1`, ""],
    [`seen.text == "${"x".repeat(3000)}"`, "2048"],
  ])("%s is refused when its tool is defined [effects:read-back-cel]", (expression, problem) => {
    expect(expressionProblem(expression)).toContain(problem);
  });

  it("that names the result says so [effects:read-back-settles]", () => {
    expect(["seen.a == result.b", "seen.results == 1"].map(expressionNamesResult)).toEqual([true, false]);
  });
});
