import { describe, expect, it } from "vitest";
import { childChainId } from "./calls.ts";
import { taskChainId } from "./tasks.ts";
import { type CommandBody, createScene, only, type Scene, types } from "./testing.ts";

const agent = "support";
const deploy = (scene: Scene, version: string): void => {
  const body = { agent, version, codeDigest: `code-${version}`, policyHash: "p", instances: 1 };
  scene.door.turn(scene.orders(["AgentDeployed", body], ["AgentPromoted", { agent, version }]));
};
const rollBack = (scene: Scene, version: string, to: string) =>
  scene.door.turn(scene.orders(["AgentRolledBack", { agent, version, to, reason: "it fell over" }]));
const undeploy = (scene: Scene, body: { readonly version?: string; readonly force?: boolean } = {}) =>
  scene.door.turn(scene.orders(["AgentUndeployed", { agent, version: "", force: false, ...body }]));
const complete: CommandBody = { type: "CompleteTask", step: 9, output: "{}" };
const submission: CommandBody = {
  type: "SubmitTask",
  taskKey: "late",
  agent,
  input: "{}",
  deadlineAtMs: 0,
  maxSteps: 0,
  budgetTokens: 0,
  parentChainId: "",
  parentCallId: "",
  untrusted: false,
};

describe("versions at the door", () => {
  it("without a deployment a chain is pinned to nothing and any version may speak [deploy:version-pinned]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    expect(scene.chain(chain).version).toBe("");
    const meta = { codeVersion: "7" };
    expect(types(scene.door.turn(scene.call(chain, 1, "db.read", {}, { meta })))).toEqual(["EffectAdmitted"]);
  });

  it("the first assignment pins a chain, and its events say the version [deploy:version-pinned]", () => {
    const scene = createScene();
    deploy(scene, "1");
    const chain = scene.submit("t");
    const assigned = only(
      scene.door.log.map(({ event }) => event),
      "TaskAssigned",
    );
    expect(assigned).toMatchObject({ version: "1", meta: { codeVersion: "1" } });
    const [admitted] = scene.door.turn(scene.call(chain, 1, "db.read"));
    expect(admitted).toMatchObject({ type: "EffectAdmitted", meta: { codeVersion: "1" } });
  });

  it("a chain stays on its version over another promotion, reassignment and takeover [deploy:version-pinned]", () => {
    const scene = createScene();
    deploy(scene, "1");
    const chain = scene.submit("t");
    deploy(scene, "2");
    scene.door.claim();
    const again = scene.door.turn({ kind: "reassign", chainId: chain, reason: "no sign of life" });
    expect(only(again, "TaskAssigned")).toMatchObject({ incarnation: 2, version: "1" });
    expect(scene.chain(scene.submit("u")).version).toBe("2");
  });

  it("a command of another version is refused, a request for the journal too [deploy:version-pinned]", () => {
    const scene = createScene();
    deploy(scene, "1");
    const chain = scene.submit("t");
    const meta = { codeVersion: "2" };
    const call = scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 }, { meta, sequence: 1 }));
    expect(only(call, "CommandRejected").code).toBe("BUSBAR_VERSION_MISMATCH");
    const ask = scene.command(chain, { type: "RequestJournal", reason: "lost" }, { meta, sequence: 0 });
    expect(only(scene.door.turn(ask), "CommandRejected").code).toBe("BUSBAR_VERSION_MISMATCH");
    expect(scene.chain(chain)).toMatchObject({ sequence: 0, calls: {} });
  });

  it("chains from before the first deployment stay unpinned [deploy:version-pinned]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    deploy(scene, "1");
    scene.door.turn({ kind: "reassign", chainId: chain, reason: "no sign of life" });
    expect(scene.chain(chain)).toMatchObject({ version: "", incarnation: 2 });
  });

  it("a rollback gives what has not begun to the version before, and leaves the rest [deploy:rollback]", () => {
    const scene = createScene();
    deploy(scene, "1");
    deploy(scene, "2");
    const [fresh, begun] = [scene.submit("fresh"), scene.submit("begun")];
    scene.done(begun, 1, "db.write", { id: 1 });
    const moved = only(rollBack(scene, "2", "1"), "TaskAssigned");
    expect(moved).toMatchObject({ incarnation: 2, version: "1", meta: { chainId: fresh, codeVersion: "1" } });
    expect(scene.chain(begun).version).toBe("2");
    const late = scene.door.turn(scene.call(fresh, 1, "db.read", {}, { incarnation: 1, sequence: 1 }));
    expect(only(late, "CommandRejected").code).toBe("BUSBAR_INCARNATION_OLD");
  });

  it("a halted chain of a rolled back version moves when it is resumed, not before [deploy:rollback]", () => {
    const scene = createScene();
    deploy(scene, "1");
    deploy(scene, "2");
    const chain = scene.submit("t");
    const scope = `agent:${agent}`;
    scene.door.turn(scene.orders(["Halt", { scope, reason: "stop", by: "x", rule: "by-hand", cause: "" }]));
    const fence = scene.door.state.fences[scope]?.fence ?? "";
    expect(types(rollBack(scene, "2", "1"))).toEqual(["DirectivesApplied"]);
    const resumed = scene.door.turn(scene.orders(["Resume", { scope, fence, reason: "", by: "x", coversThrough: [] }]));
    expect(only(resumed, "TaskAssigned")).toMatchObject({ version: "1", meta: { chainId: chain } });
  });

  it("a halted agent stays halted over a deployment [deploy:halt-survives]", () => {
    const scene = createScene();
    const scope = `agent:${agent}`;
    deploy(scene, "1");
    scene.door.turn(scene.orders(["Halt", { scope, reason: "stop", by: "x", rule: "by-hand", cause: "" }]));
    deploy(scene, "2");
    scene.door.claim();
    const chain = scene.submit("t");
    expect(scene.chain(chain)).toMatchObject({ status: "halted", incarnation: 0, version: "" });
    expect(scene.door.state.fences[scope]).toBeDefined();
  });
});

