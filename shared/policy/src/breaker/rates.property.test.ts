import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CLOSED_BREAKER, stepBreaker } from "./breaker.ts";
import { NO_RATES, type RatePolicy, rateTrip, type RecentCall, withCall, WINDOW_MOST } from "./rates.ts";

const calls: fc.Arbitrary<readonly RecentCall[]> = fc
  .array(fc.record({ peer: fc.constantFrom("a", "b"), failed: fc.boolean(), slow: fc.boolean() }), { maxLength: 60 })
  .map((all) => all.map((one, index) => ({ ...one, evidence: `e/0/${index}` })));
const policies: fc.Arbitrary<RatePolicy> = fc.record({
  window: fc.nat(12),
  errors: fc.nat(6),
  slow: fc.nat(6),
  slowMs: fc.constant(10),
});

/** Said from the whole history: among the last n calls, so many that failed or were slow, by more than one where that counts. */
function oracle(history: readonly RecentCall[], rates: RatePolicy, bySeveral: boolean): string | null {
  const last = rates.window === 0 ? [] : history.slice(-rates.window);
  for (const [rule, limit, of] of [
    ["error-rate", rates.errors, last.filter(({ failed }) => failed)],
    ["slow-calls", rates.slow, last.filter(({ slow }) => slow)],
  ] as const) {
    const isBySeveral = of.some(({ peer }) => peer === "a") && of.some(({ peer }) => peer === "b");
    if (limit > 0 && of.length >= limit && (isBySeveral || !bySeveral)) return rule;
  }
  return null;
}

describe("errors and slow calls among the last ones", () => {
  it("trip exactly where the history says [supervisor:breaker-rates]", () => {
    fc.assert(
      fc.property(calls, policies, fc.boolean(), (history, rates, bySeveral) => {
        let recent: readonly RecentCall[] = [];
        for (const [index, call] of history.entries()) {
          recent = withCall(recent, call, rates);
          expect(rateTrip(recent, rates, bySeveral)?.rule ?? null).toBe(
            oracle(history.slice(0, index + 1), rates, bySeveral),
          );
          expect(withCall(recent, call, rates)).toBe(recent);
        }
      }),
    );
  });

  it("are remembered within a bound [ownership:state-bounded]", () => {
    let recent: readonly RecentCall[] = [];
    for (let n = 0; n < 300; n += 1)
      recent = withCall(recent, { evidence: String(n), peer: "a", failed: true, slow: true }, { window: 1000 });
    expect(recent.length).toBe(WINDOW_MOST);
  });
});

describe("a breaker whose calls fail now and then", () => {
  const outcome = (n: number, ok: boolean, durationMs = 1) =>
    ({ kind: "outcome", ok, durationMs, peer: "a", probe: "", evidence: `e/0/${n}`, atMs: n }) as const;
  const policy = { failures: 3, perPeer: 0, cooldownMs: 100, probes: 1 };
  const opened = (rates: RatePolicy, oks: readonly boolean[], durationMs?: number) => {
    let state = CLOSED_BREAKER;
    for (const [n, ok] of oks.entries()) {
      const [next, orders] = stepBreaker("tool:x", state, outcome(n, ok, durationMs), { ...policy, rates });
      state = next;
      const [order] = orders;
      if (order?.type === "OpenBreaker") return [n, order.rule, order.reason];
    }
    return null;
  };
  const everySecond = Array.from({ length: 20 }, (_, n) => n % 2 === 0);

  it("opens by its rate, and never by failures in a row [supervisor:breaker-rates]", () => {
    const rates = { window: 10, errors: 4, slow: 0, slowMs: 100 };
    expect(opened(rates, everySecond)).toEqual([7, "error-rate", "4 of the last 8 calls failed"]);
    expect(opened(NO_RATES, everySecond)).toBeNull();
  });

  it("opens where calls that work take too long [supervisor:breaker-rates]", () => {
    const rates = { window: 10, errors: 0, slow: 3, slowMs: 100 };
    const works = everySecond.map(() => true);
    expect(opened(rates, works, 101)).toEqual([2, "slow-calls", "3 of the last 3 calls took longer than 100 ms"]);
    expect(opened(rates, works, 100)).toBeNull();
  });
});
