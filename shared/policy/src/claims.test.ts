import type { Json } from "@busbar/kernel";
import { describe, expect, it } from "vitest";
import {
  CLAIM_VALUE_BYTES,
  CLAIMS_KEPT,
  CLAIMS_OF_RESULT,
  claimProblem,
  claimsOf,
  type ClaimSpec,
  isFresh,
  type KnownClaim,
  withClaims,
} from "./claims.ts";

const spec = (more: Partial<ClaimSpec> = {}): ClaimSpec => ({
  subject: "order:{$args.id}",
  value: "$result.status",
  source: "orders",
  ...more,
});
const told = (specs: readonly ClaimSpec[], result: Json, args: Json = { id: 7 }) =>
  claimsOf({ claims: specs }, args, result);

describe("the claims of a result", () => {
  it("are filled in from arguments and result [evidence:claims]", () => {
    const full = spec({ version: "$result.rev", asOf: "$result.at", ttlMs: 60_000 });
    expect(told([full], { status: "shipped", rev: 3, at: "2024-05-20T10:00:00Z" })).toEqual([
      {
        subject: "order:7",
        value: '"shipped"',
        source: "orders",
        version: "3",
        asOfMs: Date.UTC(2024, 4, 20, 10),
        ttlMs: 60_000,
      },
    ]);
    expect(told([spec()], { status: null })).toMatchObject([{ value: "null", version: "", asOfMs: 0, ttlMs: 0 }]);
    expect(told([], { status: "shipped" })).toEqual([]);
    expect(claimsOf(undefined, {}, {})).toEqual([]);
  });

  it("name several values in one subject, whatever their kind [evidence:claims]", () => {
    const subject = "seat:{$args.flight}/{$result.row}{$result.letter}";
    expect(told([spec({ subject, value: true })], { row: 12, letter: "C" }, { flight: "LH 1" })).toMatchObject([
      { subject: "seat:LH 1/12C", value: "true" },
    ]);
  });

  it("are none where a value that names the subject is not there [evidence:claims]", () => {
    expect(told([spec({ subject: "order:{$result.id}" })], { status: "shipped" })).toEqual([]);
    expect(told([spec({ subject: "order:{$result.id}" })], "Error: order not found")).toEqual([]);
    expect(told([spec({ subject: "order:{$result.id}" })], { id: "" })).toEqual([]);
  });

  it("are one for each entry of a list or a map [evidence:claims]", () => {
    const each = spec({ each: "$result.rows", subject: "row:{$item.id}", value: "$item" });
    const rows = [{ id: 1 }, { id: 2 }, "no row"];
    expect(told([each], { rows }).map(({ subject }) => subject)).toEqual(["row:1", "row:2"]);
    expect(told([each], { rows: { a: { id: 3 } } })).toMatchObject([{ subject: "row:3", value: '{"id":3}' }]);
    expect(told([each], { rows: 5 })).toEqual([]);
  });

  it("are bounded in number and size; what is too large is known by its digest [evidence:claims]", () => {
    const each = spec({ each: "$result", subject: "row:{$item.id}", value: "$item.text" });
    const rows = (count: number, length: number): Json =>
      Array.from({ length: count }, (_, id) => ({ id, text: "x".repeat(length) }));
    expect(told([each, each], rows(100, 1))).toHaveLength(CLAIMS_OF_RESULT);
    expect(told([each], rows(1, CLAIM_VALUE_BYTES))[0]?.value).toMatch(
      /^\{"bytes":8194,"sha256":"[0-9a-f]{64}","tooLarge":true\}$/,
    );
    const whole = told([each], rows(32, 8000)).filter(({ value }) => !value.includes("tooLarge"));
    expect(whole).toHaveLength(8);
    expect(told([spec()], { status: 1 }, { id: "y".repeat(999) })[0]?.subject).toMatch(/^order:sha256:[0-9a-f]{64}$/);
  });
});

describe("what a chain knows of claims", () => {
  const at = { atMs: 5, offset: "9", trusted: true };
  const claim = (subject: string, value: string) => ({ subject, value, source: "s", version: "", asOfMs: 0, ttlMs: 0 });

  it("is the latest of each subject, those told last at the end [evidence:claims-kept]", () => {
    const first = withClaims({}, [claim("a:1", "1"), claim("b:1", "2")], at);
    const next = withClaims(first, [claim("a:1", '{"n":3}')], { ...at, offset: "10" });
    expect(Object.keys(next)).toEqual(["b:1", "a:1"]);
    expect(next["a:1"]).toEqual({
      value: { n: 3 },
      source: "s",
      version: "",
      asOfMs: 0,
      ttlMs: 0,
      ...at,
      offset: "10",
    });
    expect(withClaims(next, [], at)).toBe(next);
  });

  it("is bounded: those told longest ago are forgotten [evidence:claims-kept]", () => {
    let known: Readonly<Record<string, KnownClaim>> = {};
    for (let index = 0; index < CLAIMS_KEPT + 3; index += 1) known = withClaims(known, [claim(`a:${index}`, "0")], at);
    known = withClaims(known, [claim("a:3", "1")], at);
    known = withClaims(known, [claim("a:new", "1")], at);
    expect(Object.keys(known)).toHaveLength(CLAIMS_KEPT);
    expect([known["a:3"], known["a:4"], known["a:new"]].map((one) => one !== undefined)).toEqual([true, false, true]);
  });

  it("may be relied on while it lives, from the time that it names or else is told at [evidence:claims-kept]", () => {
    const one: KnownClaim = { value: 1, source: "s", version: "", asOfMs: 0, ttlMs: 100, ...at, atMs: 1000 };
    expect([isFresh(one, 1100), isFresh(one, 1101)]).toEqual([true, false]);
    expect([isFresh({ ...one, asOfMs: 500 }, 600), isFresh({ ...one, asOfMs: 500 }, 700)]).toEqual([true, false]);
    expect(isFresh({ ...one, ttlMs: 0 }, 1e15)).toBe(true);
  });
});

describe("a declared claim", () => {
  const declared = new Set(["id"]);
  it.each([
    [spec(), null],
    [spec({ each: "$result.rows", subject: "row:{$item.id}", value: "$item" }), null],
    [spec({ subject: "{$args.id}" }), "subject begins with a letter"],
    [spec({ subject: "order:{id}" }), "subject begins with a letter"],
    [spec({ subject: "order:{$key}" }), "subject begins with a letter"],
    [spec({ subject: "row:{$item.id}" }), "$item stands only beside each"],
    [spec({ each: "rows" }), "each is $result"],
    [spec({ version: "rev" }), "version is a path"],
    [spec({ asOf: "now" }), "asOf is a path"],
    [spec({ value: { of: "$args.ip" } }), "$args.ip, which args does not declare"],
  ])("%j: %s [evidence:declared]", (one, problem) => {
    if (problem === null) expect(claimProblem(one, declared)).toBeNull();
    else expect(claimProblem(one, declared)).toContain(problem);
  });
});
