import { describe, expect, it } from "vitest";
import { childChainId } from "./calls.ts";
import { taskChainId } from "./tasks.ts";
import { type CommandBody, createScene, only, POLICY, types } from "./testing.ts";

const complete: CommandBody = { type: "CompleteTask", step: 9, output: "{}" };

describe("tasks", () => {
  it("a submission opens the chain and gives it to its agent [door:submit-idempotent]", () => {
    const scene = createScene();
    const chain = scene.submit("order-17", { input: '{ "b": 1, "a": 2 }' });
    const [submitted, assigned] = scene.door.log.slice(-2).map(({ event }) => event);
    expect(submitted).toMatchObject({
      type: "TaskSubmitted",
      agent: "support",
      input: '{"a":2,"b":1}',
      maxSteps: 200,
      meta: { chainId: chain, lineage: [chain], streamSeq: 1 },
    });
    expect(assigned).toMatchObject({ type: "TaskAssigned", incarnation: 1, meta: { streamSeq: 2 } });
  });

  it("the same key again is known, open or finished, and opens nothing [door:submit-idempotent]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.submit("t");
    expect(scene.door.log.at(-1)?.event).toMatchObject({
      type: "TaskAlreadyKnown",
      state: "working",
      outcomeOffset: "",
    });
    scene.door.turn(scene.command(chain, complete));
    const outcome = scene.door.log.at(-1)?.offset.toString();
    scene.submit("t");
    expect(scene.door.log.at(-1)?.event).toMatchObject({
      type: "TaskAlreadyKnown",
      state: "completed",
      outcomeOffset: outcome,
    });
    expect(scene.door.state.openChains).toBe(0);
  });

  it.each([
    ["for a chain that is not the key's", { taskKey: "other" }],
    ["with an input that is no JSON", { input: "{" }],
    ["for an agent that nobody named", { agent: "nobody" }],
    ["for an agent named like a property of objects", { agent: "constructor" }],
    ["as a sub-task, by a client", { parentChainId: "x" }],
  ])("%s it is refused [door:submit-idempotent]", (_name, fields) => {
    const scene = createScene();
    const chainId = taskChainId("t");
    const body: CommandBody = {
      type: "SubmitTask",
      taskKey: "t",
      agent: "support",
      input: "{}",
      deadlineAtMs: 0,
      maxSteps: 0,
      budgetTokens: 0,
      parentChainId: "",
      parentCallId: "",
      untrusted: false,
      ...fields,
    };
    const events = scene.door.turn(
      scene.command(chainId, body, { principal: "client:test", incarnation: 0, sequence: 0 }),
    );
    expect(only(events, "CommandRejected").code).toBe("BUSBAR_INPUT_INVALID");
    expect(scene.door.state.openChains).toBe(0);
  });

  it.each(["agent:support", "operator:ann", "supervisor:s", ""])(
    "by %s it is refused, with the right code too [security:only-clients-open-chains]",
    (principal) => {
      const scene = createScene();
      const task = { taskKey: "t", agent: "support", input: "{}" };
      const limits = {
        deadlineAtMs: 0,
        maxSteps: 0,
        budgetTokens: 0,
        parentChainId: "",
        parentCallId: "",
        untrusted: false,
      };
      const body: CommandBody = { type: "SubmitTask", ...task, ...limits };
      const events = scene.door.turn(scene.command(taskChainId("t"), body, { principal, incarnation: 0, sequence: 0 }));
      expect(only(events, "CommandRejected").reason).toBe("only a client opens a chain");
      expect(scene.door.state.openChains).toBe(0);
    },
  );

  it("above the bound of open chains it is deferred [door:overflow-deferred]", () => {
    const scene = createScene({ ...POLICY, limits: { ...POLICY.limits, maxOpenChains: 1 } });
    scene.submit("a");
    scene.submit("b");
    expect(scene.door.log.at(-1)?.event).toMatchObject({
      type: "CommandDeferred",
      code: "BUSBAR_OVERLOADED",
      retryAfterMs: 250,
    });
  });

  it("a chain ends only when none of its calls is open [door:overflow-deferred]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.read"));
    const end = scene.command(chain, complete);
    expect(only(scene.door.turn(end), "CommandDeferred").code).toBe("BUSBAR_CALLS_OPEN");
    scene.door.turn(scene.outcome(chain, 1, { kind: "committed", result: "{}" }));
    expect(types(scene.door.turn(end))).toEqual(["TaskCompleted"]);
  });

  it("a halted chain cannot complete [halt:left-by-person-only]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.orders(["Halt", { scope: `chain:${chain}`, reason: "stop", by: "x" }]));
    expect(only(scene.door.turn(scene.command(chain, complete)), "CommandRejected").code).toBe("BUSBAR_CHAIN_HALTED");
  });

  it("more open calls than the bound are deferred [door:overflow-deferred]", () => {
    const scene = createScene({ ...POLICY, limits: { ...POLICY.limits, maxOpenCalls: 1 } });
    const chain = scene.submit("t");
    const [admitted, deferred] = scene.door.turn(scene.call(chain, 1, "db.read"), scene.call(chain, 2, "db.read"));
    expect(admitted?.type).toBe("EffectAdmitted");
    expect(deferred).toMatchObject({ type: "CommandDeferred", code: "BUSBAR_OVERLOADED" });
  });

  it("finished chains leave memory, and after their time the memory of them too [ownership:state-bounded]", () => {
    const scene = createScene({ ...POLICY, limits: { ...POLICY.limits, closedChainsMs: 1000 } });
    for (let index = 0; index < 700; index += 1) {
      scene.door.atMs += 10;
      const chain = scene.submit(`t${index}`);
      scene.door.turn(scene.command(chain, complete));
    }
    expect(Object.keys(scene.door.state.chains)).toEqual([]);
    expect(Object.keys(scene.door.state.closed).length).toBeLessThan(500);
  });
});

