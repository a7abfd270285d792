import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CallFact } from "../chain-rule.ts";
import { facts, jsonCopy, limits, runRule } from "../testing.ts";
import { contradiction, READS_KEPT } from "./contradiction.ts";

const isWrite = (one: CallFact): boolean => one.effectClass === "write" || one.effectClass === "destructive";
const counts = (one: CallFact): boolean => one.effectClass === "read" && one.kind === "success" && !one.volatile;

/** Said from the whole history: a read whose last answer to the same question since the chain's last write differs. */
function contradictory(history: readonly CallFact[], index: number): boolean {
  const one = history[index];
  if (one === undefined || !counts(one)) return false;
  const lastWrite = history.slice(0, index).findLastIndex(isWrite);
  const earlier = history
    .slice(lastWrite + 1, index)
    .findLast((seen) => counts(seen) && seen.tool === one.tool && seen.argsHash === one.argsHash);
  return earlier !== undefined && earlier.resultHash !== one.resultHash;
}

function oracle(history: readonly CallFact[], limit: number): readonly number[] {
  if (limit === 0) return [];
  const all = history.flatMap((_, index) => (contradictory(history, index) ? [index] : []));
  return all.filter((_, nth) => (nth + 1) % limit === 0);
}

describe("contradictions, on any history", () => {
  it("trips exactly where the history says [rules:contradiction]", () => {
    fc.assert(
      fc.property(facts, limits, (history, config) => {
        const found = runRule(contradiction, history, config).trips.map(([index]) => index);
        expect(found).toEqual(oracle(history, config.contradictions));
      }),
    );
  });

  it("goes on the same from its JSON at each prefix [rules:deterministic]", () => {
    fc.assert(
      fc.property(facts, limits, fc.nat(40), (history, config, at) => {
        const whole = runRule(contradiction, history, config);
        const cut = Math.min(at, history.length);
        const before = cut === 0 ? contradiction.initial : whole.states[cut - 1];
        expect(runRule(contradiction, history.slice(cut), config, jsonCopy(before)).states).toEqual(
          whole.states.slice(cut),
        );
      }),
    );
  });

  it("an outcome that comes twice changes nothing the second time [rules:duplicates-change-nothing]", () => {
    fc.assert(
      fc.property(facts, limits, (history, config) => {
        for (const [index, state] of runRule(contradiction, history, config).states.entries()) {
          const repeated = history[index];
          if (repeated !== undefined) expect(contradiction.step(state, repeated, config)).toEqual([state, null]);
        }
      }),
    );
  });

  it("keeps a bounded number of reads [ownership:state-bounded]", () => {
    const many = fc.array(fc.nat(500), { maxLength: 200 });
    fc.assert(
      fc.property(many, limits, (questions, config) => {
        const history = questions.map((question, index): CallFact => ({
          kind: "success",
          tool: "t",
          effectClass: "read",
          argsHash: String(question),
          resultHash: "1",
          verified: true,
          volatile: false,
          evidence: String(index),
        }));
        for (const { reads } of runRule(contradiction, history, config).states)
          expect(reads.length).toBeLessThanOrEqual(READS_KEPT);
      }),
    );
  });
});
