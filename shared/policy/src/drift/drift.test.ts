import { describe, expect, it } from "vitest";
import { DEFAULT_DRIFT } from "../policy-document.ts";
import type { Counts } from "./decisions.ts";
import { compareWindows, describeDrift, type DriftFinding, NO_DRIFT, stepDrift } from "./drift.ts";

const POLICY = { ...DEFAULT_DRIFT, window: 100 };

function run(batches: readonly Counts[], policy = POLICY) {
  let state = NO_DRIFT;
  const findings: (DriftFinding | null)[] = [];
  for (const counts of batches) {
    const [next, finding] = stepDrift(state, counts, policy);
    state = next;
    findings.push(finding);
  }
  return { state, findings };
}

const usual = { "orders.read done": 70, "orders.refund done": 25, "task completed": 5 };
const changed = { "orders.read done": 30, "orders.refund done": 65, "task completed": 5 };

describe("the index", () => {
  it("of equal windows is nothing, and of shares of a half and a fifth what the formula says [drift:index]", () => {
    expect(compareWindows(usual, usual).index).toBe(0);
    // (0.5 - 0.2) ln(0.5 / 0.2) + (0.5 - 0.8) ln(0.5 / 0.8), with large counts, so that the halves do not matter.
    const { index } = compareWindows({ a: 200_000, b: 800_000 }, { a: 500_000, b: 500_000 });
    expect(index).toBeCloseTo(0.3 * Math.log(2.5) - 0.3 * Math.log(0.625), 4);
  });

  it("must reach what chance reaches once in a thousand times: chi-square over the sizes of the windows [drift:chance]", () => {
    // From tables: 10.828 for one degree of freedom, 13.816 for two, 29.588 for ten.
    for (const [kinds, quantile] of [
      [2, 10.828],
      [3, 13.816],
      [11, 29.588],
    ] as const) {
      const counts = Object.fromEntries(Array.from({ length: kinds }, (_, kind) => [`k${kind}`, 100 / kinds]));
      expect(compareWindows(counts, counts).chance / (2 / 100)).toBeCloseTo(quantile, 0);
    }
  });
});

describe("a window that has drifted", () => {
  it("is told once, with what moved most; then it is the reference [drift:detected]", () => {
    const { findings, state } = run([usual, usual, changed, changed, usual]);
    expect(findings.map((finding) => finding !== null)).toEqual([false, false, true, false, true]);
    const [, , found] = findings;
    expect(found).toMatchObject({ before: 100, after: 100 });
    expect(found?.moved.slice(0, 2).map(({ decision }) => decision)).toEqual([
      "orders.refund done",
      "orders.read done",
    ]);
    expect(found === undefined || found === null ? "" : describeDrift(found)).toMatch(
      /^stability index 0\.\d\d \(limit 0\.\d\d\): orders\.refund done 25 % to 65 %, orders\.read done 70 % to 30 %/u,
    );
    expect(state.reference).toEqual(usual);
  });

  it("slowly is told when it has moved far enough from the reference [drift:detected]", () => {
    const step = (n: number): Counts => ({ read: 90 - n, refund: 10 + n });
    const { findings } = run([0, 6, 12, 18, 24, 30].map(step));
    expect(findings.filter((finding) => finding !== null).length).toBe(1);
    // Window beside window no step is a finding.
    for (const n of [6, 12, 18, 24, 30]) expect(run([step(n - 6), step(n)]).findings).toEqual([null, null]);
  });

  it("of refusals and failures counts like any other [drift:detected]", () => {
    const { findings } = run([
      { "mail.send done": 100 },
      { "mail.send done": 60, "mail.send refused BUSBAR_FREEZE_ACTIVE": 40 },
    ]);
    expect(findings[1]?.moved[0]?.decision).toBe("mail.send refused BUSBAR_FREEZE_ACTIVE");
  });

  it("needs a full window of decisions, and a reference [drift:minimum]", () => {
    expect(run([usual, { "orders.refund done": 99 }]).findings).toEqual([null, null]);
    expect(run([usual, { "orders.refund done": 99 }, { "orders.refund done": 1 }]).findings[2]).not.toBeNull();
    expect(run([changed]).findings).toEqual([null]);
  });

  it("of 0 is none [drift:minimum]", () => {
    expect(run([usual, changed], { ...POLICY, window: 0 })).toEqual({ state: NO_DRIFT, findings: [null, null] });
  });
});
