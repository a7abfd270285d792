/** Checks decide by what they are given and by nothing else. */
import type { Json } from "@busbar/kernel";
import fc from "fast-check";
import { expect, it } from "vitest";
import { ARGUMENT_NAMES, type Check, checkScope, type Known, unheldChecks } from "./checks.ts";

const CHECKS: readonly Check[] = [
  ["sum", "sum(args.xs) <= 10"],
  ["said", 'said.exists(text, text.lower().contains("yes"))'],
  ["known", 'claims["a:" + string(args.id)].n == args.id'],
  ["often", '!("refund" in calls) || calls["refund"] < 2'],
  ["soon", "now - ms(args.at) < hours(24)"],
  ["deep", "args.xs.all(x, args.xs.exists(y, y == x))"],
].map(([name = "", require = ""]) => ({ name, require, reason: "no" }));

const known: fc.Arbitrary<Known> = fc.record({
  task: fc.jsonValue() as fc.Arbitrary<Json>,
  claims: fc.dictionary(
    fc.constantFrom("a:1", "a:2", "__proto__"),
    fc.record({
      value: fc.jsonValue() as fc.Arbitrary<Json>,
      source: fc.string(),
      version: fc.string(),
      asOfMs: fc.nat(),
      ttlMs: fc.nat(),
      atMs: fc.nat(),
      offset: fc.constant("1"),
      trusted: fc.boolean(),
    }),
  ),
  said: fc.array(fc.string()),
  committed: fc.dictionary(fc.constantFrom("refund", "read"), fc.nat(3)),
});
const args = fc.oneof(
  fc.jsonValue() as fc.Arbitrary<Json>,
  fc.record({ xs: fc.array(fc.integer()), id: fc.nat(3), at: fc.oneof(fc.string(), fc.nat()) }),
) as fc.Arbitrary<Json>;

it("the same values give the same verdict, through JSON as well, and no value makes a check throw [evidence:deterministic]", () => {
  fc.assert(
    fc.property(known, args, fc.nat(), (one, given, now) => {
      const judge = (about: Known, what: Json) =>
        unheldChecks(CHECKS, ARGUMENT_NAMES, checkScope(about, now, { args: what })).map(({ check, why }) => [
          check.name,
          why,
        ]);
      const first = judge(one, given);
      expect(judge(one, given)).toEqual(first);
      expect(judge(JSON.parse(JSON.stringify(one)) as Known, JSON.parse(JSON.stringify(given)) as Json)).toEqual(first);
    }),
    { numRuns: 400 },
  );
});
