/** Rollbacks: the plan from a chain's events, and the undos at the door. */
import { canonicalJson, type JsonObject, sha256Hex } from "@busbar/kernel";
import { describe, expect, it } from "vitest";
import { disagreement } from "../breaker/signals.ts";
import { planRollback, ROLLBACK_AGENT, rollbackChainId, undoneIn } from "../compensation/plan.ts";
import { initialPartitionState } from "../partition-state.ts";
import { DEFAULT_TOOL, type Policy, type ToolPolicy } from "../policy-document.ts";
import { replay } from "../replay/replay.ts";
import { createScene, POLICY, type Scene, types } from "./testing.ts";

const tool = (row: Partial<ToolPolicy> & Pick<ToolPolicy, "effect">): ToolPolicy => ({
  ...DEFAULT_TOOL,
  digest: "",
  ...row,
});
const TOOLS: Policy["tools"] = {
  ...POLICY.tools,
  "row.delete": tool({
    effect: "destructive",
    undo: { tool: "row.restore", args: { id: "$args.id", row: "$result.row" } },
  }),
  "row.restore": tool({ effect: "write" }),
  "mail.send": tool({ effect: "write" }),
  "door.open": tool({ effect: "write", undo: { tool: "door.shut", args: { id: "$args.id" } } }),
  "door.shut": tool({ effect: "write", approve: "always" }),
};
const policyOf = (more: Partial<Policy> = {}): Policy => ({ ...POLICY, tools: TOOLS, ...more });
const PERSON = { source: "control", principal: "operator:ann", sequence: 0 } as const;
const HALT = ["Halt", { scope: "agent:support", reason: "stop", by: "x", rule: "", cause: "" }] as const;

function opened(policy: Policy = policyOf()) {
  const scene = createScene(policy);
  const chain = scene.submit("t");
  let step = 0;
  const done = (name: string, args: JsonObject, result: JsonObject = {}): void => {
    step += 1;
    scene.done(chain, step, name, args, result);
  };
  return { scene, chain, done };
}
const eventsOf = (scene: Scene, chain: string) =>
  scene.door.log.map(({ event }) => event).filter(({ meta }) => meta.chainId === chain);

/** A person's order, as the command line makes it. */
function order(scene: Scene, target: string, more: object = {}, sent: object = PERSON, number = 0) {
  const undone = new Set(
    Array.from({ length: number }, (_, before) => undoneIn(eventsOf(scene, rollbackChainId(target, before)))).flat(),
  );
  const { undos, impossible } = planRollback(eventsOf(scene, target), scene.policy, undone);
  const body = { type: "RollBack", target, number, undos, impossible, reason: "wrong", by: "x", ...more } as const;
  return scene.door.turn(scene.command(rollbackChainId(target, number), body, { agent: "", ...sent }));
}
/** The undo at hand ends well. */
function undoDone(scene: Scene, rollback: string, step: number) {
  return scene.door.turn(scene.outcome(rollback, step, { kind: "committed", result: "{}" }));
}

