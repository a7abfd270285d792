/** The folds behind `breakers`, `agents` and `tools`. */
import { canonicalJson, type Json, sha256Hex } from "@busbar/kernel";
import {
  type BreakerView,
  DEFAULT_BREAKER,
  DEFAULT_DRIFT,
  DEFAULT_FLOW,
  DEFAULT_LIMITS,
  DEFAULT_RULES,
  DEFAULT_TOOL,
  initialPartitionState,
  type PartitionState,
  type Policy,
  type ToolPolicy,
} from "@busbar/policy";
import { describe, expect, it } from "vitest";
import { foldAgents } from "./agents.ts";
import { type BreakerOrderRead, foldBreakers } from "./breakers.ts";
import { foldTools } from "./tools.ts";

const NOW = 1_000_000;

const tool = (more: Partial<ToolPolicy> = {}): ToolPolicy => ({
  ...DEFAULT_TOOL,
  effect: "write",
  digest: "d",
  ...more,
});
const policyOf = (tools: Policy["tools"], agents: Policy["agents"] = {}): Policy => ({
  version: 1,
  tools,
  agents,
  models: {},
  statements: {},
  rules: DEFAULT_RULES,
  breaker: DEFAULT_BREAKER,
  flow: DEFAULT_FLOW,
  drift: DEFAULT_DRIFT,
  limits: DEFAULT_LIMITS,
});
const stateWith = (partition: number, more: Partial<PartitionState>): PartitionState => ({
  ...initialPartitionState(partition),
  ...more,
});
const open = (state: BreakerView["state"], cause = "busbar.events/1/7"): BreakerView => ({
  state,
  rule: "consecutive-failures",
  reason: "2 failures in a row",
  cause,
  granted: 0,
});
const order = (kind: string, atMs: number, body: Record<string, Json>): BreakerOrderRead => ({
  applied: { offset: "1", kind, scope: "", id: "tool:sql", detail: canonicalJson({ key: "tool:sql", ...body }) },
  atMs,
});
const SQL = policyOf({ sql: tool(), mail: tool() });

describe("the list of breakers", () => {
  it("says since when one is open, why, and when the next probe may come [cli:breakers-list]", () => {
    const states = [0, 1].map((partition) =>
      stateWith(partition, { policy: SQL, breakers: { "tool:sql": open("open") } }),
    );
    const orders = [
      order("OpenBreaker", NOW - 90_000, { cooldownMs: 5000, by: "supervisor:old" }),
      order("OpenBreaker", NOW - 2000, { cooldownMs: 5000, by: "supervisor:s1" }),
    ];
    expect(foldBreakers(states, orders, NOW)).toEqual([
      {
        key: "tool:sql",
        state: "open",
        rule: "consecutive-failures",
        reason: "2 failures in a row",
        cause: "busbar.events/1/7",
        by: "supervisor:s1",
        sinceMs: NOW - 2000,
        grantsLeft: 0,
        nextProbeAtMs: NOW + 3000,
        partitions: [0, 1],
      },
      expect.objectContaining({ key: "tool:mail", state: "closed", nextProbeAtMs: null, partitions: [0, 1] }),
    ]);
  });

  it("has agents beside tools, and an agent at a tool where it is not closed [cli:breakers-list]", () => {
    const policy = policyOf({ sql: tool() }, { ann: { tools: ["*"], sends: [], models: [] } });
    const rows = foldBreakers([stateWith(0, { policy, breakers: { "agent:ann/tool:sql": open("open") } })], [], NOW);
    expect(rows.map(({ key, state }) => `${key} ${state}`)).toEqual([
      "agent:ann/tool:sql open",
      "agent:ann closed",
      "tool:sql closed",
    ]);
  });

  it("counts the grants that are left, and waits for the end of spent ones [cli:breakers-list]", () => {
    const half = (left: number, expiresAtMs: number) =>
      stateWith(0, {
        breakers: { "tool:sql": open("half-open") },
        grants: { g1: { key: "tool:sql", left, expiresAtMs }, g2: { key: "tool:mail", left: 9, expiresAtMs } },
      });
    const orders = [
      order("OpenBreaker", NOW - 9000, { cooldownMs: 5000 }),
      order("Grant", NOW - 1000, { expiresAtMs: NOW + 4000 }),
    ];
    expect(foldBreakers([half(1, NOW + 4000)], orders, NOW)).toMatchObject([{ grantsLeft: 1, nextProbeAtMs: NOW }]);
    expect(foldBreakers([half(0, NOW + 4000)], orders, NOW)).toMatchObject([
      { grantsLeft: 0, nextProbeAtMs: NOW + 4000 },
    ]);
    expect(foldBreakers([half(1, NOW - 1)], orders, NOW)).toMatchObject([{ grantsLeft: 0 }]);
  });

  it("has a row of its own for partitions that say otherwise, and no probe for one held by hand [cli:breakers-list]", () => {
    const states = [
      stateWith(0, { breakers: { "tool:sql": open("open") } }),
      stateWith(1, { breakers: { "tool:sql": open("isolated", "") } }),
      stateWith(2, {}),
    ];
    const rows = foldBreakers(states, [order("IsolateBreaker", NOW - 10, { by: "operator:ann" })], NOW);
    expect(rows.map(({ state, partitions, by, nextProbeAtMs }) => [state, partitions, by, nextProbeAtMs])).toEqual([
      ["open", [0], "", null],
      ["isolated", [1], "operator:ann", null],
    ]);
  });
});

