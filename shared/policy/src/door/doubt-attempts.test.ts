/** A tool that honours the key is fired again while its first attempt may still be under way. */
import { describe, expect, it } from "vitest";
import { createScene, only, types } from "./testing.ts";

const late = { kind: "timeout", reason: "no answer within 10000 ms" } as const;
const notStarted = {
  kind: "failed",
  code: "BUSBAR_EFFECT_NOT_STARTED",
  reason: "no route",
  beforeEffect: true,
} as const;
const failed = { kind: "failed", code: "BUSBAR_TOOL_FAILED", reason: "no", beforeEffect: false } as const;
const throttled = { kind: "throttled", reason: "later", retryAfterMs: 100 } as const;
const abandoned = { kind: "abandoned", reason: "its fire bound is over" } as const;
const denials = [notStarted, failed, throttled, abandoned] as const;

/** The first attempt is in doubt, the second one is open. */
function firedAgain() {
  const scene = createScene();
  const chain = scene.submit("t");
  scene.door.turn(scene.call(chain, 1, "db.exact", { id: 1 }));
  scene.door.turn(scene.outcome(chain, 1, late));
  scene.door.atMs += 500;
  expect(only(scene.door.turn({ kind: "tick" }), "EffectAdmitted").attempt).toBe(2);
  return { scene, chain, callId: `${chain}:1` };
}

describe("what a later attempt says of itself is no proof about an earlier one", () => {
  it.each(denials)("$kind: the call is in doubt again and tried again [effects:denial-is-its-own]", (denial) => {
    const { scene, chain, callId } = firedAgain();
    const events = scene.door.turn(scene.outcome(chain, 1, denial));
    expect(types(events)).toEqual(["EffectInDoubt"]);
    expect(scene.chain(chain).calls[callId]?.status).toBe("in-doubt");
    scene.door.atMs += 60_000;
    expect(only(scene.door.turn({ kind: "tick" }), "EffectAdmitted").attempt).toBe(3);
  });

  it.each(denials)("$kind after its time-out settles nothing [effects:denial-is-its-own]", (denial) => {
    const { scene, chain, callId } = firedAgain();
    scene.door.turn(scene.outcome(chain, 1, late));
    expect(scene.door.turn(scene.outcome(chain, 1, denial))).toEqual([]);
    expect(scene.chain(chain).calls[callId]?.status).toBe("in-doubt");
  });

  it("its success is one: the key says that it is the same effect [effects:exact-fires-again]", () => {
    const { scene, chain, callId } = firedAgain();
    scene.door.turn(scene.outcome(chain, 1, { kind: "committed", result: "{}" }));
    expect(scene.chain(chain).calls[callId]?.status).toBe("answered");
  });
});
