import {
  type ChainState,
  DEFAULT_LIMITS,
  DEFAULT_TOOL,
  initialPartitionState,
  type PartitionState,
  type Policy,
} from "@busbar/policy";
import { describe, expect, it } from "vitest";
import { hintsOf } from "../commands/status.ts";
import { fenceProblem } from "../commands/resume.ts";
import type { Life } from "./heartbeats.ts";
import { foldStatus } from "./status.ts";

const NOW = 1_000_000;
const NO_LIFE: Life = { doors: [], supervisors: [], agents: [] };
const life = (agent: string, instance: string) => ({
  agent,
  instance,
  version: "",
  state: "working",
  chains: [],
  ageMs: 10,
});

const chain = (chainId: string, agent: string, more: Partial<ChainState> = {}) =>
  ({ chainId, agent, status: "working", calls: {}, halted: null, lineage: [chainId], ...more }) as ChainState;

function view(partition: number, more: Partial<PartitionState> = {}) {
  const state = {
    ...initialPartitionState(partition),
    claim: { offset: "0", nonce: "n" },
    door: "open" as const,
    doorReason: "",
    ...more,
  };
  return { state, owner: "gw", doorAtMs: 5 };
}

const statesOf = (views: ReturnType<typeof view>[], lives: Life = NO_LIFE) =>
  foldStatus(views, lives, [], NOW).agents.map(({ agent, state }) => `${agent} ${state}`);

describe("the status of agents", () => {
  it("is halted under a fence, absent without a process, else degraded, working or idle", () => {
    const lives = { doors: [], supervisors: [], agents: [life("a", "a1"), life("b", "b1")] };
    expect(statesOf([view(0, { chains: { c1: chain("c1", "a") } })], lives)).toEqual(["a working", "b idle"]);
    expect(statesOf([view(0, { chains: { c1: chain("c1", "a", { status: "degraded" }) } })], lives)).toEqual([
      "a degraded",
      "b idle",
    ]);
    expect(statesOf([view(0, { chains: { c1: chain("c1", "a") } })])).toEqual(["a absent"]);
    const fence = { fence: "3", reason: "r", by: "operator:x", trips: [] };
    expect(statesOf([view(0), view(1, { fences: { "agent:a": fence } })], lives)).toEqual(["a halted", "b idle"]);
    expect(statesOf([view(0, { fences: { fleet: fence } })], lives)).toEqual(["a halted", "b halted"]);
  });

  it("says what ends a doubt: another attempt while the key is known, a look, else a person [effects:key-lifetime]", () => {
    const entry = { sinceMs: NOW - 1000 };
    const call = { status: "in-doubt", effectKey: "k", effectClass: "write", dueAtMs: 1 };
    const calls = (name: string) => ({ "c:1": { ...call, name } }) as unknown as ChainState["calls"];
    const ledger = { k: entry } as unknown as ChainState["ledger"];
    const tool = { ...DEFAULT_TOOL, effect: "write", toolClass: "exact", digest: "" } as const;
    const readBack = { tool: "look", args: {}, expect: {} };
    const tools = {
      pay: { ...tool, keyLifetimeMs: 3_600_000 },
      old: { ...tool, keyLifetimeMs: 1000, readBack },
      mail: tool,
    };
    const policy = { tools, limits: DEFAULT_LIMITS } as unknown as Policy;
    const ends = Object.keys(tools).map((name) => {
      const chains = { c: chain("c", "a", { calls: calls(name), ledger }) };
      return foldStatus([view(0, { chains, policy })], NO_LIFE, [], NOW).inDoubt[0]?.endsBy;
    });
    expect(ends).toEqual(["another attempt under its key", "a look by look", "a person"]);
  });

  it("counts instances, and chains over all partitions by what they are", () => {
    const halted = { fence: "busbar.events/1/9", rule: "consecutive-errors", reason: "2 errors" };
    const doubtful = { "c3:1": { status: "in-doubt", name: "mail" } } as unknown as ChainState["calls"];
    const views = [
      view(0, { chains: { c1: chain("c1", "a"), c3: chain("c3", "a", { status: "degraded", calls: doubtful }) } }),
      view(1, { chains: { c2: chain("c2", "a", { status: "halted", halted }) } }),
    ];
    const status = foldStatus(
      views,
      { doors: [], supervisors: [], agents: [life("a", "a1"), life("a", "a2")] },
      ["spare"],
      NOW,
    );
    expect(status.agents).toEqual([
      { agent: "a", state: "degraded", instances: 2, chains: { open: 2, degraded: 1, halted: 1 }, inDoubt: 1 },
      { agent: "spare", state: "absent", instances: 0, chains: { open: 0, degraded: 0, halted: 0 }, inDoubt: 0 },
    ]);
    expect(status.inDoubt).toEqual([
      { chainId: "c3", callId: "c3:1", tool: "mail", partition: 0, state: "in-doubt", endsBy: "a person" },
    ]);
    expect(status.haltedChains).toEqual([{ chainId: "c2", agent: "a", partition: 1, ...halted }]);
  });
});

