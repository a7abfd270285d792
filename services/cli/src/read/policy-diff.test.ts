import {
  DEFAULT_BREAKER,
  DEFAULT_DRIFT,
  DEFAULT_FLOW,
  DEFAULT_LIMITS,
  DEFAULT_RULES,
  initialPartitionState,
  type Policy,
  policyHash,
} from "@busbar/policy";
import { describe, expect, it } from "vitest";
import { diffInForce, diffPolicies, isSame } from "./policy-diff.ts";

const policy = (more: Partial<Policy> = {}): Policy => ({
  version: 1,
  tools: {},
  models: {},
  agents: { a: { tools: ["x"], sends: [], models: [] } },
  statements: {},
  rules: DEFAULT_RULES,
  breaker: DEFAULT_BREAKER,
  flow: DEFAULT_FLOW,
  drift: DEFAULT_DRIFT,
  limits: DEFAULT_LIMITS,
  ...more,
});
const inForce = (partition: number, one: Policy | null) => ({
  ...initialPartitionState(partition),
  policy: one,
  policyHash: one === null ? "" : policyHash(one),
});

describe("the difference of two policies", () => {
  it("is what was added, taken away and changed, by path; lists are whole [cli:policy-diff]", () => {
    const after = policy({
      agents: { a: { tools: ["x", "y"], sends: [], models: [] }, b: { tools: [], sends: [], models: [] } },
      rules: { ...DEFAULT_RULES, contradictions: 7 },
    });
    expect(
      diffPolicies(policy(), after).map(({ path, kind, before, after: now }) => [kind, path.join("."), before, now]),
    ).toEqual([
      ["changed", "agents.a.tools", ["x"], ["x", "y"]],
      ["added", "agents.b", null, { tools: [], sends: [], models: [] }],
      ["changed", "rules.contradictions", 1, 7],
    ]);
    expect(diffPolicies(after, policy()).map(({ kind }) => kind)).toEqual(["changed", "removed", "changed"]);
    expect(diffPolicies(policy(), policy())).toEqual([]);
  });

  it("is told for each policy that is in force somewhere [cli:policy-diff]", () => {
    const wanted = policy();
    const other = policy({ agents: {} });
    const states = [inForce(0, wanted), inForce(1, other), inForce(2, wanted), inForce(3, null)];
    const found = diffInForce(states, wanted);
    expect(found.map(({ partitions, differences }) => [partitions, differences.length])).toEqual([
      [[0, 2], 0],
      [[1], 1],
      [[3], 1],
    ]);
    expect([isSame(states, wanted), isSame([inForce(0, wanted)], wanted)]).toEqual([false, true]);
  });
});
