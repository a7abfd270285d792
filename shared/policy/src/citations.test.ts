import type { Json } from "@busbar/kernel";
import { describe, expect, it } from "vitest";
import { groundsOf, withLosing } from "./citations.ts";
import type { KnownClaim } from "./claims.ts";

const NOW = 10_000;
const known = (value: Json, more: Partial<KnownClaim> = {}): KnownClaim => ({
  value,
  source: "policy",
  version: "",
  asOfMs: 0,
  ttlMs: 0,
  atMs: 9000,
  offset: "12",
  trusted: true,
  ...more,
});
const SUBJECT = "refund-policy:bereavement";
const chain = (more: { claims?: Record<string, KnownClaim>; losing?: Record<string, readonly Json[]> } = {}) => ({
  claims: { [SUBJECT]: known("apply before travel") },
  losing: {},
  ...more,
});

describe("what an answer rests on", () => {
  it("is found by value, as a reader finds it [evidence:cites]", () => {
    const { cites, problem } = groundsOf(chain(), { text: "You have to APPLY, before   travel." }, [], NOW);
    expect(cites).toEqual([{ subject: SUBJECT, source: "policy", offset: "12" }]);
    expect(problem).toBeNull();
    expect(groundsOf(chain(), { text: "I do not know" }, [], NOW).cites).toEqual([]);
    const numbers = chain({ claims: { "fare:1": known({ cents: 12_500, seats: 3 }) } });
    expect(groundsOf(numbers, "That is 12,500 cents", [], NOW).cites).toHaveLength(1);
    expect(groundsOf(numbers, "There are 3 seats", [], NOW).cites).toEqual([]);
  });

  it("is not emitted where it tells what lost [evidence:answers-grounded]", () => {
    const losing = withLosing({}, SUBJECT, { text: "within 90 days", phone: "555-0100" });
    const held = chain({ claims: { [SUBJECT]: known({ text: "apply before travel", phone: "555-0100" }) }, losing });
    expect(groundsOf(held, "Apply within 90 days!", [], NOW).problem).toContain(
      "what another source was found right against",
    );
    expect(groundsOf(held, "Apply before travel, or call 555 0100", [], NOW).problem).toBeNull();
    expect(groundsOf(chain({ claims: {}, losing }), "within 90 days", [], NOW).problem).toContain(SUBJECT);
  });

  it("is not emitted where its time is over, or where it had to rest on a claim and does not [evidence:answers-grounded]", () => {
    const old = chain({ claims: { [SUBJECT]: known("apply before travel", { ttlMs: 500 }) } });
    expect(groundsOf(old, "apply before travel", [], NOW).problem).toContain("whose time is over");
    expect(groundsOf(old, "apply before travel", [], 9400).problem).toBeNull();
    expect(groundsOf(chain(), "within 90 days", ["refund-policy:{topic}"], NOW).problem).toBe(
      "it rests on no claim about refund-policy:{topic}",
    );
    expect(groundsOf(chain(), "apply before travel", ["refund-policy:{topic}"], NOW).problem).toBeNull();
  });

  it("remembers what lost in bounds, each value once [evidence:answers-grounded]", () => {
    let losing: Readonly<Record<string, readonly Json[]>> = {};
    for (let n = 0; n < 100; n += 1) losing = withLosing(losing, `s:${n}`, n);
    expect([Object.keys(losing).length, losing["s:35"], losing["s:99"]]).toEqual([64, undefined, [99]]);
    for (let n = 0; n < 9; n += 1) losing = withLosing(losing, "s:99", { n: n % 5 });
    expect(losing["s:99"]).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }, { n: 3 }]);
  });
});
