import type { AgentDeployment } from "@busbar/policy";
import { describe, expect, it } from "vitest";
import type { DeploymentView, VersionView } from "./deployment-view.ts";
import { type Action, planDeployment, type Pool } from "./plan.ts";

const row = (version: string, role: VersionView["role"], more: Partial<VersionView> = {}): VersionView => ({
  version,
  codeDigest: `code-${version}`,
  role,
  chains: 0,
  failed: "",
  order: "1",
  ...more,
});

const pool = (more: Partial<Pool> = {}): Pool => ({ order: "1", size: 2, ready: 2, failed: "", ...more });

function plan(
  versions: readonly VersionView[],
  pools: Readonly<Record<string, Pool>>,
  more: Partial<AgentDeployment> & { readonly isSettled?: boolean; readonly here?: readonly string[] } = {},
): readonly Action[] {
  const { isSettled = true, here = versions.map(({ version }) => version), ...deployment } = more;
  const known = versions.map(({ version, codeDigest, failed, role }) => {
    const isPromoted = role !== "candidate";
    return [version, { codeDigest, policyHash: "", order: "1", isPromoted, failed, isEnding: false }] as const;
  });
  const of = (role: string): string => versions.find((one) => one.role === role)?.version ?? "";
  const view: DeploymentView = {
    agent: "a",
    versions,
    isSettled,
    deployment: {
      current: of("current"),
      candidate: of("candidate"),
      isClosed: false,
      instances: 2,
      promoted: known.filter(([, { isPromoted }]) => isPromoted).map(([version]) => version),
      endsUnpinned: false,
      versions: Object.fromEntries(known),
      ...deployment,
    },
  };
  return planDeployment({ view, pools: new Map(Object.entries(pools)), isHere: (version) => here.includes(version) });
}

describe("what a deployment supervisor does next", () => {
  it("starts what the log asks for, in that number [deploy:supervised]", () => {
    expect(plan([row("1", "candidate")], {})).toEqual([
      { kind: "run", version: "1", order: "1", codeDigest: "code-1", size: 2 },
    ]);
    expect(plan([row("1", "current")], { "1": pool() }, { instances: 3 })).toMatchObject([{ kind: "run", size: 3 }]);
    expect(plan([row("1", "current")], { "1": pool() })).toEqual([]);
  });

  it("promotes a candidate when all of its processes are ready, not before [deploy:promoted-when-ready]", () => {
    const versions = [row("1", "current"), row("2", "candidate")];
    expect(plan(versions, { "1": pool(), "2": pool({ ready: 1 }) })).toEqual([]);
    expect(plan(versions, { "1": pool(), "2": pool() })).toEqual([{ kind: "promote", version: "2" }]);
  });

  it("rolls a candidate back that is given up, to what is current [deploy:broken-rolled-back]", () => {
    const versions = [row("1", "current"), row("2", "candidate")];
    const failed = "a@2-1: exit code 7";
    expect(plan(versions, { "1": pool(), "2": pool({ failed, ready: 1 }) })).toEqual([
      { kind: "roll-back", version: "2", to: "1", reason: failed },
    ]);
    expect(plan([row("1", "candidate")], { "1": pool({ failed }) })).toMatchObject([{ kind: "roll-back", to: "" }]);
  });

  it("rolls the current one back to the version before it, if its code is here [deploy:broken-rolled-back]", () => {
    const versions = [row("1", "retired"), row("2", "current")];
    const pools = { "2": pool({ failed: "exit code 9" }) };
    expect(plan(versions, pools)).toEqual([{ kind: "roll-back", version: "2", to: "1", reason: "exit code 9" }]);
    expect(plan(versions, pools, { here: ["2"] })).toEqual([]);
    expect(plan([row("2", "current")], pools)).toEqual([]);
  });

  it("tries a version again when it was ordered again [deploy:supervised]", () => {
    const found = plan([row("2", "current", { order: "9" })], { "2": pool({ failed: "exit code 9" }) });
    expect(found).toMatchObject([{ kind: "run", version: "2", order: "9" }]);
  });

  it("keeps a draining version until it has no chain, with one process at least [deploy:drains]", () => {
    const versions = [row("1", "draining", { chains: 3 }), row("2", "current")];
    expect(plan(versions, { "1": pool(), "2": pool() })).toEqual([]);
    expect(plan(versions, { "1": pool(), "2": pool() }, { instances: 0 })).toMatchObject([
      { version: "1", size: 1 },
      { version: "2", size: 0 },
    ]);
    const over = [row("1", "retired"), row("2", "current")];
    expect(plan(over, { "1": pool(), "2": pool() })).toEqual([{ kind: "stop", version: "1" }]);
  });

  it("ends when nothing is left to run and every partition says so [deploy:leaves-nothing]", () => {
    expect(plan([row("1", "retired")], {})).toEqual([{ kind: "end" }]);
    expect(plan([row("1", "retired")], {}, { isSettled: false })).toEqual([]);
    expect(plan([row("1", "draining", { chains: 1 })], { "1": pool() })).toEqual([]);
  });
});
