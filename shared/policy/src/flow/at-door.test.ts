import { describe, expect, it } from "vitest";
import { taskChainId } from "../door/tasks.ts";
import { createScene, only, POLICY, type Scene, types } from "../door/testing.ts";
import { DEFAULT_FLOW } from "../policy-document.ts";
import { flowAgainst, parseFlowKey, agentShareOf } from "./at-door.ts";

const throttle = (level: string, more: object = {}) =>
  [
    "Throttle",
    {
      key: "agent:support",
      level,
      intervalMs: 100,
      retryAfterMs: 400,
      rule: "flow",
      cause: "busbar.events/0/3",
      reason: "many",
      by: "supervisor:s1",
      ...more,
    },
  ] as const;
const unthrottle = (by: string) => ["Unthrottle", { key: "agent:support", cause: "", reason: "", by }] as const;

/** What becomes of a new task: admitted, or the code that it is answered with. */
function submitted(scene: Scene, key: string, agent = "support"): string {
  const from = scene.door.log.length;
  scene.submit(key, { agent });
  const [event] = scene.door.log.slice(from).map((logged) => logged.event);
  return event !== undefined && "code" in event ? event.code : (event?.type ?? "nothing");
}

describe("new tasks of a key", () => {
  it("while it is throttled: one per interval and partition, by the time of the records; others are told when to come again [flow:throttled]", () => {
    const scene = createScene();
    scene.door.turn(scene.orders(throttle("throttled")));
    expect(submitted(scene, "a")).toBe("TaskSubmitted");
    expect(submitted(scene, "b")).toBe("BUSBAR_FLOW_HELD");
    expect(submitted(scene, "b", "worker")).toBe("TaskSubmitted");
    scene.door.atMs += 99;
    expect(submitted(scene, "c")).toBe("BUSBAR_FLOW_HELD");
    scene.door.atMs += 1;
    expect(submitted(scene, "c")).toBe("TaskSubmitted");
    expect(submitted(scene, "d")).toBe("BUSBAR_FLOW_HELD");
  });

  it("wait for the interval at most, also where a clock was ahead when the last one was taken [flow:throttled]", () => {
    const scene = createScene();
    scene.door.turn(scene.orders(throttle("throttled")));
    const { atMs } = scene.door;
    scene.door.atMs = atMs + 700_000;
    expect(submitted(scene, "a")).toBe("TaskSubmitted");
    scene.door.atMs = atMs;
    expect(submitted(scene, "b")).toBe("TaskSubmitted");
  });

  it("while it is paused: none; spread in time, so that they do not come back together [flow:paused]", () => {
    const scene = createScene();
    scene.door.turn(scene.orders(throttle("paused")));
    const waits = Array.from({ length: 50 }, (_, index) => {
      const from = scene.door.log.length;
      scene.submit(`t${index}`);
      const deferred = only(
        scene.door.log.slice(from).map(({ event }) => event),
        "CommandDeferred",
      );
      const reason = "agent:support is paused: many";
      expect(deferred).toMatchObject({ code: "BUSBAR_FLOW_HELD", commandType: "SubmitTask", reason });
      return deferred.retryAfterMs;
    });
    for (const wait of waits) expect([wait >= 400, wait < 800]).toEqual([true, true]);
    expect(new Set(waits).size).toBeGreaterThan(20);
    expect(scene.door.state.openChains).toBe(0);
    scene.door.turn(scene.orders(unthrottle("supervisor:s1")));
    expect(submitted(scene, "t0")).toBe("TaskSubmitted");
  });

  it("that a person has shed are refused, not put off [flow:by-hand]", () => {
    const scene = createScene();
    scene.door.turn(scene.orders(throttle("shed", { by: "operator:ann", cause: "", rule: "" })));
    expect(submitted(scene, "a")).toBe("BUSBAR_SHED");
  });

  it.each(["partition:0", "fleet"])("are held by %s as well [flow:paused]", (key) => {
    const scene = createScene();
    scene.door.turn(scene.orders(throttle("paused", { key })));
    expect(submitted(scene, "a")).toBe("BUSBAR_FLOW_HELD");
    scene.door.turn(scene.orders(throttle("paused", { key: "partition:1" }), throttle("paused", { key: "tool:x" })));
    expect(Object.keys(scene.door.state.flows)).toEqual([key]);
    const task = { agent: "support", chainId: "c" };
    expect(flowAgainst({ ...scene.door.state, partition: 1 }, task, 1, 0)).toEqual(
      key === "fleet"
        ? { kind: "defer", retryAfterMs: expect.any(Number) as number, reason: "fleet is paused: many" }
        : null,
    );
  });
});

