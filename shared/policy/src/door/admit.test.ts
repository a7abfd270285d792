import { describe, expect, it } from "vitest";
import { createScene, MODEL_REPLY, only, POLICY, types } from "./testing.ts";

const done = { kind: "committed", result: '{"ok":true}' } as const;

describe("an admission", () => {
  it("says everything that the tool's run needs, and waits for nothing else [effects:intent-before-effect]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const admitted = only(
      scene.door.turn(scene.call(chain, 1, "db.drop", { table: "orders", why: "x" })),
      "EffectAdmitted",
    );
    expect(admitted).toMatchObject({
      callId: `${chain}:1`,
      step: 1,
      tool: "db.drop",
      effectClass: "destructive",
      toolClass: "at-most-once",
      args: '{"table":"orders","why":"x"}',
      attempt: 1,
      fireBoundMs: 2000,
      timeoutMs: 10_000,
      origin: "agent",
      probes: [],
      subject: '["db","orders"]',
    });
    expect(admitted.effectKey).not.toBe("");
    expect(scene.chain(chain).calls[`${chain}:1`]).toMatchObject({ status: "open", attempt: 1 });
  });

  it("arguments that the schema does not allow are refused before anything runs [door:arguments-checked]", () => {
    const scene = createScene(POLICY, { check: () => "value must be object" });
    const chain = scene.submit("t");
    const refused = only(scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 })), "EffectRefused");
    expect([refused.code, refused.reason]).toEqual([
      "BUSBAR_INPUT_INVALID",
      "arguments of db.write: value must be object",
    ]);
    expect(scene.chain(chain).ledger).toEqual({});
  });

  it.each([
    ["a tool that nobody has", "support", "db.nothing", "BUSBAR_TOOL_UNKNOWN"],
    ["a tool named like a property of objects", "support", "constructor", "BUSBAR_TOOL_UNKNOWN"],
    ["a tool that the agent may not call", "worker", "db.write", "BUSBAR_TOOL_FORBIDDEN"],
  ])("%s is refused [door:tool-allowed]", (_name, agent, tool, code) => {
    const scene = createScene();
    const chain = scene.submit("t", { agent });
    expect(only(scene.door.turn(scene.call(chain, 1, tool)), "EffectRefused").code).toBe(code);
  });

  it("a refusal is a record with code, reason, rule, version and evidence, and answers the call [rules:refusal-is-recorded]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const refused = only(scene.door.turn(scene.call(chain, 1, "db.nothing", { a: 1 })), "EffectRefused");
    expect(refused).toMatchObject({
      args: '{"a":1}',
      code: "BUSBAR_TOOL_UNKNOWN",
      reason: "no tool is named db.nothing",
      ruleVersion: 1,
      evidence: [],
    });
    expect(refused.rule).toMatch(/^door@[0-9a-f]{12}$/u);
    expect(refused.meta.policyHash.startsWith(refused.rule.slice("door@".length))).toBe(true);
    expect(scene.chain(chain).calls[`${chain}:1`]?.status).toBe("answered");
  });

  it("after its steps a chain is refused further calls [rules:budget]", () => {
    const scene = createScene();
    const chain = scene.submit("t", { maxSteps: 1 });
    scene.done(chain, 1, "db.read");
    expect(only(scene.door.turn(scene.call(chain, 2, "db.read")), "EffectRefused").code).toBe("BUSBAR_STEPS_SPENT");
  });

  it("after its deadline a chain is refused further calls [rules:budget]", () => {
    const scene = createScene();
    const chain = scene.submit("t", { deadlineAtMs: scene.door.atMs + 10 });
    scene.door.atMs += 10;
    expect(only(scene.door.turn(scene.call(chain, 1, "db.read")), "EffectRefused").code).toBe("BUSBAR_DEADLINE_PASSED");
  });

  it("after its tokens a chain is refused further model calls [rules:budget]", () => {
    const scene = createScene();
    const chain = scene.submit("t", { budgetTokens: 10 });
    scene.door.turn(scene.command(chain, { type: "CallModel", step: 1, model: "m", request: "{}" }));
    scene.door.turn(scene.outcome(chain, 1, MODEL_REPLY));
    const events = scene.door.turn(scene.command(chain, { type: "CallModel", step: 2, model: "m", request: "{}" }));
    expect(only(events, "EffectRefused").code).toBe("BUSBAR_BUDGET_SPENT");
  });
});

