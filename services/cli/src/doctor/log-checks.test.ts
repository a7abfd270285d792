import type { BusHeartbeat } from "@busbar/events";
import {
  DEFAULT_BREAKER,
  DEFAULT_DRIFT,
  DEFAULT_FLOW,
  DEFAULT_LIMITS,
  DEFAULT_RULES,
  DEFAULT_TOOL,
  initialPartitionState,
  type PartitionState,
  type Policy,
  policyHash,
} from "@busbar/policy";
import { metaWith } from "@busbar/runtime";
import { describe, expect, it } from "vitest";
import { type Beat, foldLife } from "../read/heartbeats.ts";
import {
  checkClocks,
  checkDoor,
  checkFailures,
  checkLetters,
  checkPolicies,
  checkSupervisors,
  checkVoids,
} from "./log-checks.ts";

const NOW = 100_000;
const meta = metaWith({ eventId: "x", atMs: 0 });

function supervisorBeat(
  partition: number,
  atMs: number,
  more: { readonly sentAtMs?: number; readonly stream?: string } = {},
): Beat {
  const { sentAtMs = atMs, stream = "events" } = more;
  const message = {
    type: "SupervisorHeartbeat",
    meta,
    supervisor: "s1",
    stream,
    partition,
    eventsThrough: "5",
    directivesEnd: "1",
    sentAtMs,
  };
  return { atMs, message: message as unknown as BusHeartbeat };
}

const agentBeat = (instance: string, atMs: number): Beat => ({
  atMs,
  message: {
    type: "AgentHeartbeat",
    meta,
    agent: "a",
    instance,
    version: "",
    state: "working",
    chains: [{ chainId: "c1", incarnation: 1 }],
    sentAtMs: atMs,
  },
});

describe("signs of life", () => {
  it("count by the broker's time, the newest of each process", () => {
    const beats = [
      agentBeat("a1", NOW - 900),
      agentBeat("a1", NOW - 400),
      agentBeat("a2", NOW - 6000),
      supervisorBeat(0, NOW - 100),
    ];
    const life = foldLife(beats, NOW);
    expect(life.agents).toEqual([
      { agent: "a", instance: "a1", version: "", state: "working", chains: ["c1"], ageMs: 400 },
    ]);
    expect(life.supervisors).toMatchObject([{ supervisor: "s1", partition: 0, ageMs: 100 }]);
  });

  it("of a supervisor are asked for each events partition [doctor:supervisor-silent]", () => {
    expect(checkSupervisors([supervisorBeat(0, NOW), supervisorBeat(1, NOW - 300)], NOW, [0, 1])).toMatchObject([
      { state: "ok" },
    ]);
    const signals = supervisorBeat(1, NOW, { stream: "signals" });
    for (const beats of [
      [supervisorBeat(0, NOW)],
      [supervisorBeat(0, NOW), supervisorBeat(1, NOW - 6000)],
      [supervisorBeat(0, NOW), signals],
    ]) {
      const [check] = checkSupervisors(beats, NOW, [0, 1]);
      expect(check).toMatchObject({ state: "fail", next: "npx busbar dev" });
      expect(check).toMatchObject({ id: "supervisor-silent", subject: "partitions 1" });
    }
  });

  it("of a gateway say which partition it has shut, why, and what to type; a later claim of another one ends it [doctor:door-failed]", () => {
    const next = "start the gateway with BUSBAR_ACCEPT_GAP=busbar.commands/3@9";
    const shut = { partition: 3, lifecycle: "failed", failure: "positions 4 to 9 are gone", next };
    const beat = (gateway: string, atMs: number, doors: readonly object[]): Beat => ({
      atMs,
      message: { type: "GatewayHeartbeat", meta, gateway, doors, sentAtMs: atMs } as unknown as BusHeartbeat,
    });
    const failed = beat("g1", NOW - 100, [{ ...shut, claimOffset: "5" }]);
    expect(checkFailures([failed], NOW)).toEqual([
      { id: "door-failed", state: "fail", subject: "partition 3", text: "shut by g1: positions 4 to 9 are gone", next },
    ]);
    const working = { partition: 3, claimOffset: "12", lifecycle: "active", failure: "", next: "" };
    expect(checkFailures([beat("g2", NOW, [working]), failed], NOW)).toEqual([]);
    expect(checkFailures([failed, beat("g1", NOW, [working])], NOW)).toEqual([]);
    expect(checkFailures([{ ...failed, atMs: NOW - 6000 }], NOW)).toEqual([]);
    // One that could not even claim is heard as long as nobody else holds the partition.
    expect(checkFailures([beat("g1", NOW, [{ ...shut, claimOffset: "" }])], NOW)).toHaveLength(1);
  });

  it("tell how far the clocks are apart, and whose [doctor:clock-skew]", () => {
    const one = (sentAtMs: number) => checkClocks([supervisorBeat(0, NOW, { sentAtMs }), agentBeat("a1", NOW)], NOW);
    expect(one(NOW - 20)).toMatchObject([{ id: "clock", state: "ok" }]);
    const apart = { id: "clock-skew", subject: "supervisor s1", state: "fail", next: "timedatectl set-ntp true" };
    expect(one(NOW - 20_000)).toMatchObject([{ ...apart, text: "its clock is 20.0 s behind the broker's" }]);
    expect(one(NOW + 20_000)).toMatchObject([{ ...apart, text: "its clock is 20.0 s ahead of the broker's" }]);
    expect(checkClocks([agentBeat("a1", NOW + 60_000)], NOW)).toMatchObject([{ subject: "this machine" }]);
    expect(checkClocks([], NOW)).toEqual([]);
  });
});

