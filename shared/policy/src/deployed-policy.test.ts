import type { AppliedDirective } from "@busbar/events";
import { canonicalJson, type Json } from "@busbar/kernel";
import { describe, expect, it } from "vitest";
import { withDeployedRows } from "./deployed-policy.ts";
import { POLICY } from "./door/testing.ts";
import type { AgentPolicy, Policy } from "./policy-document.ts";

const row = (...tools: readonly string[]): AgentPolicy => ({ tools, sends: [], models: [] });
const withAgents = (agents: Policy["agents"]): Policy => ({ ...POLICY, agents });

const directive = (kind: string, body: Readonly<Record<string, Json>>): AppliedDirective => {
  return { offset: "1", kind, scope: "", id: "", detail: canonicalJson(body) };
};
const setPolicy = (policy: Policy): AppliedDirective =>
  directive("SetPolicy", { hash: "h", policy: canonicalJson(policy as unknown as Json) });
const deployed = directive("AgentDeployed", {
  agent: "a",
  version: "1",
  codeDigest: "c",
  policyHash: "p",
  instances: 1,
});

describe("the policy of a gateway that starts", () => {
  const own = withAgents({ a: row("db.read"), b: row("db.read") });
  const inForce = withAgents({ a: row("db.write"), b: row("db.write"), c: row() });

  it("keeps the row of a deployed agent and has its own for all else [deploy:policy-travels]", () => {
    const found = withDeployedRows(own, [setPolicy(inForce), deployed]);
    expect(found).toEqual(withAgents({ a: row("db.write"), b: row("db.read") }));
  });

  it("is its own where nobody deployed the agent, or undeployed it [deploy:policy-travels]", () => {
    expect(withDeployedRows(own, [])).toEqual(own);
    expect(withDeployedRows(own, [setPolicy(inForce)])).toEqual(own);
    const gone = directive("AgentUndeployed", { agent: "a", version: "", force: false });
    expect(withDeployedRows(own, [setPolicy(inForce), deployed, gone])).toEqual(own);
  });

  it("has the row that was put in force last [deploy:policy-travels]", () => {
    const later = withAgents({ a: row("db.drop") });
    expect(withDeployedRows(own, [setPolicy(inForce), deployed, setPolicy(later)]).agents["a"]).toEqual(row("db.drop"));
  });
});