describe("the list of tools", () => {
  it("has each tool with its breaker, schemas and callers, and tells partitions that differ [cli:tools-list]", () => {
    const agents = { a: { tools: ["*"], sends: [], models: [] }, b: { tools: ["mail"], sends: [], models: [] } };
    const older = policyOf({ sql: tool({ args: { type: "object" } }), mail: tool() }, agents);
    const newer = policyOf({ sql: tool({ args: true }), mail: tool() }, agents);
    const rows = foldTools([
      stateWith(0, { policy: older, breakers: { "tool:sql": open("half-open") } }),
      stateWith(1, { policy: newer, breakers: { "tool:sql": open("open") } }),
    ]);
    expect(rows.map((row) => [row.tool, row.breaker, row.agents, row.partitions])).toEqual([
      ["mail", "closed", ["a", "b"], [0, 1]],
      ["sql", "open", ["a"], [0]],
      ["sql", "open", ["a"], [1]],
    ]);
    expect(rows[1]?.schemaDigest).toBe(sha256Hex('[{"type":"object"},null]'));
    expect(rows[2]?.schemaDigest).toBe(sha256Hex("[true,null]"));
    expect(foldTools([stateWith(0, {})])).toEqual([]);
  });
});

describe("the list of agents", () => {
  it("sets what the policy declares beside what lives [cli:agents-list]", () => {
    const chains = { open: 1, degraded: 0, halted: 0 };
    const status = ["support", "stray"].map(
      (agent) => ({ agent, state: "working", instances: 1, chains, inDoubt: 0 }) as const,
    );
    const policy = policyOf({}, { support: { tools: ["mail"], sends: ["stray"], models: ["m"] } });
    const life = { agent: "support", instance: "i1", version: "", state: "working", chains: ["c1"], ageMs: 40 };
    const drift = { agent: "stray", reason: "it moved", index: 0.4, limit: 0.3, cause: "busbar.events/0/1", atMs: NOW };
    const rows = foldAgents(status, [stateWith(0, {}), stateWith(1, { policy })], [drift], [life]);
    expect(rows).toMatchObject([
      { agent: "support", declared: true, tools: ["mail"], sends: ["stray"], models: ["m"], instances: [life], chains },
      { agent: "stray", declared: false, tools: [], instances: [], drift: "it moved" },
    ]);
  });
});
