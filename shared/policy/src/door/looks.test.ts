/** The look at a change that its tool reported as done (PROTOCOL 5.2, 5.5). */
import type { BusEvent } from "@busbar/events";
import { canonicalJson } from "@busbar/kernel";
import { describe, expect, it } from "vitest";
import { signalsOf } from "../breaker/signals.ts";
import { createScene, only, POLICY, type OutcomeBody, type Scene, types } from "./testing.ts";

const LOOK = canonicalJson({ tool: "db.read", args: { id: 1 }, expect: { there: true }, withinMs: 0 });
const done = { kind: "committed", result: "{}", readBack: LOOK } as const;
const look = (change: Partial<Extract<OutcomeBody, { kind: "read-back" }>>) =>
  ({
    kind: "read-back",
    shown: false,
    failed: false,
    result: '{"there":false}',
    reason: "there is false",
    ...change,
  }) as const;
const shows = look({ shown: true, result: '{"there":true}', reason: "db.read shows the effect" });
const differs = look({});
const nobody = look({ failed: true, result: "", reason: "db.read: no connection" });

/** A chain whose first change is reported as done, and is looked at now. */
function told(more: Partial<typeof POLICY.rules> = {}) {
  const scene = createScene({ ...POLICY, rules: { ...POLICY.rules, ...more } });
  const chain = scene.submit("t");
  scene.door.turn(scene.call(chain, 1, "db.looked", { id: 1 }));
  const events = scene.door.turn(scene.outcome(chain, 1, done));
  return { scene, chain, callId: `${chain}:1`, events };
}
/** What an event says to the breaker of its tool. */
const signalOf = (event: BusEvent) =>
  signalsOf(event, { partition: 0, breakers: {} }, {}).find(({ key }) => key === "tool:db.looked");
const send = (scene: Scene, chain: string, step: number) =>
  scene.command(chain, { type: "SendTask", step, agent: "worker", input: "{}" });
const finish = (scene: Scene, chain: string, step: number) =>
  scene.command(chain, { type: "CompleteTask", step, output: "{}" });

describe("while the look at a change is due", () => {
  it.each([
    ["the next change", (scene: Scene, chain: string) => scene.call(chain, 2, "db.write", { id: 2 })],
    ["a sub-task", (scene: Scene, chain: string) => send(scene, chain, 2)],
    ["the end of the task", (scene: Scene, chain: string) => finish(scene, chain, 2)],
  ])("%s is put off, and no error [effects:read-back-due]", (_what, next) => {
    const { scene, chain } = told();
    const [deferred, ...more] = scene.door.turn(next(scene, chain));
    expect(deferred).toMatchObject({ type: "CommandDeferred", code: "BUSBAR_READ_BACK_DUE", retryAfterMs: 25 });
    expect(more).toEqual([]);
    expect(scene.chain(chain).rules.consecutiveErrors.evidence).toEqual([]);
  });

  it("who waits for a long look is asked ever more rarely, up to once a second [effects:read-back-due]", () => {
    const { scene, chain } = told();
    const waits = [0, 100, 30_000].map((afterMs) => {
      scene.door.atMs += afterMs;
      const sequence = scene.chain(chain).sequence + 1;
      const [event] = scene.door.turn(scene.call(chain, 2, "db.write", { id: 2 }, { sequence }));
      return event?.type === "CommandDeferred" ? event.retryAfterMs : 0;
    });
    expect(waits).toEqual([25, 100, 1000]);
  });

  it("a change passes where none is due [effects:read-back-due]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.done(chain, 1, "db.looked", { id: 1 });
    expect(only(scene.door.turn(scene.call(chain, 2, "db.write", { id: 2 })), "EffectAdmitted").step).toBe(2);
  });

  it("reads and models go on, and so does another chain [effects:read-back-due]", () => {
    const { scene, chain } = told();
    expect(types(scene.door.turn(scene.call(chain, 2, "db.read")))).toEqual(["EffectAdmitted"]);
    const model = scene.command(chain, { type: "CallModel", step: 3, model: "m", request: "{}" });
    expect(types(scene.door.turn(model))).toEqual(["ModelCallAdmitted"]);
    const other = scene.submit("u");
    expect(types(scene.door.turn(scene.call(other, 1, "db.write", { id: 2 })))).toEqual(["EffectAdmitted"]);
  });

  it("the same change asked for again waits for what the look shows [effects:read-back-due]", () => {
    const { scene, chain } = told();
    expect(types(scene.door.turn(scene.call(chain, 2, "db.looked", { id: 1 })))).toEqual(["EffectAwaited"]);
    const [verified, again] = scene.door.turn(scene.outcome(chain, 1, shows));
    expect([verified?.type, again?.type]).toEqual(["EffectVerified", "EffectAlreadyDone"]);
  });

  it("the answer is given already, and a successor looks as well: it stands in the state [effects:read-back-due]", () => {
    const { scene, chain, callId, events } = told();
    expect(types(events)).toEqual(["EffectCommitted"]);
    scene.door.restore();
    scene.door.claim();
    expect(scene.chain(chain).calls[callId]).toMatchObject({ status: "unverified", look: LOOK });
    expect(scene.door.turn({ kind: "inherit", calls: [{ chainId: chain, callId }] })).toEqual([]);
  });

  it("what its tool tells once more changes nothing [rules:duplicates-change-nothing]", () => {
    const { scene, chain } = told();
    const failed = { kind: "failed", code: "BUSBAR_TOOL_FAILED", reason: "no", beforeEffect: false } as const;
    const old = { kind: "evidence", happened: true, result: "{}", evidenceOffset: "3" } as const;
    for (const again of [done, failed, old]) expect(scene.door.turn(scene.outcome(chain, 1, again))).toEqual([]);
    scene.door.turn(scene.outcome(chain, 1, shows));
    expect(scene.door.turn(scene.outcome(chain, 1, differs))).toEqual([]);
  });
});