describe("an undeployed agent", () => {
  it("is refused new tasks, with what to type next [deploy:undeployed-refused]", () => {
    const scene = createScene();
    deploy(scene, "1");
    const open = scene.submit("t");
    undeploy(scene);
    const late = scene.command(taskChainId("late"), submission, { sequence: 0, incarnation: 0, principal: "client:x" });
    expect(only(scene.door.turn(late), "CommandRejected")).toMatchObject({ code: "BUSBAR_AGENT_UNDEPLOYED" });
    scene.submit("t");
    expect(scene.door.log.at(-1)?.event.type).toBe("TaskAlreadyKnown");
    expect(types(scene.door.turn(scene.call(open, 1, "db.read")))).toEqual(["EffectAdmitted"]);
    deploy(scene, "1");
    expect(scene.chain(scene.submit("again")).version).toBe("1");
  });

  it("a sub-task that reaches it fails, so that its parent hears of it [deploy:undeployed-refused]", () => {
    const scene = createScene();
    deploy(scene, "1");
    undeploy(scene);
    const body: CommandBody = {
      ...submission,
      taskKey: "parent/1",
      parentChainId: "parent",
      parentCallId: "parent:1",
      untrusted: false,
    };
    const sent = { sequence: 0, incarnation: 0, principal: "gateway", meta: { lineage: ["parent", "child"] } };
    const events = scene.door.turn(scene.command("child", body, sent));
    expect(types(events)).toEqual(["TaskSubmitted", "TaskFailed"]);
    expect(scene.door.state.closed["child"]).toMatchObject({ state: "failed", parentChainId: "parent" });
  });

  it("nobody sends it a sub-task [deploy:undeployed-refused]", () => {
    const scene = createScene();
    const worker = { agent: "worker", version: "1" };
    scene.door.turn(
      scene.orders(
        ["AgentDeployed", { ...worker, codeDigest: "d", policyHash: "", instances: 1 }],
        ["AgentPromoted", worker],
        ["AgentUndeployed", { agent: "worker", version: "", force: false }],
      ),
    );
    const chain = scene.submit("t");
    const [refused] = scene.door.turn(
      scene.command(chain, { type: "SendTask", step: 1, agent: "worker", input: "{}" }),
    );
    expect(refused).toMatchObject({ type: "EffectRefused", code: "BUSBAR_AGENT_UNDEPLOYED" });
    expect(scene.chain(chain).children).toEqual({});
    expect(childChainId(chain, 1)).not.toBe("");
  });

  it("a task that was halted before its first run waits for the next deployment [deploy:undeployed-refused]", () => {
    const scene = createScene();
    const scope = `agent:${agent}`;
    deploy(scene, "1");
    scene.door.turn(scene.orders(["Halt", { scope, reason: "stop", by: "x", rule: "by-hand", cause: "" }]));
    const chain = scene.submit("t");
    const fence = scene.door.state.fences[scope]?.fence ?? "";
    undeploy(scene);
    const resumed = scene.door.turn(scene.orders(["Resume", { scope, fence, reason: "", by: "x", coversThrough: [] }]));
    expect(types(resumed)).toEqual(["DirectivesApplied", "ChainResumed"]);
    deploy(scene, "2");
    expect(scene.chain(chain)).toMatchObject({ version: "2", incarnation: 1 });
  });

  it("by force its chains fail once their effects are known [deploy:force-ends]", () => {
    const scene = createScene();
    deploy(scene, "1");
    const [idle, busy] = [scene.submit("idle"), scene.submit("busy")];
    scene.door.turn(scene.call(busy, 1, "db.write", { id: 1 }));
    undeploy(scene, { force: true });
    const ended = only(scene.door.turn({ kind: "tick" }), "TaskFailed");
    expect(ended).toMatchObject({ code: "BUSBAR_AGENT_UNDEPLOYED", meta: { chainId: idle } });
    scene.door.turn(scene.outcome(busy, 1, { kind: "committed", result: "{}" }));
    expect(only(scene.door.turn({ kind: "tick" }), "TaskFailed").meta.chainId).toBe(busy);
  });

  it("by force one version's chains fail and the current one's go on [deploy:force-ends]", () => {
    const scene = createScene();
    deploy(scene, "1");
    const old = scene.submit("old");
    deploy(scene, "2");
    const young = scene.submit("young");
    undeploy(scene, { version: "1", force: true });
    expect(only(scene.door.turn({ kind: "tick" }), "TaskFailed").meta.chainId).toBe(old);
    scene.door.turn(scene.command(young, complete));
    expect(scene.door.state.closed[young]?.state).toBe("completed");
  });
});
