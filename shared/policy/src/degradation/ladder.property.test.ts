/** The ladder as a pure rule: deterministic, duplicates change nothing, restore equals no restore, bounded state. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_DEGRADATION, type DegradationPolicy, type Rung } from "../policy-document.ts";
import { GROUND, type LadderState, type Narrowing, stepLadder } from "./ladder.ts";

interface Sign {
  readonly kind: "doubt" | "refusal";
  readonly id: number;
}
const signs = fc.array(
  fc.record({ kind: fc.constantFrom("doubt", "refusal", "refusal"), id: fc.nat(40) }) as fc.Arbitrary<Sign>,
  { maxLength: 60 },
);
const policies = fc
  .record({
    rungs: fc.uniqueArray(fc.constantFrom<Rung>("read-only", "approve", "halt", "hand-off")),
    refusals: fc.integer({ min: 1, max: 5 }),
  })
  .map((more): DegradationPolicy => ({ ...DEFAULT_DEGRADATION, ...more }));

const signOf = ({ kind, id }: Sign) => ({ kind, reason: "r", evidence: `busbar.events/0/${id}` });

function play(all: readonly Sign[], policy: DegradationPolicy, isRestored = false) {
  let state: LadderState = GROUND;
  const taken: Narrowing[] = [];
  for (const sign of all) {
    const [next, narrowing] = stepLadder(state, signOf(sign), policy);
    state = isRestored ? (JSON.parse(JSON.stringify(next)) as LadderState) : next;
    if (narrowing !== null) taken.push(narrowing);
    expect(state.refusals.length).toBeLessThan(policy.refusals);
  }
  return { state, taken };
}

/** Counts by itself: a doubt is a rung, so are so many different refusals since the last rung. */
function oracle(all: readonly Sign[], { rungs, refusals }: DegradationPolicy): readonly Rung[] {
  let [count, seen] = [0, new Set<number>()];
  for (const { kind, id } of all) {
    if (kind === "refusal") seen.add(id);
    if (kind === "refusal" && seen.size < refusals) continue;
    seen = new Set();
    count += 1;
  }
  return rungs.slice(0, count);
}

describe("the ladder", () => {
  it("takes the rungs that an independent count takes, in their order, and none twice [degradation:rung-by-rung]", () => {
    fc.assert(
      fc.property(signs, policies, (all, policy) => {
        expect(play(all, policy).taken.map(({ rung }) => rung)).toEqual(oracle(all, policy));
      }),
      { numRuns: 2000 },
    );
  });

  it("goes on from JSON after each sign as if nothing had been [degradation:rung-by-rung]", () => {
    fc.assert(
      fc.property(signs, policies, (all, policy) => {
        expect(play(all, policy, true)).toEqual(play(all, policy));
      }),
      { numRuns: 300 },
    );
  });

  it("a refusal that is told twice is one [degradation:rung-by-rung]", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(40)), policies, (ids, policy) => {
        const once = ids.map((id): Sign => ({ kind: "refusal", id }));
        const twice = once.flatMap((sign, index) =>
          index % policy.refusals === policy.refusals - 1 ? [sign] : [sign, sign],
        );
        expect(play(twice, policy)).toEqual(play(once, policy));
      }),
      { numRuns: 300 },
    );
  });
});