it("of an agent are held where its share of the partition is full, before any order [flow:hard-share]", () => {
  const flow = { ...DEFAULT_FLOW, agent: { ...DEFAULT_FLOW.agent, upper: 3, lower: 1, pause: 4 } };
  const scene = createScene({ ...POLICY, flow });
  for (const key of ["a", "b", "c", "d"]) expect(submitted(scene, key)).toBe("TaskSubmitted");
  expect(submitted(scene, "e")).toBe("BUSBAR_FLOW_HELD");
  expect(submitted(scene, "e", "worker")).toBe("TaskSubmitted");
  const chain = taskChainId("a");
  scene.door.turn(scene.command(chain, { type: "CompleteTask", step: 1, output: "{}" }));
  expect(submitted(scene, "f")).toBe("TaskSubmitted");
  expect(submitted(scene, "g")).toBe("BUSBAR_FLOW_HELD");
  const share = (partitions: number): number => agentShareOf(scene.door.state, partitions);
  expect([1, 2, 3, 8].map(share)).toEqual([4, 2, 2, 1]);
});

describe("what is admitted goes on", () => {
  it("calls, their outcomes, sub-tasks, known tasks and the end of a chain pass while its agent is paused [flow:admitted-goes-on]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.orders(throttle("paused"), throttle("paused", { key: "fleet" })));
    expect(types(scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 })))).toEqual(["EffectAdmitted"]);
    expect(types(scene.door.turn(scene.outcome(chain, 1, { kind: "committed", result: "{}" })))).toEqual([
      "EffectCommitted",
    ]);
    const sent = scene.door.turn(scene.command(chain, { type: "SendTask", step: 2, agent: "worker", input: "{}" }));
    const { childChainId } = only(sent, "TaskSent");
    const child = {
      type: "SubmitTask" as const,
      taskKey: `${chain}/2`,
      agent: "worker",
      input: "{}",
      deadlineAtMs: 0,
      maxSteps: 0,
      budgetTokens: 0,
      parentChainId: chain,
      parentCallId: `${chain}:2`,
      untrusted: false,
    };
    const meta = { lineage: [chain, childChainId] };
    const forwarded = scene.command(childChainId, child, { sequence: 0, incarnation: 0, principal: "gateway", meta });
    expect(types(scene.door.turn(forwarded))).toEqual(["TaskSubmitted", "TaskAssigned"]);
    expect(submitted(scene, "t")).toBe("TaskAlreadyKnown");
  });

  it("a halt is applied while everything is paused [flow:halts-first]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.orders(throttle("paused", { key: "fleet" })));
    const halt = { scope: "agent:support", reason: "stop", by: "operator:ann", rule: "", cause: "" };
    expect(types(scene.door.turn(scene.orders(["Halt", halt])))).toEqual(["HaltAcknowledged"]);
    expect(scene.chain(chain).status).toBe("halted");
  });
});

describe("a person's word", () => {
  it("stands against orders of machines until a person lifts it [flow:by-hand]", () => {
    const scene = createScene();
    scene.door.turn(scene.orders(throttle("paused", { by: "operator:ann" })));
    scene.door.turn(scene.orders(unthrottle("supervisor:s1"), throttle("throttled")));
    expect(scene.door.state.flows["agent:support"]).toMatchObject({ level: "paused", by: "operator:ann" });
    scene.door.turn(scene.orders(unthrottle("operator:bob")));
    expect(submitted(scene, "a")).toBe("TaskSubmitted");
  });

  it("that lifts stands until the supervisor has seen the load go down [flow:by-hand]", () => {
    const scene = createScene();
    scene.door.turn(scene.orders(throttle("paused"), unthrottle("operator:ann"), throttle("paused")));
    expect(submitted(scene, "a")).toBe("TaskSubmitted");
    scene.door.turn(scene.orders(unthrottle("supervisor:s1"), throttle("paused")));
    expect(submitted(scene, "b")).toBe("BUSBAR_FLOW_HELD");
  });

  it("names a key of flow control, and nothing else [flow:by-hand]", () => {
    for (const key of ["fleet", "agent:a", "partition:3"]) expect(parseFlowKey(key)).toBe(key);
    for (const key of ["", "agent:", "tool:x", "chain:c", "partition:x", "agent:a/tool:b"])
      expect(parseFlowKey(key)).toBeNull();
  });
});

it("an order that was applied twice is applied once [rules:duplicates-change-nothing]", () => {
  const scene = createScene();
  scene.door.turn(scene.orders(throttle("throttled")));
  expect(submitted(scene, "a")).toBe("TaskSubmitted");
  const { flows } = scene.door.state;
  scene.door.turn(scene.orders(throttle("throttled")));
  expect(scene.door.state.flows).toEqual(flows);
});
