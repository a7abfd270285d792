import { describe, expect, it } from "vitest";
import { type CommandBody, createScene, only, type Scene, types } from "./testing.ts";

const opening = (scene: Scene) => {
  const { end: eventsThrough, through: directivesEnd } = scene.door.state;
  return { kind: "open", opening: { supervisor: "s", heartbeatAtMs: 1, eventsThrough, directivesEnd } } as const;
};

describe("a shut door", () => {
  const model: CommandBody = { type: "CallModel", step: 1, model: "gpt", request: "{}" };
  const task: CommandBody = { type: "SendTask", step: 1, agent: "worker", input: "{}" };
  it.each([
    ["a model call", "closed", model, "BUSBAR_DOOR_CLOSED", "ModelCallAdmitted"],
    ["a sub-task", "closed", task, "BUSBAR_DOOR_CLOSED", "TaskSent"],
    ["a model call", "degraded", model, "BUSBAR_DOOR_DEGRADED", "ModelCallAdmitted"],
    ["a sub-task", "degraded", task, "BUSBAR_DOOR_DEGRADED", "TaskSent"],
  ])(
    "%s waits for a %s door, which is no error, and is answered when it opens [halt:calls-wait-for-door]",
    (_name, door, body, code, admitted) => {
      const scene = createScene();
      const chain = scene.submit("t");
      if (door === "closed") scene.door.claim();
      else scene.door.turn({ kind: "degrade", reason: "no heartbeat" });
      for (let again = 0; again < 3; again += 1) {
        const events = scene.door.turn(scene.command(chain, body, { sequence: 1 }));
        expect(events).toMatchObject([{ type: "CommandDeferred", code, commandType: body.type, callId: `${chain}:1` }]);
      }
      expect(scene.chain(chain)).toMatchObject({ sequence: 0, calls: {}, status: "working" });
      expect(scene.chain(chain).rules.consecutiveErrors.evidence).toEqual([]);
      expect(types(scene.door.turn(opening(scene)))).toEqual(["DoorOpened"]);
      expect(types(scene.door.turn(scene.command(chain, body, { sequence: 1 })))).toEqual([admitted]);
    },
  );

  it("what would be refused anyway is refused while it is shut, models and sub-tasks like tools [halt:calls-wait-for-door]", () => {
    const scene = createScene();
    const chain = scene.submit("t", { maxSteps: 1 });
    scene.door.claim();
    const late = [
      { ...model, step: 2 },
      { ...task, step: 3 },
    ] as const;
    const events = late.flatMap((body) => scene.door.turn(scene.command(chain, body)));
    expect(events.filter(({ type }) => type === "EffectRefused")).toMatchObject([
      { code: "BUSBAR_STEPS_SPENT" },
      { code: "BUSBAR_STEPS_SPENT" },
    ]);
  });

  it("a retry waits for it as well: a failure before the effect is tried again after it opens [halt:calls-wait-for-door]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.retry", { id: 1 }), { kind: "degrade", reason: "no heartbeat" });
    const failed = {
      kind: "failed",
      code: "BUSBAR_EFFECT_NOT_STARTED",
      reason: "refused",
      beforeEffect: true,
    } as const;
    scene.door.turn(scene.outcome(chain, 1, failed));
    expect(scene.chain(chain).calls[`${chain}:1`]).toMatchObject({ status: "delayed", erred: false });
    scene.door.atMs += 5000;
    expect(scene.door.turn({ kind: "tick" })).toEqual([]);
    scene.door.turn(opening(scene));
    expect(only(scene.door.turn({ kind: "tick" }), "EffectAdmitted").attempt).toBe(2);
  });
});