describe("a look that shows the change", () => {
  it("verifies it: the next change passes, and the errors before are over [effects:verified-success-resets]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const failed = { kind: "failed", code: "BUSBAR_TOOL_FAILED", reason: "no", beforeEffect: false } as const;
    scene.door.turn(scene.call(chain, 1, "db.write", { id: 9 }));
    scene.door.turn(scene.outcome(chain, 1, failed));
    scene.door.turn(scene.call(chain, 2, "db.looked", { id: 1 }));
    scene.door.turn(scene.outcome(chain, 2, done));
    expect(scene.chain(chain).rules.consecutiveErrors.evidence.length).toBe(1);
    const verified = only(scene.door.turn(scene.outcome(chain, 2, shows)), "EffectVerified");
    expect(verified).toMatchObject({ tool: "db.looked", by: "db.read", seen: '{"there":true}' });
    expect(scene.chain(chain).rules.consecutiveErrors.evidence).toEqual([]);
    expect(types(scene.door.turn(scene.call(chain, 3, "db.write", { id: 2 })))).toEqual(["EffectAdmitted"]);
  });

  it("is a success of the tool for its breaker; before that nothing is known [effects:read-back-due]", () => {
    const { scene, chain, events } = told();
    const later = scene.door.turn(scene.outcome(chain, 1, shows));
    expect([...events, ...later].map((event) => signalOf(event)?.ok)).toEqual([undefined, true]);
  });

  it("does not count the change twice as destructive [rules:three-destructive]", () => {
    const { scene, chain } = told();
    const { destructiveRun } = scene.chain(chain).rules;
    scene.door.turn(scene.outcome(chain, 1, shows));
    expect(scene.chain(chain).rules.destructiveRun).toBe(destructiveRun);
  });
});

