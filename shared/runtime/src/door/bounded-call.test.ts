import { describe, expect, it } from "vitest";
import { withinTime } from "./bounded-call.ts";

describe("a call with a bound of time", () => {
  it("answers what it answers, and throws what it throws [effects:read-back-bounded]", () => {
    expect(withinTime(10_000, () => ({ a: 1 }))).toEqual({ a: 1 });
    expect(() =>
      withinTime(10_000, () => {
        throw new RangeError("too far");
      }),
    ).toThrow(RangeError);
  });

  it("is cut off when it takes longer, also inside of a regular expression [effects:read-back-bounded]", () => {
    const endless = (): boolean => /^(a+)+$/.test(`${"a".repeat(60)}b`);
    expect(withinTime(20, endless)).toBeUndefined();
    expect(
      withinTime(20, () => {
        for (;;);
      }),
    ).toBeUndefined();
    expect(withinTime(10_000, () => 1)).toBe(1);
  });
});
