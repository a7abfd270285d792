/** Checks of arguments and of answers at the door (PROTOCOL 5.10). */
import { canonicalJson, type Json } from "@busbar/kernel";
import { describe, expect, it } from "vitest";
import { signalsOf } from "../breaker/signals.ts";
import type { Check } from "../checks.ts";
import type { Policy, ToolPolicy } from "../policy-document.ts";
import { createScene, only, POLICY, type Scene, types } from "./testing.ts";

const row = (name: string, change: Partial<ToolPolicy>): ToolPolicy =>
  ({ ...POLICY.tools[name], ...change }) as ToolPolicy;
const most = (otherwise: Check["otherwise"]): Check => ({
  name: "most",
  when: "has(args.n)",
  require: 'args.n <= claims["row:1"].n',
  reason: "no more than there is",
  ...(otherwise === undefined ? {} : { otherwise }),
});
const policyOf = (otherwise?: Check["otherwise"], answerChecks: readonly Check[] = []): Policy => ({
  ...POLICY,
  tools: { ...POLICY.tools, "db.write": row("db.write", { checks: [most(otherwise)] }) },
  agents: { ...POLICY.agents, support: { tools: ["*"], sends: ["*"], models: ["*"], answerChecks } },
});
function opened(policy: Policy) {
  const scene = createScene(policy);
  const chain = scene.submit("t");
  scene.door.turn(scene.call(chain, 1, "db.read", {}));
  const claims = [{ subject: "row:1", value: '{"n":3}', source: "rows", version: "", asOfMs: 0, ttlMs: 0 }];
  scene.door.turn(scene.outcome(chain, 1, { kind: "committed", result: "{}", claims }));
  return { scene, chain };
}
const write = (on: Scene, chain: string, step: number, n: number) =>
  on.door.turn(on.call(chain, step, "db.write", { n, id: step }));

describe("a check of arguments", () => {
  it("refuses what it does not hold, with its reason, and admits what it holds [evidence:checks]", () => {
    const { scene, chain } = opened(policyOf());
    expect(types(write(scene, chain, 2, 3))).toEqual(["EffectAdmitted"]);
    const refused = only(write(scene, chain, 3, 4), "EffectRefused");
    expect(refused).toMatchObject({
      code: "BUSBAR_CHECK_FAILED",
      rule: "check:most",
      reason: "no more than there is (check most)",
    });
    expect(scene.chain(chain).rules.consecutiveErrors.evidence).toEqual([refused.meta.eventId]);
    expect(signalsOf(refused, { partition: 0, breakers: {} }, {}).map(({ key }) => key)).toEqual([
      "agent:support",
      "agent:support/tool:db.write",
    ]);
  });

  it("admits everything where it is not declared [evidence:checks]", () => {
    const { scene, chain } = opened(POLICY);
    expect(types(write(scene, chain, 2, 4))).toEqual(["EffectAdmitted"]);
  });

  it("asks a person, who may let it pass [evidence:checks]", () => {
    const { scene, chain } = opened(policyOf("approve"));
    const asked = only(write(scene, chain, 2, 4), "ApprovalRequested");
    expect(asked).toMatchObject({ rule: "check:most", reason: "no more than there is (check most)" });
    expect(scene.chain(chain).rules.consecutiveErrors.evidence).toEqual([]);
  });

  it("leaves the chain with reads, and a person to look [evidence:checks]", () => {
    const { scene, chain } = opened(policyOf("degrade"));
    const events = write(scene, chain, 2, 4);
    expect(types(events)).toEqual(["EffectRefused", "ChainDegraded"]);
    expect(only(events, "ChainDegraded")).toMatchObject({ rule: "check:most", evidence: [events[0]?.meta.eventId] });
    expect(types(scene.door.turn(scene.call(chain, 3, "db.read", { again: 1 })))).toEqual(["EffectAdmitted"]);
  });

  it("in shadow mode records what it would have done, once the call is decided; off, it does nothing [evidence:shadow]", () => {
    const inMode = (mode: Check["mode"]) => {
      const policy = policyOf();
      const checks = [{ ...most("degrade"), ...(mode === undefined ? {} : { mode }) }];
      return opened({ ...policy, tools: { ...policy.tools, "db.write": row("db.write", { checks }) } });
    };
    const shadow = inMode("shadow");
    const events = write(shadow.scene, shadow.chain, 2, 4);
    expect(types(events)).toEqual(["RuleShadowed", "EffectAdmitted"]);
    expect(events[0]).toMatchObject({
      rule: "check:most",
      would: "degrade",
      reason: "no more than there is (check most)",
    });
    const off = inMode("off");
    expect(types(write(off.scene, off.chain, 2, 4))).toEqual(["EffectAdmitted"]);
  });

  it("is not asked about what is done already: the answer of the ledger stands [evidence:checks]", () => {
    const { scene, chain } = opened(policyOf());
    scene.door.turn(scene.call(chain, 2, "db.write", { n: 3, id: 1 }));
    const claims = [{ subject: "row:1", value: '{"n":0}', source: "rows", version: "", asOfMs: 0, ttlMs: 0 }];
    scene.door.turn(scene.outcome(chain, 2, { kind: "committed", result: "{}", claims }));
    expect(types(scene.door.turn(scene.call(chain, 3, "db.write", { n: 3, id: 1 })))).toEqual(["EffectAlreadyDone"]);
  });
});