describe("the plan of a rollback", () => {
  it("undoes the latest first, by what arguments and results say, and names what cannot be undone [rollback:plan]", () => {
    const { scene, chain, done } = opened();
    done("row.delete", { id: 1 }, { row: { name: "a" } });
    done("mail.send", { to: "x" });
    done("db.read", {});
    done("row.delete", { id: 2 }, { row: { name: "b" } });
    const { undos, impossible, left } = planRollback(eventsOf(scene, chain), policyOf());
    expect(undos.map(({ tool: by, args }) => [by, args])).toEqual([
      ["row.restore", canonicalJson({ id: 2, row: { name: "b" } })],
      ["row.restore", canonicalJson({ id: 1, row: { name: "a" } })],
    ]);
    expect(impossible.map(({ of, reason }) => [of, reason])).toEqual([["mail.send", "mail.send declares no undo"]]);
    expect(left).toBe(0);
  });

  it("guesses nothing: what is in doubt, under way or did not happen is not undone [rollback:plan]", () => {
    const { scene, chain } = opened();
    scene.door.turn(scene.call(chain, 1, "door.open", { id: 1 }), scene.call(chain, 2, "door.open", { id: 2 }));
    scene.door.turn(scene.call(chain, 3, "row.delete", { id: 3 }), scene.call(chain, 4, "door.open", { id: 4 }));
    scene.door.turn(scene.outcome(chain, 1, { kind: "timeout", reason: "late" }));
    scene.door.turn(scene.outcome(chain, 2, { kind: "abandoned", reason: "" }));
    scene.door.turn(scene.outcome(chain, 3, { kind: "invalid", result: "7", reason: "no object" }));
    const { undos, impossible } = planRollback(eventsOf(scene, chain), policyOf());
    expect(undos).toEqual([]);
    expect(impossible.map(({ of, reason }) => [of, reason.split(":")[0]])).toEqual([
      ["row.delete", "its undo needs its result, which nobody has"],
      ["door.open", "nobody knows whether it happened"],
      ["door.open", "it is still under way"],
    ]);
  });

  it("is the same for the same events, and holds so many undos and no more [rollback:plan]", () => {
    const policy = policyOf({
      rules: { ...POLICY.rules, destructiveRun: 0 },
      limits: { ...POLICY.limits, maxSteps: 500 },
    });
    const { scene, chain, done } = opened(policy);
    for (let id = 0; id < 70; id += 1) done("row.delete", { id }, { row: id });
    const events = eventsOf(scene, chain);
    const plan = planRollback(events, policy);
    expect(planRollback(events, policy)).toEqual(plan);
    expect([plan.undos.length, plan.left]).toEqual([64, 6]);
    const rest = planRollback(events, policy, new Set(plan.undos.map(({ undoes }) => undoes)));
    expect(rest.undos.map(({ args }) => args).at(-1)).toBe(canonicalJson({ id: 0, row: 0 }));
    expect(rest.undos.length).toBe(6);
  });
});

