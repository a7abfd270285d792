import type { BusEvent } from "@busbar/events";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CallFact } from "../rules/index.ts";
import { fact, jsonCopy } from "../rules/testing.ts";
import { CALLS_KEPT, evidenceAt, EVIDENCE_KEPT, type GateState, isGateDue, OPEN_GATE, stepGate } from "./gate.ts";

/** One record of a chain, as the gate sees it. */
interface Seen {
  readonly event: BusEvent;
  readonly fact: CallFact | null;
}

const admitted = (callId: string, effectClass: string): Seen => ({
  event: { type: "EffectAdmitted", callId, effectClass } as unknown as BusEvent,
  fact: null,
});
const ended = (type: BusEvent["type"], index: number, told: Partial<CallFact>): Seen => ({
  event: { type } as unknown as BusEvent,
  fact: fact(index, told),
});

const classes = fc.constantFrom("read" as const, "write" as const, "destructive" as const);
const steps = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("admit" as const), call: fc.nat(12), effectClass: classes }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom("success" as const, "error" as const, "refused" as const),
      effectClass: fc.oneof({ weight: 5, arbitrary: classes }, fc.constantFrom("model" as const, "task" as const)),
      verified: fc.boolean(),
    }),
  },
  fc.record({ kind: fc.constantFrom("passed" as const, "failed" as const, "resumed" as const) }),
);
const TYPES = { passed: "GatePassed", failed: "GateFailed", resumed: "ChainResumed" } as const;

const histories: fc.Arbitrary<readonly Seen[]> = fc.array(steps, { maxLength: 60 }).map((all) =>
  all.map((one, index): Seen => {
    if (one.kind === "admit") return admitted(`c:${one.call}`, one.effectClass);
    if (one.kind === "passed" || one.kind === "failed" || one.kind === "resumed")
      return { event: { type: TYPES[one.kind] } as unknown as BusEvent, fact: null };
    const kind = one.kind === "success" ? "success" : "error";
    const type = one.kind === "refused" ? "EffectRefused" : "EffectCommitted";
    return ended(type, index, { ...one, kind });
  }),
);

const run = (history: readonly Seen[], from: GateState = OPEN_GATE): readonly GateState[] => {
  let state = from;
  return history.map((one) => (state = stepGate(state, one.event, one.fact)));
};

const isGate = ({ event: { type } }: Seen): boolean =>
  type === "GatePassed" || type === "GateFailed" || type === "ChainResumed";

const isChange = ({ event, fact: told }: Seen): boolean => {
  if (event.type === "EffectAdmitted") return event.effectClass !== "read";
  const isTool = told !== null && ["write", "destructive"].includes(told.effectClass);
  return isTool && told.kind === "error" && event.type !== "EffectRefused";
};

/** Said from the whole history: calls since the last gate, and answers of tools since the last attempted change in it. */
function oracle(history: readonly Seen[], require: "answered" | "verified") {
  const sinceGate = history.slice(history.findLastIndex(isGate) + 1);
  const ids = sinceGate.flatMap(({ event }) => (event.type === "EffectAdmitted" ? [event.callId] : []));
  const evidence = sinceGate.slice(sinceGate.findLastIndex(isChange) + 1).flatMap(({ event, fact: told }) => {
    if (told === null || event.type === "EffectRefused" || told.kind === "error") return [];
    if (told.effectClass === "model" || told.effectClass === "task") return [];
    return require === "verified" && !told.verified ? [] : [told.evidence];
  });
  return { calls: new Set(ids).size, evidence: evidence.slice(-EVIDENCE_KEPT) };
}

describe("the verification gate, on any history", () => {
  it("is due, and has evidence, exactly as the history says [gate:counts]", () => {
    fc.assert(
      fc.property(histories, fc.nat(6), fc.constantFrom("answered", "verified"), (history, every, require) => {
        for (const [index, state] of run(history).entries()) {
          const told = oracle(history.slice(0, index + 1), require);
          expect(isGateDue(state, { every, require })).toBe(every > 0 && told.calls >= every);
          expect(evidenceAt(state, { every, require })).toEqual(told.evidence);
        }
      }),
    );
  });

  it("goes on the same from its JSON at each prefix [rules:deterministic]", () => {
    fc.assert(
      fc.property(histories, fc.nat(60), (history, at) => {
        const whole = run(history);
        const cut = Math.min(at, history.length);
        const before = cut === 0 ? OPEN_GATE : whole[cut - 1];
        expect(run(history.slice(cut), jsonCopy(before))).toEqual(whole.slice(cut));
      }),
    );
  });

  it("a record that comes twice changes nothing the second time [rules:duplicates-change-nothing]", () => {
    fc.assert(
      fc.property(histories, (history) => {
        for (const [index, state] of run(history).entries()) {
          const again = history[index];
          if (again !== undefined) expect(stepGate(state, again.event, again.fact)).toEqual(state);
        }
      }),
    );
  });

  it("keeps a bounded state [ownership:state-bounded]", () => {
    const many = Array.from({ length: 300 }, (_, n) => [
      admitted(`c:${n}`, "read"),
      ended("EffectCommitted", n, { effectClass: "read" }),
    ]).flat();
    const last = run(many).at(-1) ?? OPEN_GATE;
    expect([last.calls.length, last.answered.length, last.verified.length]).toEqual([
      CALLS_KEPT,
      EVIDENCE_KEPT,
      EVIDENCE_KEPT,
    ]);
  });
});
