import { describe, expect, it } from "vitest";
import { assert, AssertionError, unreachable } from "./assert.ts";

describe("assertions", () => {
  it("pass what is true and throw a programmer's error for the rest", () => {
    expect(() => assert(1, "x")).not.toThrow();
    expect(() => assert(0, "positions come in order")).toThrow(new AssertionError("positions come in order"));
  });

  it("name what the types said could not be", () => {
    expect(() => unreachable("surprise" as never)).toThrow("unreachable: surprise");
  });
});
