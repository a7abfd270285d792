import type { BusEvent } from "@busbar/events";
import { describe, expect, it } from "vitest";
import { createScene, POLICY, type Scene } from "../door/testing.ts";
import { initialPartitionState } from "../partition-state.ts";
import { replay } from "../replay/replay.ts";
import { disagreement, signalOf } from "./signals.ts";

const quiet = { ...POLICY, rules: { ...POLICY.rules, consecutiveErrors: 0 } };
const signalsOf = (events: readonly BusEvent[]) =>
  events.map((event) => signalOf(event, 4, "")).filter((signal) => signal !== null);

describe("what a tool's outcome says across chains", () => {
  const scene = createScene(quiet);
  const chain = scene.submit("t");

  it("a success and a final failure are signals, known by source partition, offset, rule and index [supervisor:signal-id]", () => {
    scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 }));
    const events = scene.door.turn(scene.outcome(chain, 1, { kind: "committed", result: "{}" }));
    const offset = events[0]?.meta.eventId.split("/").at(-1);
    expect(signalsOf(events)).toEqual([
      {
        tool: "db.write",
        agent: "support",
        chainId: chain,
        ok: true,
        code: "",
        probe: "",
        sourcePartition: 4,
        sourceOffset: offset,
        rule: "tool-outcome",
        index: 0,
        atMs: scene.door.atMs,
      },
    ]);
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
    const signals = signalsOf(own.door.turn(own.outcome(id, 1, body)));
    expect(signals.map(({ ok, code }) => [ok, code])).toEqual(expected);
  });

  it("an owner that died says nothing about the tool [supervisor:breaker-across-chains]", () => {
    const own = createScene(quiet);
    const id = own.submit("t");
    own.door.turn(own.call(id, 1, "db.write", { id: 1 }));
    own.door.claim();
    expect(signalsOf(own.door.turn({ kind: "inherit", calls: [{ chainId: id, callId: `${id}:1` }] }))).toEqual([]);
  });

  it("an attempt that is tried again is none, and a refusal only where the breaker refused [supervisor:breaker-across-chains]", () => {
    const own = createScene(quiet);
    const id = own.submit("t");
    own.door.turn(own.call(id, 1, "db.retry", { id: 1 }));
    const retried = own.door.turn(
      own.outcome(id, 1, { kind: "failed", code: "BUSBAR_EFFECT_NOT_STARTED", reason: "", beforeEffect: true }),
    );
    expect(signalsOf(retried)).toEqual([]);
    expect(signalsOf(own.door.turn(own.call(id, 2, "db.nothing")))).toEqual([]);
    own.door.turn(own.orders(["IsolateBreaker", { key: "tool:db.read", reason: "", by: "x" }]));
    expect(signalsOf(own.door.turn(own.call(id, 3, "db.read"))).map(({ code }) => code)).toEqual([
      "BUSBAR_BREAKER_OPEN",
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
