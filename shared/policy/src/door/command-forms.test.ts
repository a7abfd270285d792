import { describe, expect, it } from "vitest";
import { PAYLOAD_LIMIT_BYTES } from "./commands.ts";
import { type CommandBody, createScene, only } from "./testing.ts";

describe("every command yields an event", () => {
  it("bytes that nobody can read are one rejection with their place [door:undecodable-rejected]", () => {
    const scene = createScene();
    const input = {
      kind: "undecodable",
      source: "commands",
      topic: "busbar.commands",
      offset: 7n,
      code: "BUSBAR_SCHEMA_INVALID",
      reason: "3 bytes",
    } as const;
    const rejected = only(scene.door.turn(input), "CommandRejected");
    expect([rejected.code, rejected.topic, rejected.offset]).toEqual(["BUSBAR_SCHEMA_INVALID", "busbar.commands", "7"]);
    expect(scene.door.state.inputs.commands).toBe("8");
  });

  it("a hole is recorded with both ends, and the position lies behind it [door:jump-is-log-gap]", () => {
    const scene = createScene();
    const gap = only(
      scene.door.turn({ kind: "gap", source: "commands", topic: "busbar.commands", expected: 3n, found: 9n }),
      "LogGap",
    );
    expect([gap.expected, gap.found]).toEqual(["3", "9"]);
    expect(scene.door.state.inputs.commands).toBe("9");
  });

  it("the position after the input rides on the record it caused [door:position-rides-on-records]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const [first] = scene.door.turn(scene.call(chain, 1, "db.read"));
    expect(first?.meta.progress?.commands).toBe("2");
    expect(scene.door.state.inputs).toEqual({ commands: "2", control: "0" });
  });

  const everyCommand: readonly CommandBody[] = [
    { type: "CallTool", step: 1, tool: "db.read", args: "{}", repeat: 0 },
    { type: "CallTool", step: 1, tool: "db.read", args: "{", repeat: 0 },
    { type: "CallModel", step: 1, model: "m", request: "{}" },
    { type: "CallModel", step: 1, model: "m", request: "{" },
    { type: "SendTask", step: 1, agent: "worker", input: "{}" },
    { type: "SendTask", step: 1, agent: "worker", input: "{" },
    { type: "MakeStatement", step: 1, subject: "backup", statement: "gone" },
    { type: "CompleteTask", step: 1, output: "{}" },
    { type: "FailTask", step: 1, code: "X", reason: "y" },
    { type: "ReportDivergence", step: 1, expected: "a", actual: "b" },
    { type: "RequestJournal", reason: "an outcome of a chain that does not run here" },
    {
      type: "ReportSubtask",
      parentCallId: "x:1",
      childChainId: "y",
      state: "completed",
      output: "",
      childOffset: "1",
      tokensUsed: 0,
      untrusted: false,
    },
    { type: "SettleEffect", callId: "x:1", admitted: "", outcome: "committed", reason: "", by: "operator:x" },
  ];
  const situations = ["working", "halted", "closed", "door closed", "no policy"] as const;
  for (const situation of situations) {
    it.each(everyCommand.map((body, index) => [`${body.type} (${index})`, body] as const))(
      `%s, ${situation} [door:each-command-an-event]`,
      (_name, body) => {
        const scene = createScene();
        const chain = scene.submit("t");
        if (situation === "halted")
          scene.door.turn(scene.orders(["Halt", { scope: "fleet", reason: "stop", by: "x" }]));
        if (situation === "closed")
          scene.door.turn(scene.command(chain, { type: "FailTask", step: 1, code: "X", reason: "y" }));
        if (situation === "door closed") scene.door.claim();
        if (situation === "no policy") scene.door.state.policy = null;
        const sent = { agent: "support", incarnation: 1, sequence: 1 };
        expect(scene.door.turn(scene.command(chain, body, sent)).length).toBeGreaterThan(0);
      },
    );
  }
});

describe("size", () => {
  const big = (unit: string): string => JSON.stringify(unit.repeat(PAYLOAD_LIMIT_BYTES));
  const commands: readonly (readonly [string, CommandBody])[] = [
    ["arguments", { type: "CallTool", step: 1, tool: "db.read", args: big("x"), repeat: 0 }],
    ["a tool's name", { type: "CallTool", step: 1, tool: big("x"), args: "{}", repeat: 0 }],
    ["a request", { type: "CallModel", step: 1, model: "m", request: big("x") }],
    ["a sub-task's input", { type: "SendTask", step: 1, agent: "worker", input: big("x") }],
    ["a statement", { type: "MakeStatement", step: 1, subject: "backup", statement: big("x") }],
    ["an output", { type: "CompleteTask", step: 1, output: big("x") }],
    ["a reason", { type: "FailTask", step: 1, code: "X", reason: big("x") }],
    ["a divergence", { type: "ReportDivergence", step: 1, expected: big("x"), actual: "b" }],
  ];
  it.each(commands)(
    "%s above the limit: refused to its author, and the record stays small [append:size-checked-first]",
    (_name, body) => {
      const scene = createScene();
      const chain = scene.submit("t");
      const events = scene.door.turn(scene.command(chain, body));
      expect(only(events, "CommandRejected").code).toBe("BUSBAR_RECORD_TOO_LARGE");
      expect(JSON.stringify(events).length).toBeLessThan(4096);
    },
  );

  it("the limit is of bytes, not of characters [append:size-checked-first]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const args = JSON.stringify("€".repeat(PAYLOAD_LIMIT_BYTES / 2));
    const events = scene.door.turn(
      scene.command(chain, { type: "CallTool", step: 1, tool: "db.read", args, repeat: 0 }),
    );
    expect(only(events, "CommandRejected").code).toBe("BUSBAR_RECORD_TOO_LARGE");
  });

  it("a trace that is none does not travel on [append:size-checked-first]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const events = scene.door.turn(scene.call(chain, 1, "db.read", {}, { meta: { traceparent: big("x") } }));
    expect(only(events, "EffectAdmitted").meta.traceparent).toBe("");
  });

  it("names that nobody checked go into records in bounded length [append:size-checked-first]", () => {
    const scene = createScene();
    const events = scene.door.turn(
      scene.call(big("x"), 1, "db.read", {}, { agent: big("y"), principal: big("z"), authProblem: "no key" }),
    );
    expect(JSON.stringify(events).length).toBeLessThan(4096);
  });
});
