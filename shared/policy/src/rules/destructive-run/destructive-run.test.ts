import { describe, expect, it } from "vitest";
import { DEFAULT_RULES } from "../../policy-document.ts";
import { evidenceOf, fact, runRule } from "../testing.ts";
import { destructiveRun } from "./destructive-run.ts";

const drop = (index: number, fields: Parameters<typeof fact>[1] = {}) =>
  fact(index, { effectClass: "destructive", verified: false, ...fields });
const tripsOf = (...facts: readonly ReturnType<typeof fact>[]) =>
  runRule(destructiveRun, facts).trips.map(([index]) => index);

describe("three destructive effects in a row without a verification", () => {
  it("stop the chain, with all three as evidence [rules:three-destructive]", () => {
    expect(runRule(destructiveRun, [drop(0), drop(1), drop(2)]).trips).toEqual([
      [
        2,
        {
          rule: "destructive-run",
          ruleVersion: 1,
          reason: "3 destructive effects in a row without a verification",
          evidence: [evidenceOf(0), evidenceOf(1), evidenceOf(2)],
        },
      ],
    ]);
  });

  it("a read that a tool answered is a verification [rules:three-destructive]", () => {
    expect(tripsOf(drop(0), drop(1), fact(2), drop(3), drop(4))).toEqual([]);
  });

  it.each([
    ["a write", fact(2, { effectClass: "write" })],
    ["a model's word", fact(2, { effectClass: "model" })],
    ["a read that failed", fact(2, { kind: "error" })],
  ])("%s in between is no verification [rules:three-destructive]", (_name, between) => {
    expect(tripsOf(drop(0), drop(1), between, drop(3))).toEqual([3]);
  });

  it("a destructive call that failed does not count [rules:three-destructive]", () => {
    expect(tripsOf(drop(0), drop(1), drop(2, { kind: "error" }))).toEqual([]);
  });

  it("its own checked result does not verify a destructive effect [rules:three-destructive]", () => {
    expect(tripsOf(drop(0, { verified: true }), drop(1, { verified: true }), drop(2, { verified: true }))).toEqual([2]);
  });

  it("the same outcome seen three times is one effect [rules:duplicates-change-nothing]", () => {
    expect(tripsOf(drop(0), drop(0), drop(0))).toEqual([]);
  });

  it("a limit of 0 turns the rule off", () => {
    const config = { ...DEFAULT_RULES, destructiveRun: 0 };
    expect(runRule(destructiveRun, [drop(0), drop(1), drop(2)], config).trips).toEqual([]);
  });
});
