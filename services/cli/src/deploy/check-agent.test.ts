import { defineAgent } from "@busbar/agent";
import type { Project } from "@busbar/agent/project";
import {
  DEFAULT_BREAKER,
  DEFAULT_DRIFT,
  DEFAULT_FLOW,
  DEFAULT_LIMITS,
  DEFAULT_RULES,
  DEFAULT_TOOL,
  type Policy,
  policyHash,
} from "@busbar/policy";
import { describe, expect, it } from "vitest";
import { checkAgent, chooseAgent } from "./check-agent.ts";

const tool = (digest: string, args: Policy["tools"][string]["args"] = true) => {
  return { ...DEFAULT_TOOL, effect: "write" as const, digest, args };
};

const policy = (more: Partial<Policy> = {}): Policy => ({
  version: 1,
  tools: { mail: tool("m1") },
  agents: { other: { tools: [], sends: [], models: [] } },
  statements: {},
  models: {},
  rules: DEFAULT_RULES,
  breaker: DEFAULT_BREAKER,
  flow: DEFAULT_FLOW,
  drift: DEFAULT_DRIFT,
  limits: DEFAULT_LIMITS,
  ...more,
});

const agent = (name: string, version = "1.0.0") => defineAgent({ name, version, handler: () => Promise.resolve(null) });

const project = (row: Partial<Policy["agents"][string]>, tools: Policy["tools"] = {}, names = ["mine"]): Project => ({
  file: "/p/busbar.yaml",
  policy: policy({ tools, agents: { mine: { tools: [], sends: [], models: [], ...row } } }),
  tools: [],
  models: [],
  agents: names.map((name) => agent(name)),
});

const check = (found: Project, version?: string) => checkAgent(found, agent("mine", version), policy());

describe("what is deployed", () => {
  it("is the project's only agent, or the one that is named [deploy:validated]", () => {
    expect(chooseAgent(project({}), undefined).name).toBe("mine");
    const two = project({}, {}, ["mine", "yours"]);
    expect(chooseAgent(two, "yours").name).toBe("yours");
    expect(() => chooseAgent(two, undefined)).toThrow("it has several agents: mine, yours");
    expect(() => chooseAgent(two, "theirs")).toThrow("the project has no agent theirs");
    expect(() => chooseAgent(project({}, {}, []), undefined)).toThrow("its modules export no agent");
  });

  it("is checked in its version, its tools, its sub-tasks and its schemas [deploy:validated]", () => {
    expect(() => check(project({}), "1 0")).toThrow('version "1 0" has other characters');
    expect(() => check(project({ tools: ["mail", "fax"] }))).toThrow("agents.mine.tools: fax is not in the policy");
    expect(() => check(project({ sends: ["nobody"] }))).toThrow("agents.mine.sends: nobody is not in the policy");
    expect(() => check(project({}, { mail: tool("m1", { type: "nonsense" }) }))).toThrow("tools.mail.args: the schema");
    expect(() => check(project({ tools: ["mail"] }, { mail: tool("m2") }))).toThrow("tool mail has manifest m2 here");
  });

  it("brings its row into the policy in force, and names the digests of its tools [deploy:policy-travels]", () => {
    const found = check(project({ tools: ["mail"], sends: ["other"] }, { mail: tool("m1") }));
    expect(found.policy.agents).toEqual({
      other: { tools: [], sends: [], models: [] },
      mine: { tools: ["mail"], sends: ["other"], models: [] },
    });
    expect(found.policy.tools).toEqual(policy().tools);
    expect(found.policyHash).toBe(policyHash(found.policy));
    expect(found.tools).toEqual([{ tool: "mail", digest: "m1" }]);
    expect(check(project({ tools: ["*"] })).tools).toEqual([{ tool: "mail", digest: "m1" }]);
  });
});
