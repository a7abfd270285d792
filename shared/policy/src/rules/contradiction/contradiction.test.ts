import { describe, expect, it } from "vitest";
import { DEFAULT_RULES } from "../../policy-document.ts";
import { evidenceOf, fact, runRule } from "../testing.ts";
import { contradiction, READS_KEPT } from "./contradiction.ts";

const read = (index: number, resultHash: string, fields: Parameters<typeof fact>[1] = {}) =>
  fact(index, { resultHash, ...fields });
const tripsOf = (...facts: readonly ReturnType<typeof fact>[]) =>
  runRule(contradiction, facts).trips.map(([index]) => index);

describe("two results that contradict each other", () => {
  it("stop the chain, with both outcomes as evidence [rules:contradiction]", () => {
    expect(runRule(contradiction, [read(0, "1"), read(1, "2")]).trips).toEqual([
      [
        1,
        {
          rule: "contradiction",
          ruleVersion: 1,
          reason: "db.read answered the same question in two ways",
          evidence: [evidenceOf(0), evidenceOf(1)],
        },
      ],
    ]);
  });

  it.each([
    ["the same answer twice", [read(0, "1"), read(1, "1")]],
    ["another question", [read(0, "1", { argsHash: "x" }), read(1, "2", { argsHash: "y" })]],
    ["another tool", [read(0, "1", { tool: "a" }), read(1, "2", { tool: "b" })]],
    ["a tool whose answers vary", [read(0, "1", { volatile: true }), read(1, "2", { volatile: true })]],
    ["a read that failed", [read(0, "1"), read(1, "2", { kind: "error" })]],
    ["the chain's own write in between", [read(0, "1"), fact(1, { effectClass: "write" }), read(2, "2")]],
    ["a write in between that failed", [read(0, "1"), fact(1, { effectClass: "write", kind: "error" }), read(2, "2")]],
    ["a destructive effect in between", [read(0, "1"), fact(1, { effectClass: "destructive" }), read(2, "2")]],
    ["a model's answer", [read(0, "1", { effectClass: "model" }), read(1, "2", { effectClass: "model" })]],
  ])("%s is none [rules:contradiction]", (_name, facts) => {
    expect(tripsOf(...facts)).toEqual([]);
  });

  it("another read in between does not hide it [rules:contradiction]", () => {
    expect(tripsOf(read(0, "1"), read(1, "7", { argsHash: "y" }), read(2, "2"))).toEqual([2]);
  });

  it("a limit of 2 takes two contradictions", () => {
    const config = { ...DEFAULT_RULES, contradictions: 2 };
    const facts = [read(0, "1"), read(1, "2"), read(2, "1")];
    expect(runRule(contradiction, facts, config).trips.map(([index]) => index)).toEqual([2]);
  });

  it("a limit of 0 turns the rule off", () => {
    const config = { ...DEFAULT_RULES, contradictions: 0 };
    expect(runRule(contradiction, [read(0, "1"), read(1, "2")], config).trips).toEqual([]);
  });

  it("forgets the oldest read above its bound [ownership:state-bounded]", () => {
    const many = Array.from({ length: READS_KEPT + 1 }, (_, index) => read(index, "1", { argsHash: String(index) }));
    const { states } = runRule(contradiction, many);
    expect(states.at(-1)?.reads.length).toBe(64);
    expect(tripsOf(...many, read(900, "2", { argsHash: "0" }))).toEqual([]);
    expect(tripsOf(...many, read(900, "2", { argsHash: "1" }))).toEqual([READS_KEPT + 1]);
  });
});