describe("decisions see what is queued before them", () => {
  it("five deletes in one turn are judged against each other [door:queued-decisions-are-seen]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const five = [1, 2, 3, 4, 5].map((step) => scene.call(chain, step, "db.drop", { table: "orders" }));
    expect(types(scene.door.turn(...five))).toEqual([
      "EffectAdmitted",
      "EffectAwaited",
      "EffectAwaited",
      "EffectAwaited",
      "EffectAwaited",
    ]);
  });

  it("after two errors the third call of the same turn is refused [door:queued-decisions-are-seen]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const events = scene.door.turn(
      scene.call(chain, 1, "db.nothing"),
      scene.call(chain, 2, "db.nothing", { other: true }),
      scene.call(chain, 3, "db.drop", { table: "orders" }),
    );
    expect(types(events)).toEqual(["EffectRefused", "EffectRefused", "ChainHalted", "EffectRefused"]);
    expect(events.at(-1)).toMatchObject({ code: "BUSBAR_CHAIN_HALTED" });
    expect(only(events, "ChainHalted")).toMatchObject({
      rule: "consecutive-errors",
      ruleVersion: 1,
      directive: "",
      evidence: events.slice(0, 2).map(({ meta }) => meta.eventId),
    });
  });

  it("what the same turn admitted before the trip is abandoned: it was never started [halt:abandons-unstarted]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const events = scene.door.turn(
      scene.call(chain, 1, "db.write", { id: 1 }),
      scene.call(chain, 2, "db.nothing"),
      scene.call(chain, 3, "db.nothing"),
    );
    expect(types(events)).toEqual([
      "EffectAdmitted",
      "EffectRefused",
      "EffectRefused",
      "ChainHalted",
      "EffectAbandoned",
    ]);
    expect(scene.chain(chain).calls[`${chain}:1`]?.status).toBe("answered");
  });

  it("what an earlier turn admitted is not taken back by a trip: it may be running [effects:only-its-process-abandons]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 }));
    scene.door.turn(scene.call(chain, 2, "db.nothing"), scene.call(chain, 3, "db.nothing"));
    expect(scene.chain(chain).calls[`${chain}:1`]?.status).toBe("open");
    expect(types(scene.door.turn(scene.outcome(chain, 1, done)))).toEqual(["EffectCommitted"]);
  });

  it("throttling and deferral are no errors [effects:deferral-is-no-error]", () => {
    const scene = createScene({ ...POLICY, limits: { ...POLICY.limits, maxOpenCalls: 1 } });
    const chain = scene.submit("t");
    const blocked = scene.call(chain, 2, "db.read", { b: 1 }, { sequence: 2 });
    scene.door.turn(scene.call(chain, 1, "db.read"), blocked, blocked, blocked);
    expect(scene.chain(chain).status).toBe("working");
    expect(scene.chain(chain).rules.consecutiveErrors.evidence).toEqual([]);
  });
});

describe("statements", () => {
  it("what an agent says is recorded, then beside the fact that was looked up [rules:claim-beside-fact]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const said = scene.door.turn(
      scene.command(chain, { type: "MakeStatement", step: 1, subject: "backup", statement: "rollback is impossible" }),
    );
    expect(types(said)).toEqual(["StatementRecorded"]);
    const outcome = {
      kind: "checked",
      fact: '{"there":true}',
      source: "db.read",
      agrees: false,
      evidence: [],
    } as const;
    const checked = only(scene.door.turn(scene.outcome(chain, 1, outcome)), "StatementChecked");
    expect(checked).toMatchObject({
      statement: "rollback is impossible",
      fact: '{"there":true}',
      source: "db.read",
      agrees: false,
    });
  });

  it("a halted agent may still say something: it is evidence [rules:claim-beside-fact]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.orders(["Halt", { scope: "fleet", reason: "stop", by: "x" }]));
    const said = scene.door.turn(
      scene.command(chain, { type: "MakeStatement", step: 1, subject: "backup", statement: "gone" }),
    );
    expect(types(said)).toEqual(["StatementRecorded"]);
    expect(scene.chain(chain).status).toBe("halted");
  });

  it("without an authority there is nothing to set it beside: refused [rules:claim-beside-fact]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const events = scene.door.turn(
      scene.command(chain, { type: "MakeStatement", step: 1, subject: "toString", statement: "fine" }),
    );
    expect(only(events, "EffectRefused").tool).toBe("statement:toString");
  });
});
