import { applyDeployment, type ChainState, initialPartitionState, type PartitionState } from "@busbar/policy";
import { describe, expect, it } from "vitest";
import { viewDeployment } from "../deploy/deployment-view.ts";
import { foldDeployments } from "./deployments.ts";

type Order = readonly [kind: string, body: Readonly<Record<string, string | number | boolean>>];

/** A partition that has applied these orders about agent `a`, with open chains on these versions. */
function state(partition: number, orders: readonly Order[], chains: readonly string[] = []): PartitionState {
  const deployments = orders.reduce(
    (found, [kind, body], at) => applyDeployment(found, { kind, offset: String(at) }, { agent: "a", ...body }),
    initialPartitionState(partition).deployments,
  );
  const open = chains.map((version, at) => {
    const chain = { chainId: `${partition}-${at}`, agent: "a", version, incarnation: 1, sequence: 1, calls: {} };
    return [chain.chainId, { ...chain, halted: null } as unknown as ChainState] as const;
  });
  const through = String(orders.length);
  return { ...initialPartitionState(partition), deployments, through, chains: Object.fromEntries(open) };
}

const deployed = (version: string): readonly Order[] => [
  ["AgentDeployed", { version, codeDigest: `code-${version}`, policyHash: "p", instances: 2 }],
  ["AgentPromoted", { version }],
];
const upgrade = [...deployed("1"), ...deployed("2")];
const life = (version: string, instance: string) => {
  return { agent: "a", instance, version, state: "idle", chains: [], ageMs: 1 };
};
const pool = (version: string) => ({ version, wanted: 2, ready: 2, restarts: 3, failed: "", instances: [] });

describe("deployments in status", () => {
  it("show version, ready of wanted, restarts and the chains that drain [deploy:status]", () => {
    const lives = [life("1", "i1"), life("2", "i2"), life("2", "i3"), life("", "undeployed")];
    const local = [{ agent: "a", pid: 1, versions: [pool("2")] }];
    expect(foldDeployments([state(0, upgrade, ["1", "2"]), state(1, upgrade, ["1"])], lives, local)).toMatchObject([
      { agent: "a", version: "1", state: "draining", ready: 1, wanted: 2, restarts: 0, chains: 2 },
      { agent: "a", version: "2", state: "current", ready: 2, wanted: 2, restarts: 3, chains: 1 },
    ]);
  });

  it("leave out what has ended, and say nothing of restarts that only another machine knows [deploy:status]", () => {
    expect(foldDeployments([state(0, upgrade)], [], [])).toMatchObject([
      { version: "2", state: "current", ready: 0, wanted: 2, restarts: null },
    ]);
  });

  it("say why a version was rolled back, and that an agent is undeployed [deploy:status]", () => {
    const back: Order = ["AgentRolledBack", { version: "2", to: "1", reason: "exit code 7" }];
    expect(foldDeployments([state(0, [...upgrade, back])], [], [])).toMatchObject([
      { version: "1", state: "current" },
      { version: "2", state: "failed", reason: "exit code 7", wanted: 0 },
    ]);
    const gone: Order = ["AgentUndeployed", { version: "", force: false }];
    expect(foldDeployments([state(0, [...upgrade, gone])], [], [])).toMatchObject([{ state: "undeployed" }]);
    expect(foldDeployments([state(0, [...upgrade, gone], ["2"])], [], [])).toMatchObject([
      { version: "2", state: "draining", chains: 1 },
    ]);
  });
});

describe("what the partitions say together", () => {
  it("a version drains until the last partition has applied the promotion of the next [deploy:drains]", () => {
    const late = state(1, [...deployed("1"), ...deployed("2").slice(0, 1)]);
    const view = viewDeployment([state(0, upgrade), late], "a");
    expect(view).toMatchObject({ isSettled: false, deployment: { current: "2" } });
    expect(view?.versions.map(({ role }) => role)).toEqual(["draining", "current"]);
    const settled = viewDeployment([state(0, upgrade), state(1, upgrade)], "a");
    expect(settled?.versions.map(({ role }) => role)).toEqual(["retired", "current"]);
  });

  it("is nothing for an agent that nobody deployed [deploy:status]", () => {
    expect(viewDeployment([state(0, [])], "a")).toBeNull();
    expect(foldDeployments([state(0, [])], [], [])).toEqual([]);
  });
});
