import { describe, expect, it } from "vitest";
import { AssertionError } from "./assert.ts";
import { canonicalJson, isJsonObject, own, parseJson, utf8Length } from "./json.ts";

describe("canonical JSON", () => {
  /** Vectors of RFC 8785: section 3.2.2 and 3.2.3, and numbers of appendix B. */
  it("is that of RFC 8785, its own example [errors:canonical-json]", () => {
    const text =
      '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],' +
      '"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}';
    const value: unknown = JSON.parse(text);
    expect(canonicalJson(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  it("sorts names by their UTF-16 units, the RFC's own example [errors:canonical-json]", () => {
    const value = {
      "\u20ac": "Euro Sign",
      "\r": "Carriage Return",
      "\ufb33": "Hebrew Letter Dalet With Dagesh",
      "1": "One",
      "\ud83d\ude00": "Emoji: Grinning Face",
      "\u0080": "Control",
      "\u00f6": "Latin Small Letter O With Diaeresis",
    };
    const names = [...canonicalJson(value).matchAll(/"([^"]+)":/gu)].map(
      ([, name]) => JSON.parse(`"${name}"`) as string,
    );
    expect(names).toEqual(["\r", "1", "\u0080", "\u00f6", "\u20ac", "\ud83d\ude00", "\ufb33"]);
  });

  it.each([
    ["0000000000000000", "0"],
    ["8000000000000000", "0"],
    ["0000000000000001", "5e-324"],
    ["8000000000000001", "-5e-324"],
    ["7fefffffffffffff", "1.7976931348623157e+308"],
    ["ffefffffffffffff", "-1.7976931348623157e+308"],
    ["4340000000000000", "9007199254740992"],
    ["c340000000000000", "-9007199254740992"],
    ["4430000000000000", "295147905179352830000"],
    ["44b52d02c7e14af5", "9.999999999999997e+22"],
    ["44b52d02c7e14af6", "1e+23"],
    ["44b52d02c7e14af7", "1.0000000000000001e+23"],
    ["444b1ae4d6e2ef4e", "999999999999999700000"],
    ["444b1ae4d6e2ef4f", "999999999999999900000"],
    ["444b1ae4d6e2ef50", "1e+21"],
    ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
    ["3eb0c6f7a0b5ed8d", "0.000001"],
    ["41b3de4355555553", "333333333.3333332"],
    ["41b3de4355555557", "333333333.33333343"],
    ["becbf647612f3696", "-0.0000033333333333333333"],
    ["43143ff3c1cb0959", "1424953923781206.2"],
  ])("writes the double %s as %s [errors:canonical-json]", (hex, expected) => {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, BigInt(`0x${hex}`));
    expect(canonicalJson(view.getFloat64(0))).toBe(expected);
  });

  it("is the same for equal values, whatever the order of their fields [errors:canonical-json]", () => {
    expect(canonicalJson({ b: [1, { d: 1, c: 2 }], a: null })).toBe('{"a":null,"b":[1,{"c":2,"d":1}]}');
    expect(canonicalJson(JSON.parse('{"__proto__":1,"a":2}'))).toBe('{"__proto__":1,"a":2}');
  });

  it.each([[undefined], [() => 1], [Symbol("x")]])("asserts on %o, which has no form", (value) => {
    expect(() => canonicalJson(value)).toThrow(AssertionError);
  });

  it.each([[Number.NaN], [Infinity]])("throws on %o", (value) => {
    expect(() => canonicalJson(value)).toThrow();
  });
});

describe("reading JSON", () => {
  it("never throws", () => {
    expect([parseJson("{"), parseJson(""), parseJson("nul")]).toEqual([undefined, undefined, undefined]);
    expect([parseJson("null"), parseJson("[1]")]).toEqual([null, [1]]);
  });

  it("tells objects from the rest", () => {
    expect([{}, [], null, "x", undefined].map(isJsonObject)).toEqual([true, false, false, false, false]);
  });

  it("finds own properties only", () => {
    const record: Record<string, number> = { a: 1 };
    expect(["a", "b", "constructor", "__proto__", "toString"].map((key) => own(record, key))).toEqual([
      1,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it.each(["", "abc", "é", "€", "😀", "a😀b€", "\ud83d", "\ude00", "\ud83dx", "\ude00\ud83d"])(
    "counts the UTF-8 bytes of %j",
    (text) => {
      expect(utf8Length(text)).toBe(new TextEncoder().encode(text).length);
    },
  );
});