describe("what stands on the bus", () => {
  const fence = { fence: "7", reason: "stop", by: "operator:ann", trips: [] };
  const freeze = { freezeId: "f-1", scope: "fleet", effects: ["write"], fromMs: 0, untilMs: NOW + 1, reason: "quiet" };
  const breaker = { state: "isolated", rule: "by-hand", reason: "bad", cause: "", granted: 0 } as const;

  it("is said once with the partitions that applied it", () => {
    const views = [0, 1].map((p) =>
      view(p, {
        fences: { "agent:a": fence },
        freezes: p === 0 ? { "f-1": freeze } : {},
        breakers: { "tool:sql": breaker },
      }),
    );
    const { fences, freezes, breakers } = foldStatus(views, NO_LIFE, [], NOW);
    expect(fences).toEqual([
      { scope: "agent:a", id: "7", state: "halted", reason: "stop", by: "operator:ann", partitions: [0, 1] },
    ]);
    expect(freezes).toMatchObject([{ scope: "fleet", id: "f-1", partitions: [0] }]);
    expect(breakers).toMatchObject([{ scope: "tool:sql", state: "isolated", partitions: [0, 1] }]);
  });

  it("is a door that its gateway has shut, with why and what to type, whatever the log says last [cli:error-says-next]", () => {
    const next = "start the gateway with BUSBAR_ACCEPT_GAP=busbar.commands/0@9";
    const door = { gateway: "g1", claimOffset: "0", lifecycle: "failed", ageMs: 5 };
    const doors = [
      { ...door, partition: 0, failure: "positions 4 to 9 are gone", next },
      { ...door, partition: 1, lifecycle: "active", failure: "", next: "" },
    ];
    const status = foldStatus([view(0), view(1)], { ...NO_LIFE, doors }, [], NOW);
    expect(status.doors.map((one) => [one.partition, one.door, one.owner, one.reason])).toEqual([
      [0, "failed", "g1", "positions 4 to 9 are gone"],
      [1, "open", "gw", ""],
    ]);
    expect(hintsOf(status)).toEqual([next, "npx busbar doctor"]);
  });

  it("holds no freeze that is over or has not begun", () => {
    const over = { ...freeze, untilMs: NOW };
    const later = { ...freeze, freezeId: "f-2", fromMs: NOW + 1 };
    expect(foldStatus([view(0, { freezes: { "f-1": over, "f-2": later } })], NO_LIFE, [], NOW).freezes).toEqual([]);
    const open = { ...freeze, untilMs: 0 };
    expect(foldStatus([view(0, { freezes: { "f-1": open } })], NO_LIFE, [], NOW).freezes).toHaveLength(1);
  });

  it("comes with what to type about it [cli:error-says-next]", () => {
    const halted = { fence: "busbar.events/0/9", rule: "r", reason: "x" };
    const chains = { c1: chain("c1", "a", { status: "halted", halted }) };
    const status = foldStatus(
      [
        view(0, {
          fences: { "agent:b": fence },
          freezes: { "f-1": freeze },
          breakers: { "tool:sql": breaker },
          chains,
        }),
      ],
      NO_LIFE,
      [],
      NOW,
    );
    expect(hintsOf(status)).toEqual([
      'npx busbar resume agent:b --fence 7 --reason "<why>"',
      "npx busbar trace c1",
      'npx busbar resume chain:c1 --fence busbar.events/0/9 --reason "<why>"',
      'npx busbar freeze --lift f-1 --reason "<why>"',
      'npx busbar breakers close sql --reason "<why>"',
    ]);
  });

  it("leaves it to the person how an effect in doubt ended", () => {
    const calls = { "c1:2": { status: "in-doubt", name: "mail" } } as unknown as ChainState["calls"];
    const status = foldStatus([view(0, { chains: { c1: chain("c1", "a", { calls }) } })], NO_LIFE, [], NOW);
    expect(hintsOf(status)).toEqual([
      "npx busbar trace c1",
      'npx busbar settle c1 c1:2 committed --reason "<why>"',
      'npx busbar settle c1 c1:2 not-done --reason "<why>"',
    ]);
  });

  it("is lifted only by the fence that stands: another one is refused and the right one named [halt:resume-names-fence]", () => {
    const halted = { fence: "busbar.events/0/9", rule: "r", reason: "x" };
    const status = foldStatus(
      [view(0, { fences: { "agent:b": fence }, chains: { c1: chain("c1", "a", { status: "halted", halted }) } })],
      NO_LIFE,
      [],
      NOW,
    );
    expect(fenceProblem(status, "agent:b", "7")).toBeNull();
    expect(fenceProblem(status, "chain:c1", "busbar.events/0/9")).toBeNull();
    expect(fenceProblem(status, "agent:b", "6")?.next).toBe('npx busbar resume agent:b --fence 7 --reason "<why>"');
    expect(fenceProblem(status, "fleet", "7")?.code).toBe("BUSBAR_NOT_FOUND");
  });
});

describe("doors", () => {
  it("are what the log says last, and unowned before the first claim", () => {
    const { doors } = foldStatus(
      [view(0), view(1, { claim: null, door: "closed", doorReason: "not opened yet" })],
      NO_LIFE,
      [],
      NOW,
    );
    expect(doors).toMatchObject([
      { partition: 0, door: "open", owner: "gw", claim: "0:n" },
      { partition: 1, door: "unowned", reason: "not opened yet" },
    ]);
  });
});
