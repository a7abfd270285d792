/** A tool that honours the key is fired again while its first attempt may still be under way. */
import { describe, expect, it } from "vitest";
import { createScene, late, notStarted, only, POLICY, types } from "./testing.ts";

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

describe("an exact effect in doubt in a degraded chain", () => {
  it("a person's word on the doubt that degraded the chain frees it while an exact effect is in doubt, which only a working chain fires again [effects:exact-fires-again]", () => {
    const scene = createScene({ ...POLICY, rules: { ...POLICY.rules, consecutiveErrors: 0 } });
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 }));
    scene.door.turn(scene.outcome(chain, 1, late));
    scene.door.turn(scene.call(chain, 2, "db.exact", { id: 2 }));
    scene.door.atMs += 499;
    scene.door.turn(scene.outcome(chain, 2, late));
    scene.door.atMs += 1;
    expect(types(scene.door.turn({ kind: "tick" }))).toEqual(["EffectSettled", "ChainDegraded"]);
    scene.door.atMs += 500;
    expect(scene.door.turn({ kind: "tick" }), "nothing that changes the world while degraded").toEqual([]);
    const admitted = scene.chain(chain).calls[`${chain}:1`]?.admitted ?? "";
    const word = { outcome: "committed", reason: "seen", by: "operator:ann" } as const;
    const body = { type: "SettleEffect", callId: `${chain}:1`, admitted, ...word } as const;
    const said = scene.command(chain, body, { source: "control", principal: "operator:ann", sequence: 0 });
    expect(types(scene.door.turn(said))).toEqual(["EffectSettled", "ChainResumed"]);
    expect(only(scene.door.turn({ kind: "tick" }), "EffectAdmitted")).toMatchObject({ tool: "db.exact", attempt: 2 });
  });
});
