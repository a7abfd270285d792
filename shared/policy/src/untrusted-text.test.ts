import { describe, expect, it } from "vitest";
import { compactOf, leavesOf, namesIn, numbersIn, phrasesOf, wordsOf } from "./untrusted-text.ts";

describe("text as it is compared", () => {
  it.each([
    ["DE89 3704 0044 0532 0130 00", "de89370400440532013000"],
    ["  Évil@Example.COM ", "evilexamplecom"],
    ["ｅｖｉｌ", "evil"],
    ["e\u200bv\u00adil", "evil"],
    ["---", ""],
  ])("%j is %s to a reader [evidence:untrusted-spelling]", (text, compact) => expect(compactOf(text)).toBe(compact));

  it("has numbers however they are written [evidence:untrusted-spelling]", () => {
    expect(numbersIn("pay 1,200.50 or 1.200,50 now")).toEqual(expect.arrayContaining([1200.5]));
    expect(numbersIn("1'200 and 3 000")).toEqual(expect.arrayContaining([1200, 3000]));
    expect(numbersIn("none")).toEqual([]);
  });

  it("has names: what is no plain word [evidence:untrusted]", () => {
    expect(namesIn("Dear Bob, send to evil@x.com (account US133000000121) by 5 pm")).toEqual([
      "evilxcom",
      "us133000000121",
    ]);
  });

  it("has phrases of words in a row [evidence:untrusted]", () => {
    expect(phrasesOf(wordsOf("a b c d e f"))).toEqual(["abcde", "bcdef"]);
    expect(phrasesOf(["a"])).toEqual([]);
  });

  it("stands in values, numbers, and keys that are no field names [evidence:untrusted]", () => {
    expect(leavesOf({ to: ["a"], n: 5, ok: true, "x@y.z": { id: null } })).toEqual([
      { path: "to.0", text: "a", number: null },
      { path: "n", text: "5", number: 5 },
      { path: "x@y.z", text: "x@y.z", number: null },
    ]);
  });
});
