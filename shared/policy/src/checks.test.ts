import { describe, expect, it } from "vitest";
import { withClaims } from "./claims.ts";
import {
  ANSWER_NAMES,
  ARGUMENT_NAMES,
  type Check,
  checkFaults,
  checkScope,
  hardest,
  type Known,
  NOTHING_KNOWN,
  told,
  unheldChecks,
} from "./checks.ts";

const check = (name: string, more: Partial<Check> = {}): Check => ({
  name,
  require: "args.n <= 5",
  reason: "at most 5",
  ...more,
});
const scope = (n: number, known: Partial<Known> = {}) =>
  checkScope({ ...NOTHING_KNOWN, ...known }, 1000, { args: { n } });
const failing = (checks: readonly Check[], n: number) => unheldChecks(checks, ARGUMENT_NAMES, scope(n));

describe("checks", () => {
  it("that are not held are told in their order, with reason and name [evidence:checks]", () => {
    const found = failing(
      [check("most"), check("least", { require: "args.n >= 7" }), check("even", { require: "args.n % 2 == 0" })],
      6,
    );
    expect(found.map(told)).toEqual(["at most 5 (check most)", "at most 5 (check least)"]);
  });

  it("apply where `when` says so, and where nobody can tell [evidence:checks]", () => {
    const when = (text: string) => failing([check("most", { when: text })], 6).length;
    expect([when("args.n > 5"), when("args.n > 6"), when("args.absent > 6")]).toEqual([1, 0, 1]);
  });

  it("that cannot be evaluated are not held, and say why [evidence:checks]", () => {
    const [found] = failing([check("most", { require: 'claims["row:1"].n == args.n' })], 1);
    expect(found === undefined ? "" : told(found)).toBe(
      "at most 5 (check most: it cannot be evaluated: No such key: row:1)",
    );
  });

  it("of which the hardest consequence counts [evidence:checks]", () => {
    const of = (...otherwise: readonly Check["otherwise"][]) =>
      hardest(
        failing(
          otherwise.map((one, index) => check(`c${index}`, one === undefined ? {} : { otherwise: one })),
          9,
        ),
      )?.check.name;
    expect(of("approve", "degrade", undefined, "refuse")).toBe("c2");
    expect(of("approve", "degrade")).toBe("c1");
    expect(of("approve", "approve")).toBe("c0");
    expect(hardest([])).toBeNull();
  });

  it("see the latest claims, what was said, the task, what was done, and the time [evidence:checks]", () => {
    const at = { atMs: 1, offset: "1", trusted: true };
    const row = { subject: "row:1", value: '{"n":3}', source: "rows", version: "", asOfMs: 0, ttlMs: 0 };
    const known = { claims: withClaims({}, [row], at), said: ["yes"], task: { goal: "g" }, committed: { refund: 2 } };
    const all = 'claims["row:1"].n == 3 && said[0] == "yes" && task.goal == "g" && calls["refund"] == 2 && now == 1000';
    expect(unheldChecks([check("all", { require: all })], ARGUMENT_NAMES, scope(1, known))).toEqual([]);
  });

  it("of an answer see what is judged as `result`, and no arguments [evidence:checks]", () => {
    const judged = checkScope(NOTHING_KNOWN, 0, { result: "free" });
    const count = (text: string) =>
      unheldChecks([{ name: "a", require: text, reason: "" }], ANSWER_NAMES, judged).length;
    expect([count('result == "free"'), count('args == "free"')]).toEqual([0, 1]);
  });
});

describe("the faults of declared checks", () => {
  it("have their places, and two of one name are one [evidence:checks-faults]", () => {
    const list = [check("a", { when: "args.n >" }), check("a", { require: "clams == 1" })];
    expect(checkFaults(list, ARGUMENT_NAMES)).toEqual([
      { path: [0, "when"], reason: "Unexpected token: EOF", at: 8 },
      { path: [1, "name"], reason: "there are two checks named a", at: 0 },
      {
        path: [1, "require"],
        reason: "Unknown variable: clams; there are args, task, claims, said, calls, now",
        at: 0,
      },
    ]);
    expect(checkFaults(undefined, ARGUMENT_NAMES)).toEqual([]);
  });
});
