import { partitionOf } from "@busbar/events";
import { describe, expect, it } from "vitest";
import { taskChainId } from "./tasks.ts";
import { type CommandBody, createScene, only, POLICY, types } from "./testing.ts";

const complete: CommandBody = { type: "CompleteTask", step: 9, output: "{}" };

describe("who may ask", () => {
  it("a command whose chain hashes elsewhere is refused [door:misplaced-chain-refused]", () => {
    const scene = createScene(POLICY, { partition: 0, partitionCount: 8 });
    const elsewhere = ["a", "b", "c", "d"].map(taskChainId).find((id) => partitionOf(id, 8) !== 0) ?? "";
    const events = scene.door.turn(scene.call(elsewhere, 1, "db.read"));
    expect(only(events, "CommandRejected").code).toBe("BUSBAR_CHAIN_MISPLACED");
  });

  it("a command of a chain that nothing opened is refused [door:unopened-chain-refused]", () => {
    const scene = createScene();
    const events = scene.door.turn(scene.call(taskChainId("never"), 1, "db.read"));
    expect(only(events, "CommandRejected").code).toBe("BUSBAR_CHAIN_UNKNOWN");
  });

  it("a command of a chain that is finished says so [door:unopened-chain-refused]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.command(chain, complete));
    expect(
      only(
        scene.door.turn(scene.call(chain, 1, "db.read", {}, { agent: "support", incarnation: 1, sequence: 2 })),
        "CommandRejected",
      ).code,
    ).toBe("BUSBAR_TASK_CLOSED");
  });

  it("another agent's chain is none of its business [door:assignment-checked]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const events = scene.door.turn(scene.call(chain, 1, "db.read", {}, { agent: "worker" }));
    expect(only(events, "CommandRejected").code).toBe("BUSBAR_AUTH_FAILED");
  });

  it("the agent's name in the command is not enough: the principal counts [door:assignment-checked]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const events = scene.door.turn(scene.call(chain, 1, "db.read", {}, { principal: "agent:worker" }));
    expect(only(events, "CommandRejected").code).toBe("BUSBAR_AUTH_FAILED");
  });

  it("a command of an older incarnation is refused and learns the incarnation it came with [agents:old-incarnation-refused]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn({ kind: "reassign", chainId: chain, reason: "no sign of life" });
    const events = scene.door.turn(scene.call(chain, 1, "db.read", {}, { incarnation: 1, sequence: 1 }));
    const rejected = only(events, "CommandRejected");
    expect(rejected.code).toBe("BUSBAR_INCARNATION_OLD");
    expect(rejected.meta.incarnation).toBe(1);
    expect(scene.chain(chain).incarnation).toBe(2);
  });

  it("what is not authenticated is refused [door:authentication-checked]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const events = scene.door.turn(
      scene.call(chain, 1, "db.drop", { table: "t" }, { authProblem: "the code does not match" }),
    );
    expect(types(events)).toEqual(["CommandRejected"]);
    expect(only(events, "CommandRejected").code).toBe("BUSBAR_AUTH_FAILED");
  });

  it.each(["__proto__", "constructor", "toString", "hasOwnProperty"])(
    "a chain named %s is unknown, and answered [door:unopened-chain-refused]",
    (name) => {
      const scene = createScene();
      const events = scene.door.turn(scene.call(name, 1, "db.read", {}, { agent: "support", incarnation: 1 }));
      expect(only(events, "CommandRejected").code).toBe("BUSBAR_CHAIN_UNKNOWN");
    },
  );

  it("an order on the control topic without a valid signature settles nothing [door:orders-signed]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const settle: CommandBody = {
      type: "SettleEffect",
      callId: `${chain}:1`,
      admitted: "",
      outcome: "committed",
      reason: "",
      by: "operator:x",
    };
    const sent = { source: "control", principal: "operator:x", authProblem: "the order is not signed" } as const;
    expect(only(scene.door.turn(scene.command(chain, settle, sent)), "CommandRejected").code).toBe(
      "BUSBAR_SIGNATURE_INVALID",
    );
  });

  it("a gateway's or supervisor's signature is no person's [effects:person-settles]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const settle: CommandBody = {
      type: "SettleEffect",
      callId: `${chain}:1`,
      admitted: "",
      outcome: "committed",
      reason: "",
      by: "operator:x",
    };
    const sent = { source: "control", principal: "supervisor:x" } as const;
    expect(only(scene.door.turn(scene.command(chain, settle, sent)), "CommandRejected").code).toBe(
      "BUSBAR_AUTH_FAILED",
    );
  });

  it("a replayed command cannot act [door:authentication-checked]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const events = scene.door.turn(scene.call(chain, 1, "db.read", {}, { meta: { replay: true } }));
    expect(only(events, "CommandRejected").code).toBe("BUSBAR_INPUT_INVALID");
  });

  it("only a gateway reports a sub-task, and only the control topic settles [door:authentication-checked]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const report: CommandBody = {
      type: "ReportSubtask",
      parentCallId: "",
      childChainId: "",
      state: "completed",
      output: "",
      childOffset: "",
      tokensUsed: 0,
      untrusted: false,
    };
    const settle: CommandBody = {
      type: "SettleEffect",
      callId: `${chain}:1`,
      admitted: "",
      outcome: "committed",
      reason: "",
      by: "operator:x",
    };
    expect(only(scene.door.turn(scene.command(chain, report)), "CommandRejected").code).toBe("BUSBAR_AUTH_FAILED");
    expect(only(scene.door.turn(scene.command(chain, settle)), "CommandRejected").code).toBe("BUSBAR_AUTH_FAILED");
  });
});

