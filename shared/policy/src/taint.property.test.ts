/** The label of untrusted text: what it decides is a function of the state, through JSON as well, and it fails closed. */
import type { Json } from "@busbar/kernel";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  derivedFrom,
  type Labelled,
  NOTHING_UNTRUSTED,
  UNTRUSTED_CHARACTERS,
  UNTRUSTED_TEXTS,
  withUntrusted,
} from "./taint.ts";

const source = { from: "web.read", evidence: "e" };
const value = fc.jsonValue() as fc.Arbitrary<Json>;
const account = fc.stringMatching(/^[A-Z]{2}[0-9]{14}$/);
const spelling = fc.constantFrom<(text: string) => string>(
  (text) => text,
  (text) => text.toLowerCase(),
  (text) => text.split("").join(" "),
  (text) => text.replaceAll(/(.{4})/g, "$1-"),
  (text) => `see ${text}.`,
  (text) => `\u200b${text.split("").join("\u00ad")}`,
);
const fold = (results: readonly Json[]) =>
  results.reduce<Labelled["untrusted"]>(
    (known, one) => withUntrusted(known, JSON.stringify(one), source),
    NOTHING_UNTRUSTED,
  );
const chainOf = (untrusted: Labelled["untrusted"], said: readonly string[] = []): Labelled => ({
  said,
  task: null,
  claims: {},
  isTaskUntrusted: false,
  untrusted,
});

describe("the label of untrusted text", () => {
  it("is the same for the same state, also from JSON at each prefix [evidence:deterministic]", () => {
    fc.assert(
      fc.property(
        fc.array(value, { maxLength: 8 }),
        value,
        fc.array(fc.string()),
        fc.nat(8),
        (results, args, said, cut) => {
          const straight = fold(results);
          const restored = results
            .slice(cut)
            .reduce<Labelled["untrusted"]>(
              (known, one) => withUntrusted(known, JSON.stringify(one), source),
              JSON.parse(JSON.stringify(fold(results.slice(0, cut)))) as Labelled["untrusted"],
            );
          expect(restored).toEqual(straight);
          expect(derivedFrom(chainOf(restored, said), args)).toEqual(derivedFrom(chainOf(straight, said), args));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("finds an account of an untrusted text in any spelling, wherever it stands, unless the person said it [evidence:untrusted-spelling]", () => {
    fc.assert(
      fc.property(account, spelling, value, fc.string(), (iban, spell, other, around) => {
        const untrusted = fold([other, { text: `${around} ${iban} ${around}` }]);
        const args = { to: spell(iban) };
        expect(derivedFrom(chainOf(untrusted), args)).not.toBeNull();
        expect(derivedFrom(chainOf(untrusted, [`pay ${iban}`]), { to: iban })).toBeNull();
      }),
      { numRuns: 300 },
    );
  });

  it("keeps a bounded amount, and never finds less after it forgot [evidence:untrusted-bounded]", () => {
    fc.assert(
      fc.property(account, fc.array(fc.integer({ min: 0, max: 40_000 }), { maxLength: 90 }), (iban, sizes) => {
        const untrusted = fold([{ iban }, ...sizes.map((size) => "y".repeat(size))]);
        expect(untrusted.texts.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThanOrEqual(
          UNTRUSTED_CHARACTERS,
        );
        expect(untrusted.texts.length).toBeLessThanOrEqual(UNTRUSTED_TEXTS);
        expect(derivedFrom(chainOf(untrusted), { to: iban })).not.toBeNull();
      }),
      { numRuns: 60 },
    );
  });
});