describe("a look that does not show the change", () => {
  it("disputes it: expected and seen are recorded, one error is counted, the chain reads only [effects:read-back-mismatch]", () => {
    const { scene, chain, callId } = told();
    const events = scene.door.turn(scene.outcome(chain, 1, differs));
    expect(types(events)).toEqual(["EffectDisputed", "ChainDegraded"]);
    expect(only(events, "EffectDisputed")).toMatchObject({
      code: "BUSBAR_READ_BACK_MISMATCH",
      expected: '{"there":true}',
      seen: '{"there":false}',
    });
    expect(scene.chain(chain).rules.consecutiveErrors.evidence.length).toBe(1);
    expect(scene.chain(chain).calls[callId]?.status).toBe("disputed");
    expect(only(scene.door.turn(scene.call(chain, 2, "db.write", { id: 2 })), "EffectRefused").reason).toContain(
      "degraded",
    );
    expect(signalOf(only(events, "EffectDisputed"))).toMatchObject({ ok: false });
  });

  it("is the second error in a row where one was there: the chain halts [rules:two-errors]", () => {
    const { scene, chain } = told({ consecutiveErrors: 1 });
    expect(types(scene.door.turn(scene.outcome(chain, 1, differs)))).toEqual(["EffectDisputed", "ChainHalted"]);
    expect(scene.chain(chain).status).toBe("halted");
  });

  it("stays disputed until a person settles it; then the chain works again [effects:read-back-mismatch]", () => {
    const { scene, chain, callId } = told();
    scene.door.turn(scene.outcome(chain, 1, differs));
    scene.door.atMs += 86_400_000;
    expect(scene.door.turn({ kind: "tick" })).toEqual([]);
    expect(only(scene.door.turn(finish(scene, chain, 2)), "CommandDeferred").code).toBe("BUSBAR_CALLS_OPEN");
    const { admitted = "", answered } = scene.chain(chain).calls[callId] ?? {};
    const word = {
      type: "SettleEffect",
      callId,
      admitted,
      outcome: "not-done",
      reason: "looked",
      by: "operator:x",
    } as const;
    const sent = { source: "control", principal: "operator:x", sequence: 0 } as const;
    expect(types(scene.door.turn(scene.command(chain, word, sent)))).toEqual(["EffectSettled", "ChainResumed"]);
    // The agent keeps the answer it was given.
    expect(scene.chain(chain).calls[callId]).toMatchObject({ status: "answered", answered });
    expect(
      only(
        scene.door.turn(scene.call(chain, 3, "db.looked", { id: 1 }, { sequence: scene.chain(chain).sequence + 1 })),
        "EffectAdmitted",
      ).attempt,
    ).toBe(2);
  });

  it("keeps its chain from changes, also when another doubt of it is settled [effects:read-back-mismatch]", () => {
    const scene = createScene({ ...POLICY, rules: { ...POLICY.rules, consecutiveErrors: 0 } });
    const chain = scene.submit("t");
    const both = [scene.call(chain, 1, "db.looked", { id: 1 }), scene.call(chain, 2, "db.write", { id: 2 })];
    scene.door.turn(...both);
    scene.door.turn(scene.outcome(chain, 1, done));
    scene.door.turn(scene.outcome(chain, 1, differs));
    scene.door.turn(scene.outcome(chain, 2, { kind: "timeout", reason: "late" }));
    const late = { kind: "committed", result: "{}" } as const;
    expect(types(scene.door.turn(scene.outcome(chain, 2, late)))).toEqual(["EffectSettled"]);
    expect(scene.chain(chain).status).toBe("degraded");
  });

  it("is no error where nobody could look; the chain reads only all the same [effects:read-back-failed]", () => {
    const { scene, chain } = told();
    const events = scene.door.turn(scene.outcome(chain, 1, nobody));
    expect(types(events)).toEqual(["EffectDisputed", "ChainDegraded"]);
    expect(only(events, "EffectDisputed").code).toBe("BUSBAR_READ_BACK_FAILED");
    expect(scene.chain(chain).rules.consecutiveErrors.evidence).toEqual([]);
    expect(signalOf(only(events, "EffectDisputed"))).toMatchObject({ ok: true });
  });

  it("a success that comes late is looked at like any other [effects:read-back-due]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.looked", { id: 1 }));
    scene.door.turn(scene.outcome(chain, 1, { kind: "timeout", reason: "late" }));
    expect(only(scene.door.turn(scene.outcome(chain, 1, done)), "EffectSettled").readBack).toBe(LOOK);
    expect(types(scene.door.turn(scene.outcome(chain, 1, differs)))[0]).toBe("EffectDisputed");
  });
});
