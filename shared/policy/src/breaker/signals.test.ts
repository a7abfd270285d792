import type { BusEvent } from "@busbar/events";
import { describe, expect, it } from "vitest";
import { createScene, only, POLICY, type Scene, types } from "../door/testing.ts";
import { initialPartitionState } from "../partition-state.ts";
import { replay } from "../replay/replay.ts";
import { disagreement, peerOf, signalsOf } from "./signals.ts";

const quiet = { ...POLICY, rules: { ...POLICY.rules, consecutiveErrors: 0 } };
const told = (scene: Scene, events: readonly BusEvent[]) =>
  events.flatMap((event) => signalsOf(event, { ...scene.door.state, partition: 4 }, {}));
const KEYS = ["agent:support", "tool:db.write", "agent:support/tool:db.write"];

describe("what a tool's outcome says across chains", () => {
  const scene = createScene(quiet);
  const chain = scene.submit("t");

  it("a success and a final failure are signals, known by source partition, offset, rule and index [supervisor:signal-id]", () => {
    scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 }));
    const events = scene.door.turn(scene.outcome(chain, 1, { kind: "committed", result: "{}" }));
    const offset = events[0]?.meta.eventId.split("/").at(-1);
    expect(told(scene, events)).toEqual(
      KEYS.map((key, index) => ({
        key,
        tool: "db.write",
        agent: "support",
        chainId: chain,
        ok: true,
        code: "",
        probe: "",
        durationMs: 1,
        sourcePartition: 4,
        sourceOffset: offset,
        rule: "tool-outcome",
        index,
        atMs: scene.door.atMs,
      })),
    );
  });

  it.each([
    [
      "an error of the tool",
      { kind: "failed", code: "BUSBAR_TOOL_FAILED", reason: "", beforeEffect: false },
      [[false, "BUSBAR_TOOL_FAILED"]],
    ],
    ["a time-out", { kind: "timeout", reason: "" }, [[false, "BUSBAR_OUTCOME_LATE"]]],
    ["a malformed result", { kind: "invalid", result: "", reason: "" }, [[false, "BUSBAR_RESULT_INVALID"]]],
    ["an abandoned admission", { kind: "abandoned", reason: "" }, []],
  ] as const)("%s [supervisor:breaker-across-chains]", (_name, body, expected) => {
    const own = createScene(quiet);
    const id = own.submit("t");
    own.door.turn(own.call(id, 1, "db.write", { id: 1 }));
    const signals = told(own, own.door.turn(own.outcome(id, 1, body)));
    expect(signals.filter(({ key }) => key === "tool:db.write").map(({ ok, code }) => [ok, code])).toEqual(expected);
    expect(signals.length).toBe(3 * expected.length);
  });

  it("an owner that died says nothing about the tool [supervisor:breaker-across-chains]", () => {
    const own = createScene(quiet);
    const id = own.submit("t");
    own.door.turn(own.call(id, 1, "db.write", { id: 1 }));
    own.door.claim();
    expect(told(own, own.door.turn({ kind: "inherit", calls: [{ chainId: id, callId: `${id}:1` }] }))).toEqual([]);
  });

  it("an attempt that is tried again is none, and a refusal only where the breaker refused [supervisor:breaker-across-chains]", () => {
    const own = createScene(quiet);
    const id = own.submit("t");
    own.door.turn(own.call(id, 1, "db.retry", { id: 1 }));
    const retried = own.door.turn(
      own.outcome(id, 1, { kind: "failed", code: "BUSBAR_EFFECT_NOT_STARTED", reason: "", beforeEffect: true }),
    );
    expect(told(own, retried)).toEqual([]);
    own.door.turn(own.orders(["IsolateBreaker", { key: "tool:db.read", reason: "", by: "x" }]));
    expect(told(own, own.door.turn(own.call(id, 3, "db.read"))).map(({ key, code }) => [key, code])).toEqual([
      ["tool:db.read", "BUSBAR_BREAKER_OPEN"],
    ]);
  });

  it("a refused call asks each breaker that stands against it, and no other [supervisor:half-open-by-grants]", () => {
    const own = createScene(quiet);
    const id = own.submit("t");
    const isolate = (key: string) => ["IsolateBreaker", { key, reason: "", by: "x" }] as const;
    own.door.turn(own.orders(isolate("agent:support"), isolate("tool:db.drop"), isolate("agent:support/tool:db.read")));
    expect(told(own, own.door.turn(own.call(id, 1, "db.read"))).map(({ key }) => key)).toEqual([
      "agent:support",
      "agent:support/tool:db.read",
    ]);
  });

  it.each([
    ["arguments that its schema refuses", "db.read", ["agent:support", "agent:support/tool:db.read"]],
    ["a tool that is not there", "db.nothing", ["agent:support"]],
  ])("%s: the agent's error, and never the tool's [supervisor:breaker-whose-error]", (_name, tool, keys) => {
    const own = createScene(quiet, { check: () => "no" });
    const id = own.submit("t");
    const signals = told(own, own.door.turn(own.call(id, 1, tool)));
    expect(signals.map(({ key, ok }) => [key, ok])).toEqual(keys.map((key) => [key, false]));
    expect(signals.map(peerOf)).toEqual(keys.map(() => ""));
  });

  it("what is refused for what stands, or for what a chain has used up, is nobody's error [supervisor:breaker-whose-error]", () => {
    const own = createScene(quiet);
    const id = own.submit("t", { maxSteps: 1 });
    own.door.turn(own.call(id, 1, "db.read"), own.outcome(id, 1, { kind: "committed", result: "{}" }));
    expect(types(own.door.turn(own.call(id, 2, "db.read")))).toEqual(["EffectRefused"]);
    expect(
      told(own, [
        only(
          own.door.log.map(({ event }) => event),
          "EffectRefused",
        ),
      ]),
    ).toEqual([]);
    const frozen = createScene(quiet);
    const chain = frozen.submit("t");
    const freeze = { freezeId: "f", scope: "fleet", effects: ["read"], fromMs: 0, untilMs: 0, reason: "", by: "x" };
    frozen.door.turn(frozen.orders(["Freeze", freeze]));
    const events = frozen.door.turn(frozen.call(chain, 1, "db.read"));
    expect(only(events, "EffectRefused").code).toBe("BUSBAR_FREEZE_ACTIVE");
    expect(told(frozen, events)).toEqual([]);
  });

  it("carries to each breaker the grant that was spent on it [supervisor:half-open-by-grants]", () => {
    const own = createScene(quiet);
    const id = own.submit("t");
    own.door.turn(own.call(id, 1, "db.write", { id: 1 }));
    const [event] = own.door.turn(own.outcome(id, 1, { kind: "committed", result: "{}" }));
    const probes = { "tool:db.write": "g1", "agent:support": "g2" };
    const signals = event === undefined ? [] : signalsOf(event, own.door.state, probes);
    expect(signals.map(({ key, probe }) => [key, probe])).toEqual([
      ["agent:support", "g2"],
      ["tool:db.write", "g1"],
      ["agent:support/tool:db.write", ""],
    ]);
  });
});

