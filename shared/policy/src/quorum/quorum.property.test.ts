import type { BusEvent } from "@busbar/events";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonCopy } from "../rules/testing.ts";
import { type CallVerdicts, standingOf, stepVerdicts, verdictOfText } from "./quorum.ts";

const JUDGES = ["a", "b", "c", "d"];

const events = fc.array(
  fc.oneof(
    {
      weight: 2,
      arbitrary: fc.record({ type: fc.constant("VerdictsRequested"), callId: fc.constantFrom("c:1", "c:2") }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        type: fc.constant("VerdictGiven"),
        callId: fc.constantFrom("c:1", "c:2"),
        judge: fc.constantFrom(...JUDGES),
        agrees: fc.boolean(),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        type: fc.constantFrom("EffectAdmitted", "EffectRefused", "ApprovalRequested", "TimerFired"),
        callId: fc.constantFrom("c:1", "c:2"),
      }),
    },
  ),
  { maxLength: 40 },
);
const histories = events.map((all) =>
  all.map((one, index) => {
    const meta = { eventId: `e/0/${index}`, atMs: index };
    return { tool: "t", args: "{}", argsHash: "h", judges: JUDGES, reason: "", ...one, meta } as unknown as BusEvent;
  }),
);
const run = (history: readonly BusEvent[], from: CallVerdicts = {}, at = 0): readonly CallVerdicts[] => {
  let state = from;
  return history.map((event, index) => (state = stepVerdicts(state, event, String(at + index))));
};

const OVER: ReadonlySet<string> = new Set(["EffectAdmitted", "EffectRefused", "ApprovalRequested"]);

/** Said from the whole history: since the last request of the call, the first word of each judge; null: nothing waits. */
function oracle(history: readonly BusEvent[], callId: string): ReadonlyMap<string, boolean> | null {
  const own = history.filter((event) => "callId" in event && event.callId === callId);
  const from = own.findLastIndex(({ type }) => type === "VerdictsRequested");
  if (from < 0 || own.slice(from).some(({ type }) => OVER.has(type))) return null;
  const words = new Map<string, boolean>();
  for (const event of own.slice(from))
    if (event.type === "VerdictGiven" && !words.has(event.judge)) words.set(event.judge, event.agrees);
  return words;
}

describe("verdicts of k of n judges, on any history", () => {
  it("agree, wait or miss exactly as the history says [quorum:k-of-n]", () => {
    fc.assert(
      fc.property(histories, fc.integer({ min: 1, max: 4 }), (history, agree) => {
        for (const [index, state] of run(history).entries()) {
          const words = oracle(history.slice(0, index + 1), "c:1");
          const verdicts = state["c:1"];
          expect(verdicts === undefined).toBe(words === null);
          if (verdicts === undefined || words === null) continue;
          const yes = [...words.values()].filter(Boolean).length;
          const silent = JUDGES.length - words.size;
          const told = yes >= agree ? "agreed" : yes + silent >= agree ? "open" : "missing";
          expect(standingOf(verdicts, agree).kind).toBe(told);
        }
      }),
    );
  });

  it("go on the same from their JSON at each prefix [rules:deterministic]", () => {
    fc.assert(
      fc.property(histories, fc.nat(40), (history, at) => {
        const whole = run(history);
        const cut = Math.min(at, history.length);
        const before = cut === 0 ? {} : (whole[cut - 1] ?? {});
        expect(run(history.slice(cut), jsonCopy(before), cut)).toEqual(whole.slice(cut));
      }),
    );
  });

  it("a verdict that comes twice changes nothing the second time [rules:duplicates-change-nothing]", () => {
    fc.assert(
      fc.property(histories, (history) => {
        for (const [index, state] of run(history).entries()) {
          const again = history[index];
          if (again === undefined || again.type === "VerdictsRequested") continue;
          expect(stepVerdicts(state, again, String(index))).toEqual(state);
        }
      }),
    );
  });
});

describe("what a model answers", () => {
  it.each([
    ['{"agrees": true, "reason": "ok"}', true],
    ['Sure:\n```json\n{"agrees": true}\n```', true],
    ['{"agrees": "true"}', false],
    ["yes, I agree", false],
    ["{", false],
    ["", false],
  ])("%s agrees: %s [quorum:silence-is-no]", (text, agrees) => {
    expect(verdictOfText(text).agrees).toBe(agrees);
  });
});