describe("sub-tasks", () => {
  it("passes the door, with an id from parent and step, the deadline and half of the budget [door:deadline-and-budget-inherited]", () => {
    const scene = createScene();
    const chain = scene.submit("t", { deadlineAtMs: scene.door.atMs + 1000, budgetTokens: 100 });
    const sent = only(
      scene.door.turn(scene.command(chain, { type: "SendTask", step: 1, agent: "worker", input: "{}" })),
      "TaskSent",
    );
    expect(sent).toMatchObject({
      childChainId: childChainId(chain, 1),
      deadlineAtMs: scene.door.atMs + 1000,
      budgetTokens: 50,
    });
  });

  it("a report ends the call once; a second one changes nothing [rules:duplicates-change-nothing]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.command(chain, { type: "SendTask", step: 1, agent: "worker", input: "{}" }));
    const report: CommandBody = {
      type: "ReportSubtask",
      parentCallId: `${chain}:1`,
      childChainId: childChainId(chain, 1),
      state: "completed",
      output: "{}",
      childOffset: "5",
      tokensUsed: 0,
      untrusted: false,
    };
    const gateway = { principal: "gateway", incarnation: 0, sequence: 0 };
    expect(types(scene.door.turn(scene.command(chain, report, gateway)))).toEqual(["SubtaskFinished"]);
    expect(only(scene.door.turn(scene.command(chain, report, gateway)), "CommandDeferred").code).toBe(
      "BUSBAR_DUPLICATE",
    );
    expect(scene.chain(chain).children[`${chain}:1`]?.open).toBe(false);
  });

  /** A parent that gave half of its 100 tokens to a child, and the child's report. */
  const carved = (tokensUsed: number) => {
    const scene = createScene();
    const chain = scene.submit("t", { budgetTokens: 100 });
    scene.door.turn(scene.command(chain, { type: "SendTask", step: 1, agent: "worker", input: "{}" }));
    const body: CommandBody = {
      type: "ReportSubtask",
      parentCallId: `${chain}:1`,
      childChainId: childChainId(chain, 1),
      state: "completed",
      output: "{}",
      childOffset: "5",
      tokensUsed,
      untrusted: false,
    };
    const report = () =>
      scene.door.turn(scene.command(chain, body, { principal: "gateway", incarnation: 0, sequence: 0 }));
    return { scene, chain, report };
  };

  it.each([
    [0, 0, "nothing was used: all of it"],
    [20, 20, "what is left"],
    [50, 50, "all was used: nothing"],
    [70, 70, "more was used: nothing, and what was used is charged"],
    [-30, 0, "a report below nothing: no more than was carved out"],
  ])(
    "a child that used %i leaves its parent charged with %i (%s) [door:deadline-and-budget-inherited]",
    (used, charged) => {
      const { scene, chain, report } = carved(used);
      expect(scene.chain(chain).tokensUsed).toBe(50);
      report();
      expect(scene.chain(chain).tokensUsed).toBe(charged);
    },
  );

  it("it returns once, whoever owns the partition and however often it is told [door:deadline-and-budget-inherited]", () => {
    const { scene, chain, report } = carved(20);
    scene.door.claim();
    report();
    report();
    expect(scene.chain(chain).tokensUsed).toBe(20);
    scene.door.claim();
    scene.door.restore();
    expect(only(report(), "CommandDeferred").code).toBe("BUSBAR_DUPLICATE");
    expect(scene.chain(chain).tokensUsed).toBe(20);
  });

  it("what returned can be spent: a model is asked with it [door:deadline-and-budget-inherited]", () => {
    const ask: CommandBody = { type: "CallModel", step: 2, model: "gpt", request: "{}" };
    const askAfter = (used: number) => {
      const { scene, chain, report } = carved(used);
      report();
      return types(scene.door.turn(scene.command(chain, ask)));
    };
    expect(askAfter(99)).toEqual(["ModelCallAdmitted"]);
    expect(askAfter(100)).toEqual(["EffectRefused"]);
  });

  it("a parent that has spent its budget has none to carve out [rules:budget]", () => {
    const { scene, chain, report } = carved(100);
    report();
    const events = scene.door.turn(scene.command(chain, { type: "SendTask", step: 2, agent: "worker", input: "{}" }));
    expect(only(events, "EffectRefused").code).toBe("BUSBAR_BUDGET_SPENT");
  });

  it.each([
    ["to an agent that it may not", "support", "worker", "BUSBAR_TOOL_FORBIDDEN"],
    ["to nobody", "nobody", "support", "BUSBAR_TOOL_FORBIDDEN"],
    ["to a property of objects", "constructor", "support", "BUSBAR_TOOL_FORBIDDEN"],
  ])("%s a sub-task is refused [door:tool-allowed]", (_name, to, from, code) => {
    const scene = createScene();
    const chain = scene.submit("t", { agent: from });
    const events = scene.door.turn(scene.command(chain, { type: "SendTask", step: 1, agent: to, input: "{}" }));
    expect(only(events, "EffectRefused").code).toBe(code);
  });

  it("more open sub-tasks than the bound are refused", () => {
    const scene = createScene({ ...POLICY, limits: { ...POLICY.limits, maxChildren: 1 } });
    const chain = scene.submit("t");
    scene.door.turn(scene.command(chain, { type: "SendTask", step: 1, agent: "worker", input: "{}" }));
    const events = scene.door.turn(scene.command(chain, { type: "SendTask", step: 2, agent: "worker", input: "{}" }));
    expect(only(events, "EffectRefused").code).toBe("BUSBAR_CHILD_LIMIT");
  });
});