/** Checks the scene's log as the supervisor does; what it would report. */
function defectsOf(events: readonly BusEvent[]): readonly string[] {
  const state = initialPartitionState(0);
  const defects: string[] = [];
  for (const [index, event] of events.entries()) {
    const defect = disagreement(state, event);
    if (defect !== null) defects.push(defect);
    replay(state, { offset: BigInt(index), event, digest: "" });
  }
  return defects;
}

const recorded = (scene: Scene): BusEvent[] => scene.door.log.map(({ event }) => event);

describe("the supervisor's check of the door", () => {
  const tripped = (): Scene => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(
      scene.call(chain, 1, "db.nothing"),
      scene.call(chain, 2, "db.nothing"),
      scene.call(chain, 3, "db.nothing"),
    );
    return scene;
  };

  it("agrees with a door that keeps the rules, divergence and contradiction included [halt:supervisor-agrees]", () => {
    const scene = tripped();
    const chain = scene.submit("u");
    scene.door.turn(scene.command(chain, { type: "ReportDivergence", step: 1, expected: "a", actual: "b" }));
    expect(defectsOf(recorded(scene))).toEqual([]);
  });

  it("sees a halt that the door left out [halt:supervisor-agrees]", () => {
    const without = recorded(tripped()).filter(({ type }) => type !== "ChainHalted");
    expect(defectsOf(without)[0]).toBe("consecutive-errors tripped and the door recorded EffectRefused");
  });

  it("sees a halt that no rule asked for, and one by another rule [halt:supervisor-agrees]", () => {
    const events = recorded(tripped());
    const halt = events.findIndex(({ type }) => type === "ChainHalted");
    const early = [...events.slice(0, halt - 1), ...events.slice(halt)];
    expect(defectsOf(early)[0]).toBe("the door halted by consecutive-errors and no rule tripped");
    const other = events.map((event) => (event.type === "ChainHalted" ? { ...event, rule: "contradiction" } : event));
    expect(defectsOf(other)[0]).toBe("consecutive-errors tripped and the door halted by contradiction");
  });

  it("has nothing to say about chains that it does not know", () => {
    expect(defectsOf(recorded(tripped()).slice(-1))).toEqual([]);
  });
});