describe("a rollback that a person orders", () => {
  function deleted() {
    const made = opened();
    made.done("row.delete", { id: 1 }, { row: "a" });
    made.done("row.delete", { id: 2 }, { row: "b" });
    made.scene.door.turn(made.scene.orders(HALT));
    return { ...made, rollback: rollbackChainId(made.chain, 0) };
  }

  it("undoes one after the other, each under its own key and recorded with what it undoes, though chain and agent are halted [rollback:undoes] [rollback:halted-chain]", () => {
    const { scene, chain, rollback } = deleted();
    expect(scene.chain(chain).status).toBe("halted");
    const [submitted, started, first, ...more] = order(scene, chain);
    expect([submitted?.type, submitted?.meta.agent, started?.type]).toEqual([
      "TaskSubmitted",
      ROLLBACK_AGENT,
      "RollbackStarted",
    ]);
    const [committedB, committedA] = eventsOf(scene, chain)
      .filter(({ type }) => type === "EffectCommitted")
      .toReversed();
    expect(first).toMatchObject({ type: "EffectAdmitted", tool: "row.restore", args: '{"id":2,"row":"b"}' });
    expect(first).toMatchObject({ undoes: committedB?.meta.eventId, callId: `${rollback}:1` });
    expect(more).toEqual([]);
    const second = undoDone(scene, rollback, 1);
    expect(second[1]).toMatchObject({ type: "EffectAdmitted", undoes: committedA?.meta.eventId });
    expect(types(undoDone(scene, rollback, 2))).toEqual(["EffectCommitted", "TaskCompleted"]);
    expect(scene.chain(chain).status).toBe("halted");
    const state = initialPartitionState(0);
    for (const logged of scene.door.log) {
      expect(disagreement(state, logged.event)).toBeNull();
      replay(state, logged);
    }
    expect(state).toEqual(scene.door.state);
  });

  it("is one rollback when it is told twice, and goes on with a new owner [rollback:once]", () => {
    const { scene, chain, rollback } = deleted();
    order(scene, chain);
    scene.door.restore();
    expect(types(order(scene, chain))).toEqual(["TaskAlreadyKnown"]);
    undoDone(scene, rollback, 1);
    undoDone(scene, rollback, 2);
    expect(types(order(scene, chain))).toEqual(["TaskAlreadyKnown"]);
  });

  it("ends with the first undo that cannot be done; the next one does what is left [rollback:stops]", () => {
    const { scene, chain, rollback } = deleted();
    order(scene, chain);
    undoDone(scene, rollback, 1);
    const no = { kind: "failed", code: "BUSBAR_TOOL_FAILED", reason: "no", beforeEffect: true } as const;
    const failed = scene.door.turn(scene.outcome(rollback, 2, no));
    expect(failed.at(-1)).toMatchObject({ type: "TaskFailed", code: "BUSBAR_ROLLBACK_STOPPED" });
    const again = order(scene, chain, {}, PERSON, 1);
    expect(again.at(-1)).toMatchObject({ type: "EffectAdmitted", args: '{"id":1,"row":"a"}' });
    expect(types(undoDone(scene, rollbackChainId(chain, 1), 1))).toEqual(["EffectCommitted", "TaskCompleted"]);
  });

  it.each([
    ["an agent", {}, { source: "commands", principal: "agent:support" }],
    ["a gateway without such a policy", {}, { source: "commands", principal: "gateway" }],
    [
      "a tool that is no undo",
      { undos: [{ undoes: "e", of: "row.delete", tool: "mail.send", args: "{}", argsHash: sha256Hex("{}") }] },
      PERSON,
    ],
    [
      "other arguments than their digest",
      { undos: [{ undoes: "e", of: "row.delete", tool: "row.restore", args: "{}", argsHash: "" }] },
      PERSON,
    ],
    ["another chain's rollback", { target: "other" }, PERSON],
    ["nothing", { undos: [] }, PERSON],
  ])("is refused of %s [rollback:signed]", (_what, more, sent) => {
    const { scene, chain } = deleted();
    expect(types(order(scene, chain, more, sent))).toEqual(["CommandRejected"]);
  });

  it.each([
    ["a halt of everything", ["Halt", { scope: "fleet", reason: "stop", by: "x", rule: "", cause: "" }]],
    ["a halt of its tool", ["Halt", { scope: "tool:row.restore", reason: "stop", by: "x", rule: "", cause: "" }]],
    [
      "a freeze",
      ["Freeze", { freezeId: "f", scope: "fleet", effects: ["write"], fromMs: 0, untilMs: 0, reason: "", by: "x" }],
    ],
  ] as const)("is stopped by %s like any effect [rollback:other-guards]", (_what, directive) => {
    const { scene, chain } = deleted();
    scene.door.turn(scene.orders(directive as never));
    expect(types(order(scene, chain)).includes("EffectAdmitted")).toBe(false);
  });

  it("waits for a door that is shut [rollback:undoes]", () => {
    const { scene, chain } = deleted();
    scene.door.turn({ kind: "degrade", reason: "no heartbeat" });
    expect(types(order(scene, chain))).toEqual(["TaskSubmitted", "RollbackStarted"]);
    const opening = { supervisor: "s", heartbeatAtMs: 0, eventsThrough: scene.door.state.end, directivesEnd: "0" };
    scene.door.turn({ kind: "open", opening });
    expect(types(scene.door.turn({ kind: "tick" }))).toEqual(["EffectAdmitted"]);
  });
});

describe("a rollback that the policy orders", () => {
  it("is taken from a gateway where it says rollbackOnHalt, and asks a person where an undo is to be approved [rollback:by-policy]", () => {
    const { scene, chain, done } = opened(policyOf({ rollbackOnHalt: true }));
    done("door.open", { id: 1 });
    const sent = { source: "commands", principal: "gateway", sequence: 0, incarnation: 0 };
    const ordered = order(scene, chain, { by: "gateway" }, sent);
    expect(types(ordered)).toEqual(["TaskSubmitted", "RollbackStarted", "ApprovalRequested"]);
    const rollback = rollbackChainId(chain, 0);
    const call = scene.chain(rollback).calls[`${rollback}:1`];
    const body = {
      callId: `${rollback}:1`,
      requested: call?.admitted ?? "",
      argsHash: call?.argsHash ?? "",
      reason: "",
      by: "x",
    };
    const approved = scene.door.turn(scene.command(rollback, { type: "ApproveEffect", ...body }, PERSON));
    expect(approved.at(-1)).toMatchObject({
      type: "EffectAdmitted",
      undoes: expect.stringMatching(/^busbar/) as string,
    });
    expect(types(undoDone(scene, rollback, 1))).toEqual(["EffectCommitted", "TaskCompleted"]);
  });
});
