import { familyOf, MESSAGE_TYPES } from "@busbar/events";
import { describe, expect, it } from "vitest";
import { describeEvent } from "./describe-event.ts";
import { matches, typesOption } from "./event-filter.ts";
import { eventAt } from "./testing-events.ts";

const BLANK = { applied: [], abandoned: [], inFlight: [], evidence: [], judges: [], undos: [], impossible: [] };

describe("an event as one line", () => {
  it("is there for every type of event", () => {
    const types = MESSAGE_TYPES.filter((type) => familyOf(type) === "event");
    for (const type of types) {
      const words = describeEvent(
        eventAt(0, 0, { type: type as "TaskFailed", reason: "because", output: "because", ...BLANK }).event,
      );
      expect(words, type).not.toBe("");
    }
  });

  it("says what, and why", () => {
    const refused = {
      type: "EffectRefused",
      step: 2,
      tool: "sql",
      code: "BUSBAR_FREEZE_ACTIVE",
      reason: "frozen",
    } as const;
    expect(describeEvent(eventAt(0, 0, refused).event)).toBe("step 2 sql BUSBAR_FREEZE_ACTIVE: frozen");
  });
});

describe("attempts as lines", () => {
  const failed = { type: "ModelCallFailed", model: "gpt", code: "BUSBAR_THROTTLED", reason: "429" } as const;
  const lineOf = (more: object): string => describeEvent(eventAt(0, 0, { ...failed, ...more }).event);

  it("say whether and when another one follows [attempts:throttled-is-no-error]", () => {
    const { meta } = eventAt(0, 0, failed).event;
    expect(lineOf({ final: true, retryAtMs: 0 })).toBe("gpt BUSBAR_THROTTLED: 429");
    expect(lineOf({ final: false, retryAtMs: 0 })).toBe("gpt BUSBAR_THROTTLED: 429 (tried again)");
    expect(lineOf({ final: false, retryAtMs: meta.atMs + 2000 })).toContain("(tried again in 2000 ms)");
  });

  it("say what is estimated and which tool calls are unusable [models:broken-tool-call-is-an-answer]", () => {
    const problems = [{ toolCallId: "1", tool: "orders.refund", reason: "no JSON" }];
    const told = { type: "ModelCallCompleted", durationMs: 5, inputTokens: 3, outputTokens: 4 } as const;
    expect(lineOf({ ...told, estimated: true, problems })).toBe(
      "gpt in 5 ms, about 3+4 tokens; unusable: orders.refund, no JSON",
    );
    expect(lineOf({ ...told, estimated: false, problems: [] })).toBe("gpt in 5 ms, 3+4 tokens");
  });
});

describe("the filter of events", () => {
  const { event } = eventAt(0, 0, {
    type: "EffectRefused",
    chain: "child",
    lineage: ["root", "child"],
    of: "warehouse",
  });

  it("takes a chain with its sub-tasks, an agent, types and their beginnings", () => {
    expect(matches({}, event)).toBe(true);
    expect([
      matches({ chain: "child" }, event),
      matches({ chain: "root" }, event),
      matches({ chain: "x" }, event),
    ]).toEqual([true, true, false]);
    expect([matches({ agent: "warehouse" }, event), matches({ agent: "support" }, event)]).toEqual([true, false]);
    expect([matches({ types: ["TaskSent", "Effect*"] }, event), matches({ types: ["TaskSent"] }, event)]).toEqual([
      true,
      false,
    ]);
    expect(matches({ chain: "root", types: ["TaskSent"] }, event)).toBe(false);
  });

  it("knows types in any case and refuses strangers with what is close [cli:error-says-next]", () => {
    expect(typesOption("effectrefused, CHAIN*")).toEqual(["EffectRefused", "Chain*"]);
    for (const text of ["Foo", "*", ""]) expect(() => typesOption(text), text).toThrow("no event is named");
  });
});
