import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_FLOW, type FlowPolicy } from "../policy-document.ts";
import { FLOWING, type FlowInput, type FlowOrder, type FlowState, stepFlow, totalsOf } from "./flow.ts";

const KEY = "agent:slow";
const POLICY: FlowPolicy = {
  ...DEFAULT_FLOW,
  agent: { lower: 4, upper: 10, pause: 20, lagLowerMs: 200, lagUpperMs: 900 },
  orderEveryMs: 300,
};

const drawn = fc.array(
  fc.record({
    kind: fc.constantFrom("load" as const, "load" as const, "load" as const, "tick" as const),
    source: fc.nat(3),
    open: fc.nat(12),
    ageMs: fc.nat(1500),
    gapMs: fc.nat(400),
  }),
  { maxLength: 80 },
);

function inputsOf(
  steps: readonly { kind: "load" | "tick"; source: number; open: number; ageMs: number; gapMs: number }[],
) {
  let atMs = 10_000;
  return steps.map(({ kind, source, open, ageMs, gapMs }, index): FlowInput => {
    atMs += gapMs;
    if (kind === "tick") return { kind, atMs };
    const oldestAtMs = open === 0 ? 0 : atMs - ageMs;
    return {
      kind,
      source,
      open,
      waiting: Math.min(open, 1),
      oldestAtMs,
      atMs,
      evidence: `e/0/${index}`,
      offset: index,
    };
  });
}

describe("flow control, on any run of reports", () => {
  it("orders at a bounded rate, above the marks and below them only, goes on from its JSON, and stays small [flow:bounded-rate] [flow:hysteresis]", () => {
    fc.assert(
      fc.property(drawn, (steps) => {
        let state: FlowState = FLOWING;
        const orders: FlowOrder[] = [];
        for (const input of inputsOf(steps)) {
          const [next, more] = stepFlow(KEY, state, input, POLICY);
          const restored = JSON.parse(JSON.stringify(state)) as FlowState;
          expect(stepFlow(KEY, restored, input, POLICY)).toEqual([next, more]);
          expect(more.length).toBeLessThanOrEqual(1);
          const { open, lagMs } = totalsOf(next);
          for (const { level } of more) {
            if (level === "flowing") expect([open <= 4, lagMs <= 200]).toEqual([true, true]);
            else expect(open >= 10 || lagMs >= 900 || state.level === "paused").toBe(true);
          }
          expect(Object.keys(next.sources).length).toBeLessThanOrEqual(4);
          orders.push(...more);
          state = next;
        }
        for (const [index, { sinceMs, level }] of orders.entries()) {
          const before = orders[index - 1];
          if (before === undefined) continue;
          expect(level).not.toBe(before.level);
          expect(sinceMs - before.sinceMs).toBeGreaterThanOrEqual(POLICY.orderEveryMs);
        }
      }),
    );
  });

  it("a report told twice changes nothing the second time [supervisor:signal-id]", () => {
    fc.assert(
      fc.property(drawn, (steps) => {
        let state: FlowState = FLOWING;
        for (const input of inputsOf(steps)) {
          [state] = stepFlow(KEY, state, input, POLICY);
          expect(stepFlow(KEY, state, input, POLICY)).toEqual([state, []]);
        }
      }),
    );
  });
});