describe("the order of commands", () => {
  it("the next one is accepted, and only that moves the sequence [door:sequence-next]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.read"));
    expect(scene.chain(chain).sequence).toBe(1);
    scene.door.turn(scene.call(chain, 2, "db.read"));
    expect(scene.chain(chain).sequence).toBe(2);
  });

  it("an older one is answered from the record: nothing is admitted again [door:older-answered-again]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 }));
    const events = scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 }, { sequence: 1 }));
    const deferred = only(events, "CommandDeferred");
    expect(types(events)).toEqual(["CommandDeferred"]);
    expect([deferred.code, deferred.callId, deferred.expected]).toEqual(["BUSBAR_DUPLICATE", `${chain}:1`, 2]);
  });

  it("a gap is deferred with the number that is due, and consumes nothing [door:gap-deferred]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.read"));
    const deferred = only(scene.door.turn(scene.call(chain, 3, "db.read", {}, { sequence: 4 })), "CommandDeferred");
    expect([deferred.code, deferred.expected]).toEqual(["BUSBAR_SEQUENCE_GAP", 2]);
    expect(scene.chain(chain).sequence).toBe(1);
  });

  it("a gap of one is a gap, and the same number with other content is none of the next ones [door:gap-deferred]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.read"));
    expect(only(scene.door.turn(scene.call(chain, 2, "db.read", {}, { sequence: 3 })), "CommandDeferred").code).toBe(
      "BUSBAR_SEQUENCE_GAP",
    );
    expect(
      only(scene.door.turn(scene.call(chain, 1, "db.drop", { table: "t" }, { sequence: 1 })), "CommandDeferred").code,
    ).toBe("BUSBAR_DUPLICATE");
  });

  it("an older number with a step that is not recorded is of a second run of the incarnation, which ends [door:second-run-ends]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.read"));
    const call = scene.call(chain, 2, "db.drop", { table: "t" }, { sequence: 1 });
    const end = scene.command(chain, { type: "FailTask", step: 2, code: "X", reason: "y" }, { sequence: 1 });
    for (const command of [call, end]) {
      const events = scene.door.turn(command);
      expect(types(events)).toEqual(["CommandRejected"]);
      expect(only(events, "CommandRejected").code).toBe("BUSBAR_INCARNATION_OLD");
    }
    expect(scene.chain(chain).sequence).toBe(1);
  });

  it("a new incarnation starts again at 1 [door:sequence-next]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.read"));
    scene.door.turn({ kind: "reassign", chainId: chain, reason: "no sign of life" });
    expect(types(scene.door.turn(scene.call(chain, 2, "db.read")))).toEqual(["EffectAdmitted"]);
  });

  it("a deferral does not move the sequence: the same bytes come again [effects:deferral-is-no-error]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.claim();
    const call = scene.call(chain, 1, "db.read");
    const before = scene.chain(chain).rules;
    expect(types(scene.door.turn(call, call, call))).toEqual(["CommandDeferred", "CommandDeferred", "CommandDeferred"]);
    expect(scene.chain(chain).sequence).toBe(0);
    expect(scene.chain(chain).rules).toEqual(before);
  });
});

