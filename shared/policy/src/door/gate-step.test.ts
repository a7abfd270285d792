/** The verification gate and the modes of rules, at the door. */
import { describe, expect, it } from "vitest";
import { disagreement } from "../breaker/signals.ts";
import { type GatePolicy, GATE_RULE } from "../gate/gate.ts";
import type { RuleMode } from "../policy-document.ts";
import { createScene, only, POLICY, type Scene, types } from "./testing.ts";

const LATE = { kind: "failed", code: "BUSBAR_TOOL_FAILED", reason: "500", beforeEffect: false } as const;
const OK = { kind: "committed", result: "{}" } as const;

function begun(gate: Partial<GatePolicy> = {}, modes: Readonly<Record<string, RuleMode>> = {}) {
  const rules = {
    consecutiveErrors: 0,
    contradictions: 0,
    destructiveRun: 0,
    gate: { every: 3, require: "answered", ...gate } as const,
    modes,
  };
  const scene = createScene({ ...POLICY, rules });
  return { scene, chain: scene.submit("t") };
}
/** Three changes that their tool answers; nothing checks them. */
function threeChanges(scene: Scene, chain: string): void {
  for (const step of [1, 2, 3]) scene.done(chain, step, "db.write", { id: step });
}
const write = (scene: Scene, chain: string, step: number) =>
  scene.door.turn(scene.call(chain, step, "db.write", { id: step }));

describe("a chain that has made its tool calls", () => {
  it("passes the gate by what its tools answered, and is told with it [gate:passes]", () => {
    const { scene, chain } = begun();
    threeChanges(scene, chain);
    const events = write(scene, chain, 4);
    expect(types(events)).toEqual(["GatePassed", "EffectAdmitted"]);
    const { calls, evidence, by } = only(events, "GatePassed");
    expect([calls, evidence.length, by]).toEqual([3, 1, "answered"]);
    expect(scene.chain(chain).gate.calls).toEqual([`${chain}:4`]);
  });

  it("is degraded where a verification is wanted and there is none; the change is refused, reads go on [gate:fails]", () => {
    const { scene, chain } = begun({ require: "verified" });
    threeChanges(scene, chain);
    expect(types(write(scene, chain, 4))).toEqual(["GateFailed", "ChainDegraded", "EffectRefused"]);
    expect(scene.chain(chain).status).toBe("degraded");
    expect(types(scene.door.turn(scene.call(chain, 5, "db.read")))).toEqual(["EffectAdmitted"]);
  });

  it.each([
    ["its tool answers late", { kind: "committed", result: "{}" }],
    ["its tool says late that nothing happened", { kind: "abandoned", reason: "not started" }],
  ] as const)("passes where what was in doubt is known since: %s [gate:passes]", (_how, late) => {
    const { scene, chain } = begun();
    for (const step of [1, 2]) scene.done(chain, step, "db.write", { id: step });
    scene.door.turn(scene.call(chain, 3, "db.write", { id: 3 }));
    scene.door.turn(scene.outcome(chain, 3, { kind: "timeout", reason: "no answer" }));
    expect(only(scene.door.turn(scene.outcome(chain, 3, late)), "EffectSettled").by).toBe("late-outcome");
    expect(types(write(scene, chain, 4))).toEqual(["GatePassed", "EffectAdmitted"]);
  });

  it("reads while a gate is due, and is asked once; the read is the verification [gate:reads-go-on]", () => {
    const { scene, chain } = begun({ require: "verified" });
    threeChanges(scene, chain);
    const read = scene.door.turn(scene.call(chain, 4, "db.clock"));
    expect(types(read)).toEqual(["GateDue", "EffectAdmitted"]);
    scene.door.turn(scene.outcome(chain, 4, OK));
    expect(types(write(scene, chain, 5))).toEqual(["GatePassed", "EffectAdmitted"]);
  });

  it("cannot attest itself: what it states is no evidence [gate:agents-word]", () => {
    const { scene, chain } = begun({ require: "verified" });
    threeChanges(scene, chain);
    scene.door.turn(
      scene.command(chain, { type: "MakeStatement", step: 4, subject: "backup", statement: "all verified" }),
    );
    const checked = { kind: "checked", fact: "{}", source: "db.read", agrees: true, evidence: [] } as const;
    scene.door.turn(scene.outcome(chain, 4, checked));
    expect(types(write(scene, chain, 5))).toContain("GateFailed");
  });

  it("an attempted change makes earlier evidence stale, also one that failed [gate:stale-evidence]", () => {
    const { scene, chain } = begun();
    scene.done(chain, 1, "db.write", { id: 1 });
    scene.done(chain, 2, "db.read");
    write(scene, chain, 3);
    scene.door.turn(scene.outcome(chain, 3, LATE));
    expect(types(write(scene, chain, 4))).toEqual(["GateFailed", "ChainDegraded", "EffectRefused"]);
  });

  it("waits for what is under way before its next change, ever more rarely [gate:waits]", () => {
    const { scene, chain } = begun();
    for (const step of [1, 2, 3]) write(scene, chain, step);
    const events = write(scene, chain, 4);
    expect(types(events)).toEqual(["GateDue", "CommandDeferred"]);
    expect(only(events, "CommandDeferred")).toMatchObject({ code: "BUSBAR_GATE_DUE", retryAfterMs: 25 });
    scene.door.atMs += 60_000;
    const sequence = scene.chain(chain).sequence + 1;
    const [again, ...more] = scene.door.turn(scene.call(chain, 4, "db.write", { id: 4 }, { sequence }));
    expect([again, more]).toMatchObject([{ type: "CommandDeferred", retryAfterMs: 1000 }, []]);
    for (const step of [1, 2, 3]) scene.door.turn(scene.outcome(chain, step, OK));
    const last = scene.door.turn(scene.call(chain, 4, "db.write", { id: 4 }, { sequence }));
    expect(types(last)).toEqual(["GatePassed", "EffectAdmitted"]);
  });

  it("is not asked where the gate is off, and a resume begins anew [gate:fails]", () => {
    const { scene, chain } = begun({ every: 0, require: "verified" });
    threeChanges(scene, chain);
    expect(types(write(scene, chain, 4))).toEqual(["EffectAdmitted"]);
    const other = begun({ require: "verified" }, { [GATE_RULE]: "off" });
    threeChanges(other.scene, other.chain);
    expect(types(write(other.scene, other.chain, 4))).toEqual(["EffectAdmitted"]);
  });
});

