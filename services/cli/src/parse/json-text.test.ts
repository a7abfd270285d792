import { describe, expect, it } from "vitest";
import { findJsonFault, readJson } from "./json-text.ts";

describe("JSON as it is typed", () => {
  it("is read as it is", () => {
    expect(readJson("the input", ' {"a": [1, true, null, "x"]} ')).toEqual({ a: [1, true, null, "x"] });
  });

  it("is shown with line, column and the place when it is wrong [cli:error-says-next]", () => {
    expect(() => readJson("the input", '{"orderId": 7,\n "reason": broken}')).toThrow(
      'the input: line 2, column 12: a value is expected, not "b"\n "reason": broken}\n           ^',
    );
  });

  it.each([
    ["{a:1}", 1, 'a field name in "'],
    ['{"a" 1}', 5, ":"],
    ['{"a":1 "b":2}', 7, ", or }"],
    ["[1,]", 3, "a value"],
    ["[1", 2, ", or ]"],
    ['"abc', 4, 'the closing "'],
    ["1 2", 2, "the end of the text"],
    ["", 0, "a value"],
    ["'x'", 0, "a value"],
  ])("%s is wrong at %i: %s is expected", (text, index, expected) => {
    expect(findJsonFault(text)).toEqual({ index, expected });
  });
});