describe("a step that is recorded", () => {
  it("comes again with the same content under a new incarnation: answered, not run [effects:rerun-gets-recorded-answer]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.done(chain, 1, "db.write", { id: 1 });
    scene.door.turn({ kind: "reassign", chainId: chain, reason: "no sign of life" });
    const events = scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 }));
    expect(only(events, "CommandDeferred").code).toBe("BUSBAR_DUPLICATE");
  });

  it.each([
    ["another tool", "db.other", { id: 1 }],
    ["other arguments", "db.write", { id: 2 }],
  ])("with %s it diverges, and the chain halts [agents:divergence-recorded]", (_name, tool, args) => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.done(chain, 1, "db.write", { id: 1 });
    scene.door.turn({ kind: "reassign", chainId: chain, reason: "no sign of life" });
    const events = scene.door.turn(scene.call(chain, 1, tool, args));
    expect(types(events)).toEqual(["Diverged", "ChainHalted"]);
    expect(only(events, "Diverged").step).toBe(1);
    expect(scene.chain(chain).status).toBe("halted");
  });

  it("a divergence that the SDK saw is recorded too [agents:divergence-recorded]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const report: CommandBody = { type: "ReportDivergence", step: 3, expected: "tool a", actual: "tool b" };
    expect(types(scene.door.turn(scene.command(chain, report)))).toEqual(["Diverged", "ChainHalted"]);
    expect(only(scene.door.turn(scene.command(chain, report)), "CommandRejected").code).toBe("BUSBAR_CHAIN_HALTED");
  });

  const refusedThenAgain: readonly (readonly [string, CommandBody])[] = [
    ["a model call", { type: "CallModel", step: 1, model: "m", request: "{}" }],
    ["a sub-task", { type: "SendTask", step: 1, agent: "nobody", input: "{}" }],
    ["a statement", { type: "MakeStatement", step: 1, subject: "weather", statement: "fine" }],
    ["a tool call", { type: "CallTool", step: 1, tool: "nothing", args: "{}", repeat: 0 }],
  ];
  it.each(refusedThenAgain)(
    "%s that was refused and comes again is the same one [effects:rerun-gets-recorded-answer]",
    (_name, body) => {
      const policy = { ...POLICY, agents: { support: { tools: [], sends: [], models: [] } } };
      const scene = createScene(policy);
      const chain = scene.submit("t");
      expect(types(scene.door.turn(scene.command(chain, body)))).toEqual(["EffectRefused"]);
      scene.door.turn({ kind: "reassign", chainId: chain, reason: "no sign of life" });
      expect(only(scene.door.turn(scene.command(chain, body)), "CommandDeferred").code).toBe("BUSBAR_DUPLICATE");
    },
  );

  it("a tool and an agent of one name are not the same call [agents:divergence-recorded]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.command(chain, { type: "SendTask", step: 1, agent: "worker", input: "{}" }));
    scene.door.turn({ kind: "reassign", chainId: chain, reason: "no sign of life" });
    const again: CommandBody = { type: "CallTool", step: 1, tool: "worker", args: "{}", repeat: 0 };
    expect(types(scene.door.turn(scene.command(chain, again)))).toEqual(["Diverged", "ChainHalted"]);
  });
});
