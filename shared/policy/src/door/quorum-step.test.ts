/** Verdicts on high-stakes calls, at the door. */
import { describe, expect, it } from "vitest";
import type { Policy } from "../policy-document.ts";
import { DEFAULT_QUORUM, quorumFaults, type QuorumPolicy } from "../quorum/quorum.ts";
import { createScene, only, POLICY, type Scene, types } from "./testing.ts";

const QUORUM: QuorumPolicy = {
  ...DEFAULT_QUORUM,
  agree: 2,
  judges: [
    { name: "bound", kind: "rule", require: "args.table != 'users'" },
    { name: "second", kind: "model", model: "m2", question: "Is it right?" },
    { name: "look", kind: "check", tool: "db.read", args: {}, expect: { old: true } },
  ],
};
function begun(more: Partial<QuorumPolicy> = {}) {
  const policy: Policy = { ...POLICY, quorum: { ...QUORUM, ...more } };
  const scene = createScene(policy);
  return { scene, chain: scene.submit("t") };
}
const drop = (scene: Scene, chain: string, table: string, sequence?: number) =>
  scene.door.turn(scene.call(chain, 1, "db.drop", { table }, sequence === undefined ? {} : { sequence }));
const again = (scene: Scene, chain: string, table: string) =>
  drop(scene, chain, table, scene.chain(chain).sequence + 1);
const say = (scene: Scene, chain: string, judge: string, agrees: boolean) => {
  const at = scene.chain(chain).verdicts[`${chain}:1`]?.requested ?? "";
  return scene.door.turn(scene.outcome(chain, 1, { kind: "verdict", judge, agrees, reason: "because" }, at));
};

describe("a high-stakes call", () => {
  it("waits for its judges, which is no error, and begins when enough agree [quorum:k-of-n]", () => {
    const { scene, chain } = begun();
    const events = drop(scene, chain, "logs");
    expect(types(events)).toEqual(["VerdictsRequested", "VerdictGiven", "CommandDeferred"]);
    expect(only(events, "VerdictGiven")).toMatchObject({ judge: "bound", agrees: true });
    expect(only(events, "CommandDeferred").code).toBe("BUSBAR_VERDICTS_DUE");
    expect(types(again(scene, chain, "logs"))).toEqual(["CommandDeferred"]);
    expect(types(say(scene, chain, "second", true))).toEqual(["VerdictGiven"]);
    expect(types(again(scene, chain, "logs"))).toEqual(["EffectAdmitted"]);
    expect(scene.chain(chain).verdicts).toEqual({});
  });

  it.each([
    ["refuse", "EffectRefused"],
    ["hold", "ApprovalRequested"],
  ] as const)("on which too few agree: %s [quorum:otherwise]", (otherwise, told) => {
    const { scene, chain } = begun({ otherwise });
    drop(scene, chain, "users");
    say(scene, chain, "second", false);
    const events = again(scene, chain, "users");
    expect(types(events)).toEqual([told]);
    const { reason } = only(events, told);
    expect(reason).toContain("0 of 3 judges agree, 2 have to");
  });

  it("the first word of a judge counts, a stranger's and a late one's do not [quorum:k-of-n]", () => {
    const { scene, chain } = begun();
    drop(scene, chain, "users");
    say(scene, chain, "second", false);
    expect(say(scene, chain, "second", true)).toEqual([]);
    expect(say(scene, chain, "nobody", true)).toEqual([]);
    expect(
      scene.door.turn(scene.outcome(chain, 1, { kind: "verdict", judge: "look", agrees: true, reason: "" }, "0")),
    ).toEqual([]);
    expect(types(again(scene, chain, "users"))).toEqual(["ApprovalRequested"]);
  });

  it("is what the policy names: effect classes, tools, amounts; a read never is [quorum:high-stakes]", () => {
    const asks = (more: Partial<QuorumPolicy>, tool: string, args = {}) => {
      const { scene, chain } = begun({ effects: [], ...more });
      return types(scene.door.turn(scene.call(chain, 1, tool, args))).includes("VerdictsRequested");
    };
    const amount = { path: "order.cents", above: 100 };
    expect(asks({ effects: ["destructive"] }, "db.drop")).toBe(true);
    expect(asks({ effects: ["destructive"] }, "db.write")).toBe(false);
    expect(asks({ tools: ["db.write"] }, "db.write")).toBe(true);
    expect(asks({ amount }, "db.write", { order: { cents: 101 } })).toBe(true);
    expect(asks({ amount }, "db.write", { order: { cents: 100 } })).toBe(false);
    expect(asks({ tools: ["db.read"], amount }, "db.read", { order: { cents: 101 } })).toBe(false);
  });

  it("is asked about again under a policy with other judges [quorum:k-of-n]", () => {
    const { scene, chain } = begun();
    drop(scene, chain, "logs");
    const [judge] = QUORUM.judges;
    if (judge === undefined) throw new Error("no judge");
    const policy = { ...POLICY, quorum: { ...QUORUM, agree: 1, judges: [judge] } };
    scene.door.turn(scene.orders(["SetPolicy", { policy: JSON.stringify(policy), hash: "h" }]));
    expect(types(again(scene, chain, "logs"))).toEqual(["VerdictsRequested", "VerdictGiven", "EffectAdmitted"]);
  });
});

describe("judges of one source", () => {
  it("are no policy: who shares a model or an endpoint, with another judge or with an agent [quorum:independent]", () => {
    const of = (name: string, source: string) => ({ name, source });
    const told = (sources: Parameters<typeof quorumFaults>[1], agents: Parameters<typeof quorumFaults>[2] = []) =>
      quorumFaults({ agree: 2, judges: QUORUM.judges }, sources, agents);
    expect(told([of("a", "model x"), of("a", "endpoint u"), of("b", "model y")])).toEqual([]);
    expect(told([of("a", "endpoint u"), of("b", "endpoint u")])).toEqual([
      "judges a and b are not independent: both are endpoint u",
    ]);
    expect(told([of("a", "model x")], [of("clerk", "model x")])[0]).toContain("agent clerk asks model x itself");
    expect(quorumFaults({ agree: 4, judges: QUORUM.judges }, [], [])[0]).toContain("4 of 3 judges can never agree");
  });
});