const stateWith = (more: Partial<PartitionState>): PartitionState => ({ ...initialPartitionState(3), ...more });
const view = (more: Partial<PartitionState>) => ({
  state: stateWith(more),
  owner: "gw",
  doorAtMs: 0,
  readFrom: 0n,
  voids: 0,
  undecodable: [],
});

describe("a partition", () => {
  it("fails without an owner or with a closed door, warns when it only reads [doctor:partition-unowned] [doctor:door-closed] [doctor:door-degraded]", () => {
    const claim = { offset: "4", nonce: "n" };
    expect(checkDoor(view({}))).toMatchObject({ id: "partition-unowned", state: "fail", next: "npx busbar dev" });
    expect(checkDoor(view({ claim, door: "open" }))).toMatchObject({ id: "door", subject: "partition 3", state: "ok" });
    expect(checkDoor(view({ claim, door: "closed", doorReason: "not opened yet" }))).toMatchObject({
      id: "door-closed",
      state: "fail",
      text: "closed, claimed by gw at o4: not opened yet",
    });
    expect(checkDoor(view({ claim, door: "degraded", doorReason: "no heartbeat" }))).toMatchObject({
      id: "door-degraded",
      state: "warn",
      text: "read-only, claimed by gw at o4: no heartbeat",
    });
  });

  it("shows its void records, and fails for a valid one that nobody can read [placement:void-counted] [doctor:void-records] [doctor:events-undecodable]", () => {
    expect(checkVoids(view({ events: 7 }))).toMatchObject({
      id: "events",
      state: "ok",
      text: "7 valid, 0 void records",
    });
    expect(checkVoids({ ...view({ events: 7 }), voids: 2 })).toMatchObject({
      id: "void-records",
      state: "warn",
      text: "7 valid, 2 void records",
      next: "npx busbar events query --partition 3 --void",
    });
    expect(checkVoids({ ...view({}), undecodable: [9n] })).toMatchObject({
      id: "events-undecodable",
      state: "fail",
      next: "npx busbar schemas push",
    });
  });
});

describe("the policies in force", () => {
  const policy = (tools: readonly string[]): Policy => ({
    version: 1,
    models: {},
    tools: { "orders.read": { ...DEFAULT_TOOL, effect: "read", digest: "d" } },
    agents: { clerk: { tools, sends: [], models: [] } },
    statements: {},
    rules: DEFAULT_RULES,
    breaker: DEFAULT_BREAKER,
    flow: DEFAULT_FLOW,
    drift: DEFAULT_DRIFT,
    limits: DEFAULT_LIMITS,
  });
  const governed = (partition: number, one: Policy | null) => {
    return { partition, policy: one, policyHash: one === null ? "" : policyHash(one) };
  };

  it("are the same everywhere [doctor:policy-differs]", () => {
    const [one, other] = [policy(["orders.read"]), policy(["*"])];
    expect(checkPolicies([governed(0, one), governed(1, one)])).toMatchObject([{ id: "policy", state: "ok" }]);
    const next = "npx busbar policy push --reason 'one policy for all partitions'";
    for (const states of [
      [governed(0, one), governed(1, other)],
      [governed(0, one), governed(1, null)],
    ]) {
      expect(checkPolicies(states)).toMatchObject([{ id: "policy-differs", state: "warn", next }]);
    }
    expect(checkPolicies([governed(0, null)])).toMatchObject([
      { id: "policy", state: "ok", text: "none is in force yet" },
    ]);
  });

  it("allow only tools that are there [doctor:policy-unknown-tool]", () => {
    expect(checkPolicies([governed(0, policy(["*", "orders.raed"]))])).toMatchObject([
      {
        id: "policy-unknown-tool",
        subject: "agent clerk",
        text: "it may call orders.raed, which is not there; is orders.read meant?",
        next: "npx busbar policy push --reason 'clerk named a tool that is not there'",
      },
    ]);
  });
});

describe("dead letters", () => {
  it("that nobody redrove are counted by code [doctor:dead-letters]", () => {
    expect(checkLetters(new Map())).toMatchObject({ id: "letters", state: "ok" });
    expect(checkLetters(new Map([["BUSBAR_SCHEMA_UNKNOWN", 2]]))).toMatchObject({
      id: "dead-letters",
      state: "warn",
      text: "2 wait: 2 BUSBAR_SCHEMA_UNKNOWN",
      next: "npx busbar dlq ls",
    });
  });
});