describe("a check of the answer", () => {
  const honest = (otherwise?: Check["otherwise"]): Check => ({
    name: "honest",
    require: 'result.n == claims["row:1"].n',
    reason: "the answer says what the records say",
    ...(otherwise === undefined ? {} : { otherwise }),
  });
  const finish = (on: Scene, chain: string, output: Json) =>
    on.door.turn(on.command(chain, { type: "CompleteTask", step: 2, output: canonicalJson(output) }));

  it("lets an answer pass that holds it [evidence:answers]", () => {
    const { scene, chain } = opened(policyOf(undefined, [honest()]));
    expect(types(finish(scene, chain, { n: 3 }))).toEqual(["TaskCompleted"]);
  });

  it("completes nothing with another one: it is one error, and the task fails with the reason [evidence:answers]", () => {
    const { scene, chain } = opened(policyOf(undefined, [honest()]));
    const events = finish(scene, chain, { n: 4 });
    expect(types(events)).toEqual(["EffectRefused", "TaskFailed"]);
    expect(only(events, "EffectRefused")).toMatchObject({
      tool: "answer:support",
      rule: "check:honest",
      args: '{"n":4}',
    });
    expect(only(events, "TaskFailed")).toMatchObject({
      code: "BUSBAR_ANSWER_REFUSED",
      reason: "the answer says what the records say (check honest)",
    });
  });

  it("emits it where the check is off: the wrong answer is out [evidence:answers]", () => {
    const { scene, chain } = opened(policyOf());
    expect(types(finish(scene, chain, { n: 4 }))).toEqual(["TaskCompleted"]);
  });

  it("in shadow mode lets it out and records it [evidence:shadow]", () => {
    const { scene, chain } = opened(policyOf(undefined, [{ ...honest(), mode: "shadow" }]));
    const events = finish(scene, chain, { n: 4 });
    expect(types(events)).toEqual(["RuleShadowed", "TaskCompleted"]);
    expect(events[0]).toMatchObject({ rule: "check:honest", would: "refuse" });
  });

  it("leaves the chain to a person where it says so, or where it was one error too many [evidence:answers]", () => {
    const { scene, chain } = opened(policyOf(undefined, [honest("degrade")]));
    expect(types(finish(scene, chain, { n: 4 }))).toEqual(["EffectRefused", "ChainDegraded"]);
    const strict = { ...policyOf(undefined, [honest()]), rules: { ...POLICY.rules, consecutiveErrors: 1 } };
    const other = opened(strict);
    expect(types(finish(other.scene, other.chain, { n: 4 }))).toEqual(["EffectRefused", "ChainHalted"]);
  });
});
