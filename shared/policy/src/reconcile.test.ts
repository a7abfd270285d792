import type { SubjectClaim } from "@busbar/events";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AuthorityRule, authorityOf, matchSubject, reconcile, toldReconciled, type Vote } from "./reconcile.ts";

const NOW = 1_000_000_000;
const claim = (source: string, value: string, more: Partial<SubjectClaim> = {}): SubjectClaim => ({
  subject: "refund-policy:bereavement",
  value: JSON.stringify(value),
  source,
  version: "",
  asOfMs: 0,
  ttlMs: 0,
  ...more,
});
const rule = (more: Partial<AuthorityRule> = {}): AuthorityRule => ({ tool: "policy.get", args: {}, ...more });
const outcome = (one: SubjectClaim, votes: readonly Vote[], more: Partial<AuthorityRule> = {}) => {
  const { outcome: what, fact } = reconcile(one, rule(more), votes, NOW);
  return [what, fact === "" ? "" : (JSON.parse(fact) as unknown)];
};

describe("the authority of a subject", () => {
  const authorities = {
    "refund-policy:{topic}": rule({ args: { topic: "$args.topic", lang: "en" } }),
    "fare:*": rule({ tool: "fares" }),
  };
  it("is the first whose pattern fits, with its places filled in [evidence:reconciled]", () => {
    expect(authorityOf({ authorities }, "refund-policy:bereavement")?.reads).toEqual([
      { tool: "policy.get", args: { topic: "bereavement", lang: "en" } },
    ]);
    expect(authorityOf({ authorities }, "refund-policy:")).toBeNull();
    expect(authorityOf({ authorities }, "fare:*")?.rule.tool).toBe("fares");
    expect(authorityOf({ authorities }, "fare:1")).toBeNull();
    expect(authorityOf({}, "refund-policy:bereavement")).toBeNull();
    expect(matchSubject("seat:{flight}/{row}", "seat:LH1/12")).toEqual({ flight: "LH1", row: "12" });
  });
});

describe("a claim beside what its authority says", () => {
  const old = claim("website", "90 days");
  it("agrees, or lost, or is in doubt where nobody could ask [evidence:reconciled]", () => {
    expect(outcome(old, [claim("policy", "90 days")])).toEqual(["agrees", "90 days"]);
    expect(outcome(old, [claim("policy", "before travel")])).toEqual(["lost", "before travel"]);
    expect(outcome(old, [null])).toEqual(["unresolved", ""]);
    expect(outcome(old, [])).toEqual(["unresolved", ""]);
  });

  it("by freshness: the newer version is held, whichever came first [evidence:reconciled]", () => {
    const by = { resolve: "freshness" } as const;
    const at = (version: string) => claim("website", "90 days", { version });
    const authority = (version: string) => claim("policy", "before travel", { version });
    expect(outcome(at("2"), [authority("10")], by)).toEqual(["lost", "before travel"]);
    expect(outcome(at("10.1"), [authority("10")], by)).toEqual(["kept", "90 days"]);
    expect(outcome(at("3"), [authority("3")], by)).toEqual(["unresolved", ""]);
    expect(outcome(at("b"), [authority("a")], by)).toEqual(["unresolved", ""]);
  });

  it("by freshness: clocks that differ, or run ahead, tell nothing [evidence:reconciled]", () => {
    const by = { resolve: "freshness", skewMs: 1000 } as const;
    const at = (asOfMs: number) => claim("website", "90 days", { asOfMs });
    const authority = (asOfMs: number) => claim("policy", "before travel", { asOfMs });
    expect(outcome(at(NOW - 5000), [authority(NOW - 100)], by)).toEqual(["lost", "before travel"]);
    expect(outcome(at(NOW - 100), [authority(NOW - 5000)], by)).toEqual(["kept", "90 days"]);
    expect(outcome(at(NOW - 100), [authority(NOW - 600)], by)).toEqual(["unresolved", ""]);
    expect(outcome(at(NOW + 5000), [authority(NOW - 5000)], by)).toEqual(["unresolved", ""]);
    expect(outcome(at(0), [authority(NOW)], by)).toEqual(["unresolved", ""]);
  });

  it("by quorum: what k sources say, each with one voice [evidence:reconciled]", () => {
    const by = { resolve: "quorum", k: 2 } as const;
    const [a, b] = [claim("policy", "before travel"), claim("handbook", "before travel")];
    expect(outcome(old, [a, b], by)).toEqual(["lost", "before travel"]);
    expect(outcome(old, [a, claim("archive", "90 days")], by)).toEqual(["kept", "90 days"]);
    expect(outcome(old, [a, { ...a }], by)).toEqual(["unresolved", ""]);
    expect(outcome(old, [a, null], by)).toEqual(["unresolved", ""]);
  });

  it("is told to the agent with who says what; what agrees is not [evidence:reconciled]", () => {
    const lost = reconcile(old, rule(), [claim("policy", "before travel")], NOW);
    expect(toldReconciled([lost])).toBe(
      'refund-policy:bereavement: website says "90 days", and "before travel" (policy) is held for true: policy is the authority',
    );
    expect(toldReconciled([reconcile(old, rule(), [claim("policy", "90 days")], NOW)])).toBeNull();
    expect(toldReconciled([reconcile(old, rule(), [null], NOW)])).toContain("which is in doubt");
  });

  it("of further sources in any order, or told twice, has the same end [evidence:deterministic]", () => {
    const source = fc.constantFrom("a", "b", "c", "website");
    const value = fc.constantFrom("x", "y", "z");
    const vote = fc.tuple(source, value).map(([from, what]) => claim(from, what));
    fc.assert(
      fc.property(
        fc.uniqueArray(vote, { selector: (one) => one.source }),
        value,
        fc.integer({ min: 2, max: 3 }),
        (votes, what, k) => {
          const mine = claim("website", what);
          const others = votes.filter(({ source: from }) => from !== "website");
          const end = (all: readonly Vote[]) =>
            outcome(mine, all, { resolve: "quorum", k: Math.max(k, 1 + Math.floor((others.length + 1) / 2)) });
          expect(end(others.toReversed())).toEqual(end(others));
          expect(end([...others, ...others])).toEqual(end(others));
        },
      ),
      { numRuns: 300 },
    );
  });
});
