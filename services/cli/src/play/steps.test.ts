import { DEFAULT_TOOL, type ToolPolicy } from "@busbar/policy";
import { describe, expect, it } from "vitest";
import { parseLine } from "./parse-line.ts";
import { playedPolicy, playPolicy } from "./play-policy.ts";
import type { RecordedRun } from "./recorded-run.ts";
import { personTool, stepsOf } from "./steps.ts";

function runOf(value: unknown): RecordedRun {
  const parsed = parseLine(JSON.stringify(value));
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.run;
}

const said = (kind: string, text: string) => ({ kind, text });
const called = (result: unknown) => ({ kind: "tool", tool: "find", args: {}, result, rw: "r" });
const RUN = runOf({
  events: [
    said("user", "cancel it"),
    said("assistant", "which one?"),
    said("user", "W1"),
    called('{"order": "W1"}'),
    said("assistant", "sure?"),
    said("assistant", "really?"),
    said("user", "yes"),
    called("{ not JSON"),
    said("user", "thanks"),
  ],
});
const tool = (own: Partial<ToolPolicy>): ToolPolicy => ({
  ...DEFAULT_TOOL,
  effect: "read",
  digest: "d",
  ...own,
});

describe("the steps of a run", () => {
  it("are its calls where no tool asks the person [play:person]", () => {
    const steps = stepsOf(RUN, null);
    expect(steps.map(({ tool: name, index, isTurn }) => [name, index, isTurn])).toEqual([
      ["find", 0, false],
      ["find", 1, false],
    ]);
    expect(steps[0]?.answer).toEqual({ kind: "result", result: '{"order": "W1"}' });
  });

  it("hold each turn of the person in its place, with what the agent had said; the first one is the task [play:person]", () => {
    const steps = stepsOf(RUN, "person");
    expect(RUN.opening).toBe("cancel it");
    expect(steps.map(({ tool: name, index }) => [name, index])).toEqual([
      ["person", -1],
      ["find", 0],
      ["person", 0],
      ["find", 1],
      ["person", 1],
    ]);
    const turns = steps.filter(({ isTurn }) => isTurn);
    expect(turns.map(({ args }) => args)).toEqual([{ text: "which one?" }, { text: "sure?\nreally?" }, { text: "" }]);
    expect(turns.map(({ answer }) => answer)).toEqual(
      ["W1", "yes", "thanks"].map((result) => ({ kind: "result", result })),
    );
  });

  it("have results as values where rules look at them [play:person]", () => {
    const results = stepsOf(RUN, "person").flatMap(({ answer, isTurn }) => (isTurn ? [] : [answer]));
    expect(results).toEqual([
      { kind: "result", result: { order: "W1" } },
      { kind: "result", result: "{ not JSON" },
    ]);
  });

  it("are read from messages as well [play:person]", () => {
    const call = { id: "a", type: "function", function: { name: "find", arguments: "{}" } };
    const run = runOf({
      messages: [
        { role: "system", content: "be kind" },
        { role: "user", content: "cancel it" },
        { role: "assistant", content: "a moment", tool_calls: [call] },
        { role: "tool", tool_call_id: "a", content: "7" },
        { role: "user", content: "yes" },
      ],
    });
    expect(run.opening).toBe("cancel it");
    expect(stepsOf(run, "person").map(({ tool: name }) => name)).toEqual(["find", "person"]);
    expect(run.turns).toEqual([{ before: 1, asked: "a moment", answer: "yes" }]);
  });
});

describe("a play under a project's policy", () => {
  it("takes its tools and rules, what was recorded beside them, and no breaker over the runs [play:policy]", () => {
    const own = {
      ...playPolicy({ find: tool({ timeoutMs: 5, person: true }) }),
      rules: { consecutiveErrors: 7, contradictions: 0, destructiveRun: 0 },
    };
    const policy = playedPolicy(
      { ...own, breaker: { ...own.breaker, agentFailures: 3 } },
      { find: tool({}), other: tool({}) },
    );
    expect(Object.keys(policy.tools).toSorted()).toEqual(["find", "other"]);
    expect(policy.tools["find"]?.timeoutMs).toBeGreaterThan(5);
    expect(policy.rules.consecutiveErrors).toBe(7);
    expect(policy.breaker.agentFailures).toBe(0);
    expect(personTool(policy)).toBe("find");
    expect(personTool(playPolicy({ other: tool({}) }))).toBeNull();
  });
});
