import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BreakerInput, type BreakerState, CLOSED_BREAKER, grantIdOf, stepBreaker } from "./breaker.ts";

interface Drawn {
  readonly kind: "outcome" | "demand" | "tick" | "isolated" | "released";
  readonly ok: boolean;
  readonly isProbe: boolean;
  readonly partition: number;
  readonly peer: string;
  readonly gapMs: number;
}

const drawn: fc.Arbitrary<readonly Drawn[]> = fc.array(
  fc.record({
    kind: fc.constantFrom(
      "outcome" as const,
      "outcome" as const,
      "outcome" as const,
      "demand" as const,
      "tick" as const,
      "isolated" as const,
      "released" as const,
    ),
    ok: fc.boolean(),
    isProbe: fc.boolean(),
    partition: fc.nat(3),
    peer: fc.constantFrom("", "a", "b"),
    gapMs: fc.nat(80),
  }),
  { maxLength: 60 },
);
const policies = fc.record({
  failures: fc.integer({ min: 0, max: 4 }),
  perPeer: fc.nat(2),
  cooldownMs: fc.integer({ min: 1, max: 100 }),
  probes: fc.integer({ min: 1, max: 3 }),
  rates: fc.record({ window: fc.nat(8), errors: fc.nat(5), slow: fc.nat(5), slowMs: fc.constant(40) }),
});

function inputOf(one: Drawn, state: BreakerState, index: number, atMs: number): BreakerInput {
  const probe = one.isProbe ? grantIdOf("k", state.cause, state.granted) : "";
  const { ok, peer } = one;
  if (one.kind === "outcome")
    return { kind: "outcome", ok, durationMs: one.gapMs, peer, probe, evidence: `busbar.events/0/${index}`, atMs };
  if (one.kind === "demand") return { kind: "demand", partition: one.partition, atMs };
  return one.kind === "tick" ? { kind: "tick", atMs } : { kind: one.kind };
}

describe("the breaker, on any run", () => {
  it("opens, probes and closes only as it may; goes on from its JSON; stays small [supervisor:breaker-across-chains]", () => {
    fc.assert(
      fc.property(drawn, policies, (inputs, policy) => {
        let state = CLOSED_BREAKER;
        let atMs = 0;
        let asked = false;
        for (const [index, one] of inputs.entries()) {
          atMs += one.gapMs;
          const input = inputOf(one, state, index, atMs);
          const [next, orders] = stepBreaker("k", state, input, policy);
          const [again, sameOrders] = stepBreaker(
            "k",
            JSON.parse(JSON.stringify(state)) as BreakerState,
            input,
            policy,
          );
          expect([again, sameOrders]).toEqual([next, orders]);
          if (input.kind === "demand") asked = true;
          const [order] = orders;
          expect(orders.length).toBeLessThanOrEqual(1);
          if (order?.type === "OpenBreaker") expect(["closed", "half-open"]).toContain(state.state);
          if (order?.type === "CloseBreaker") expect(state.state).toBe("half-open");
          if (order?.type === "Grant") {
            expect(asked).toBe(true);
            expect(["open", "half-open"]).toContain(state.state);
            expect(order).toMatchObject({ sequence: state.granted + 1, cause: state.cause });
            if (state.state === "open") expect(atMs).toBeGreaterThanOrEqual(state.openedAtMs + policy.cooldownMs);
            else expect(atMs).toBeGreaterThanOrEqual(state.grantExpiresAtMs);
          }
          // Held open by hand: only the hand lets go.
          if (state.state === "isolated" && input.kind !== "released") expect(next.state).toBe("isolated");
          expect(next.recent.length).toBeLessThanOrEqual(policy.rates.window);
          expect(next.failures.length).toBeLessThan(Math.max(1, policy.failures));
          state = next;
        }
      }),
    );
  });

  it("an outcome told twice changes nothing the second time [supervisor:signal-id]", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 20 }), policies, (oks, policy) => {
        let state = CLOSED_BREAKER;
        for (const [index, ok] of oks.entries()) {
          const input: BreakerInput = {
            kind: "outcome",
            ok,
            durationMs: index,
            peer: "",
            probe: "",
            evidence: String(index),
            atMs: index,
          };
          [state] = stepBreaker("k", state, input, policy);
          expect(stepBreaker("k", state, input, policy)).toEqual([state, []]);
        }
      }),
    );
  });
});
