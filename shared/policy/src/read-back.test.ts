import { describe, expect, it } from "vitest";
import { lookAfter, lookForDoubt, missingFrom, parseLook } from "./read-back.ts";
import { fillTemplate } from "./template.ts";

const readBack = {
  tool: "orders.read",
  args: { id: "$args.id" },
  expect: { "refund.id": "$result.refund", amount: "$args.amount", state: "refunded" },
};
const ARGS = { id: 7, amount: 100 };

describe("a read-back", () => {
  it("is filled in from arguments and result when a change is done [effects:read-back-due]", () => {
    expect(parseLook(lookAfter(readBack, ARGS, { refund: "r1" }))).toEqual({
      tool: "orders.read",
      args: { id: 7 },
      expect: { "refund.id": "r1", amount: 100, state: "refunded" },
      withinMs: 0,
    });
  });

  it("settles no doubt where it would have to know the result [effects:read-back-settles]", () => {
    expect(lookForDoubt(readBack, ARGS)).toBeNull();
    expect(lookForDoubt({ ...readBack, expect: { state: "refunded" } }, ARGS)?.args).toEqual({ id: 7 });
    expect(lookForDoubt(null, ARGS)).toBeNull();
  });

  it("by an expression keeps what that names, and no more [effects:read-back-cel]", () => {
    const expect_ = "seen.refund.id == result.refund && seen.amount >= 100";
    const look = parseLook(lookAfter({ ...readBack, expect: expect_ }, ARGS, { refund: "r1" }));
    expect(look).toMatchObject({ expect: expect_, scope: { result: { refund: "r1" } } });
    expect(look?.scope).not.toHaveProperty("args");
    expect(look === null ? "" : missingFrom(look, { refund: { id: "r1" }, amount: 100 })).toBeNull();
    expect(look === null ? "" : missingFrom(look, { refund: { id: "r2" }, amount: 100 })).toContain("does not hold");
    expect(lookForDoubt({ ...readBack, expect: expect_ }, ARGS)).toBeNull();
    expect(lookForDoubt({ ...readBack, expect: "seen.amount == args.amount" }, ARGS)?.scope).toEqual({ args: ARGS });
  });

  it("that is too large for a record says so and looks at nothing [effects:read-back-failed]", () => {
    const text = lookAfter(readBack, { id: 7, amount: "x".repeat(40_000) }, {});
    expect(text.length).toBeLessThan(200);
    expect(parseLook(text)).toBeNull();
  });

  it.each([
    [{ refund: { id: "r1" } }, null],
    [{ refund: { id: "r2" } }, "refund.id is not as expected"],
    [{ refund: {} }, "refund.id is missing"],
    [null, "refund.id is missing"],
  ])("of %j: %s [effects:read-back-mismatch]", (seen, missing) => {
    expect(missingFrom({ expect: { "refund.id": "r1" } }, seen)).toBe(missing);
  });
});

describe("a template", () => {
  it("names arguments, result and key by dotted path; all else is a literal", () => {
    const scope = { args: { a: { b: [1, 2] } }, key: "k" };
    const template = [
      "$args.a.b.1",
      "$args",
      "$key",
      "$args.no",
      "$result.x",
      "$argsx",
      "$args.toString",
      { x: "$key" },
    ];
    expect(fillTemplate(template, scope)).toEqual([2, scope.args, "k", null, "$result.x", "$argsx", null, { x: "k" }]);
  });
});