describe("a rule in shadow", () => {
  it("the gate: what it would do is recorded, and the change goes on [rules:shadow]", () => {
    const { scene, chain } = begun({ require: "verified" }, { [GATE_RULE]: "shadow" });
    threeChanges(scene, chain);
    const events = write(scene, chain, 4);
    expect(types(events)).toEqual(["RuleShadowed", "EffectAdmitted"]);
    expect(only(events, "RuleShadowed")).toMatchObject({ rule: GATE_RULE, would: "degrade" });
    expect(scene.chain(chain)).toMatchObject({ status: "working", gate: { calls: [`${chain}:4`] } });
  });

  it.each([
    ["shadow", ["EffectFailed", "RuleShadowed"], "working"],
    ["off", ["EffectFailed"], "working"],
    ["enforce", ["EffectFailed", "ChainHalted"], "halted"],
  ] as const)("of a chain, mode %s: %j [rules:shadow]", (mode, told, status) => {
    const rules = { ...POLICY.rules, modes: { "consecutive-errors": mode } };
    const scene = createScene({ ...POLICY, rules });
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.read"));
    scene.door.turn(scene.outcome(chain, 1, LATE));
    scene.door.turn(scene.call(chain, 2, "db.clock"));
    const events = scene.door.turn(scene.outcome(chain, 2, LATE));
    expect(types(events)).toEqual(told);
    expect(scene.chain(chain)).toMatchObject({ status, shadows: [], trip: null });
  });

  it("the supervisor finds a door that does not record it [rules:shadow]", () => {
    const rules = { ...POLICY.rules, modes: { "consecutive-errors": "shadow" } } as const;
    const scene = createScene({ ...POLICY, rules });
    const chain = scene.submit("t");
    const trip = { rule: "consecutive-errors", ruleVersion: 1, reason: "", evidence: [] };
    const before = { ...scene.door.state, chains: { [chain]: { ...scene.chain(chain), shadows: [trip] } } };
    const [event] = write(scene, chain, 1);
    if (event === undefined) throw new Error("nothing was recorded");
    expect(disagreement(before, event)).toContain("tripped in shadow");
    expect(disagreement(scene.door.state, event)).toBeNull();
  });
});
