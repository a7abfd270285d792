import { describe, expect, it } from "vitest";
import { createScene, notStarted, only, POLICY, type Scene, types } from "./testing.ts";

const failed = { kind: "failed", code: "BUSBAR_TOOL_FAILED", reason: "no", beforeEffect: false } as const;
const done = { kind: "committed", result: '{"ok":true}' } as const;

describe("the ledger", () => {
  it("the same effect again is answered with the original's offset, and does not run [effects:same-key-already-done]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.done(chain, 1, "db.write", { id: 1, to: "x" });
    const committed = scene.door.log.at(-1)?.offset.toString() ?? "";
    const events = scene.door.turn(scene.call(chain, 2, "db.write", { to: "x", id: 1 }));
    expect(types(events)).toEqual(["EffectAlreadyDone"]);
    const again = only(events, "EffectAlreadyDone");
    expect(again.originalOffset).toBe(committed);
    expect(JSON.parse(again.result)).toEqual({ alreadyDone: true, offset: committed });
  });

  it("declared identity fields name the effect, other arguments do not [effects:same-key-already-done]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.done(chain, 1, "db.drop", { table: "orders", why: "old" });
    expect(types(scene.door.turn(scene.call(chain, 2, "db.drop", { table: "orders", why: "older" })))).toEqual([
      "EffectAlreadyDone",
    ]);
    expect(types(scene.door.turn(scene.call(chain, 3, "db.drop", { table: "users" })))).toEqual(["EffectAdmitted"]);
  });

  it("an open effect is waited for, and its success answers the one that waits [effects:open-is-awaited]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 }));
    expect(types(scene.door.turn(scene.call(chain, 2, "db.write", { id: 1 })))).toEqual(["EffectAwaited"]);
    const events = scene.door.turn(scene.outcome(chain, 1, done));
    expect(types(events)).toEqual(["EffectCommitted", "EffectAlreadyDone"]);
    expect(only(events, "EffectAlreadyDone").callId).toBe(`${chain}:2`);
  });

  it("an open effect that fails fails the one that waits too, without a second attempt [effects:open-is-awaited]", () => {
    const scene = createScene({ ...POLICY, rules: { ...POLICY.rules, consecutiveErrors: 0 } });
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 }), scene.call(chain, 2, "db.write", { id: 1 }));
    const events = scene.door.turn(scene.outcome(chain, 1, failed));
    expect(types(events)).toEqual(["EffectFailed", "EffectFailed"]);
    expect(Object.values(scene.chain(chain).calls).map(({ status }) => status)).toEqual(["answered", "answered"]);
  });

  it("a failure that was waited for by another call is one error of the chain, not two [effects:one-call-one-error]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 }), scene.call(chain, 2, "db.write", { id: 1 }));
    scene.door.turn(scene.outcome(chain, 1, failed));
    expect(scene.chain(chain).status).toBe("working");
    expect(scene.chain(chain).rules.consecutiveErrors.evidence.length).toBe(1);
  });

  it("an effect in doubt is waited for as well, until it is settled [effects:open-is-awaited]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 }));
    scene.door.turn(scene.outcome(chain, 1, { kind: "timeout", reason: "late" }));
    expect(types(scene.door.turn(scene.call(chain, 2, "db.write", { id: 1 })))).toEqual(["EffectAwaited"]);
    expect(types(scene.door.turn(scene.outcome(chain, 1, done)))).toEqual(["EffectSettled", "EffectAlreadyDone"]);
  });

  it("after a failure the same effect is attempt 2 of the same key [effects:failed-is-next-attempt]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const first = only(scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 })), "EffectAdmitted");
    scene.door.turn(scene.outcome(chain, 1, failed));
    const second = only(scene.door.turn(scene.call(chain, 2, "db.write", { id: 1 })), "EffectAdmitted");
    expect([second.effectKey, second.attempt]).toEqual([first.effectKey, 2]);
  });

  it("a call that declares repeat 2 runs again under a key of its own [effects:repeat-declared]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.done(chain, 1, "db.write", { id: 1 });
    const key = scene.chain(chain).calls[`${chain}:1`]?.effectKey;
    const second = only(scene.door.turn(scene.call(chain, 2, "db.write", { id: 1 }, { repeat: 2 })), "EffectAdmitted");
    expect(second.effectKey).not.toBe(key);
    scene.door.turn(scene.outcome(chain, 2, done));
    expect(types(scene.door.turn(scene.call(chain, 3, "db.write", { id: 1 }, { repeat: 2 })))).toEqual([
      "EffectAlreadyDone",
    ]);
  });

  it("another change of the subject in between makes it a new effect [effects:mutation-between]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.done(chain, 1, "db.write", { id: 1, to: "x" });
    scene.done(chain, 2, "db.write", { id: 2, to: "x" });
    expect(types(scene.door.turn(scene.call(chain, 3, "db.write", { id: 1, to: "x" })))).toEqual(["EffectAlreadyDone"]);
    scene.done(chain, 4, "db.write", { id: 1, to: "y" });
    expect(types(scene.door.turn(scene.call(chain, 5, "db.write", { id: 1, to: "x" })))).toEqual(["EffectAdmitted"]);
    scene.door.turn(scene.outcome(chain, 5, done));
    expect(types(scene.door.turn(scene.call(chain, 6, "db.write", { id: 1, to: "x" })))).toEqual(["EffectAlreadyDone"]);
    expect(types(scene.door.turn(scene.call(chain, 7, "db.write", { id: 1, to: "y" })))).toEqual(["EffectAdmitted"]);
  });

  it("a change of the subject by another tool of the same system counts [effects:mutation-between]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.done(chain, 1, "db.write", { id: 1, to: "x" });
    scene.done(chain, 2, "db.other", { id: 1 });
    expect(types(scene.door.turn(scene.call(chain, 3, "db.write", { id: 1, to: "x" })))).toEqual(["EffectAdmitted"]);
  });

  it("reads always run, without a key [effects:reads-always-run]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.done(chain, 1, "db.read", { id: 1 });
    const second = only(scene.door.turn(scene.call(chain, 2, "db.read", { id: 1 })), "EffectAdmitted");
    expect([second.effectKey, second.attempt]).toEqual(["", 1]);
  });

  it("two chains do not share effects [effects:same-key-already-done]", () => {
    const scene = createScene();
    const [one, two] = [scene.submit("a"), scene.submit("b")];
    scene.done(one, 1, "db.write", { id: 1 });
    expect(types(scene.door.turn(scene.call(two, 1, "db.write", { id: 1 })))).toEqual(["EffectAdmitted"]);
  });
});

/** One attempt that did not start, and the wait before the next one. */
function fail(scene: Scene, chain: string): void {
  scene.door.turn(scene.outcome(chain, 1, notStarted));
  scene.door.atMs += 1000;
  scene.door.turn({ kind: "tick" });
}

describe("attempts", () => {
  it("an error before the effect is tried again under the same key, each time by a new admission [effects:one-attempt-per-admission]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const first = only(scene.door.turn(scene.call(chain, 1, "db.retry", { id: 1 })), "EffectAdmitted");
    const events = scene.door.turn(scene.outcome(chain, 1, notStarted));
    expect(types(events)).toEqual(["EffectFailed", "EffectAdmitted"]);
    expect(only(events, "EffectFailed").final).toBe(false);
    expect(only(events, "EffectAdmitted")).toMatchObject({
      effectKey: first.effectKey,
      attempt: 2,
      origin: "gateway",
      callId: first.callId,
    });
  });

  it("ends after the declared number of attempts [effects:not-started-retryable]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.retry", { id: 1 }));
    fail(scene, chain);
    fail(scene, chain);
    const last = scene.door.turn(scene.outcome(chain, 1, notStarted));
    expect(types(last)).toEqual(["EffectFailed"]);
    expect(only(last, "EffectFailed")).toMatchObject({ final: true, attempt: 3 });
  });

  it("an error after the start is never tried again [effects:at-most-once]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.retry", { id: 1 }));
    expect(only(scene.door.turn(scene.outcome(chain, 1, failed)), "EffectFailed").final).toBe(true);
  });

  it("all attempts of a call are one error [effects:one-call-one-error]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.retry", { id: 1 }));
    for (let attempt = 1; attempt <= 3; attempt += 1) fail(scene, chain);
    expect(scene.chain(chain).status).toBe("working");
    expect(scene.chain(chain).rules.consecutiveErrors.evidence.length).toBe(1);
  });

  it("a malformed result of a change happened: recorded as such, not tried again, one error [effects:invalid-result-not-retried]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.checked", { id: 1 }));
    const events = scene.door.turn(
      scene.outcome(chain, 1, { kind: "invalid", result: "7", reason: "value must be object" }),
    );
    expect(types(events)).toEqual(["EffectCommittedInvalid"]);
    expect(scene.chain(chain).rules.consecutiveErrors.evidence.length).toBe(1);
    expect(types(scene.door.turn(scene.call(chain, 2, "db.checked", { id: 1 })))).toEqual(["EffectAlreadyDone"]);
  });

  it("what a retry may not do now ends the call instead: no attempt past a freeze [effects:slot-before-admission]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.retry", { id: 1 }));
    const freeze = {
      freezeId: "f",
      scope: "fleet",
      effects: ["write"],
      fromMs: 0,
      untilMs: 0,
      reason: "audit",
      by: "x",
    };
    scene.door.turn(scene.orders(["Freeze", freeze]));
    const events = scene.door.turn(scene.outcome(chain, 1, notStarted));
    expect(events.map((event) => (event.type === "EffectFailed" ? event.final : event.type))).toEqual([false, true]);
    expect(scene.chain(chain).rules.consecutiveErrors.evidence.length).toBe(1);
  });

  it("no attempt past a halt of its tool [effects:slot-before-admission]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.retry", { id: 1 }));
    scene.door.turn(scene.orders(["Halt", { scope: "tool:db.retry", reason: "stop", by: "x" }]));
    expect(types(scene.door.turn(scene.outcome(chain, 1, notStarted)))).toEqual(["EffectFailed", "EffectFailed"]);
  });

  it("an attempt that fails before the effect and is then made good is no error [effects:one-call-one-error]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.retry", { id: 1 }));
    scene.door.turn(scene.outcome(chain, 1, notStarted));
    scene.door.turn(scene.outcome(chain, 1, done));
    expect(scene.chain(chain).rules.consecutiveErrors.evidence).toEqual([]);
  });

  it.each([
    ["a read", "db.read", "working"],
    ["a change whose result its schema accepted", "db.checked", "working"],
    ["a change that nobody looked at", "db.write", "halted"],
  ])("between two errors %s leaves the chain %s [effects:verified-success-resets]", (_name, tool, status) => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.nothing"));
    scene.done(chain, 2, tool, { id: 1 });
    scene.door.turn(scene.call(chain, 3, "db.nothing"));
    expect(scene.chain(chain).status).toBe(status);
  });

  it("an outcome of another admission than the open one changes nothing [rules:duplicates-change-nothing]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.retry", { id: 1 }));
    const first = scene.chain(chain).calls[`${chain}:1`]?.admitted ?? "";
    scene.door.turn(scene.outcome(chain, 1, notStarted));
    expect(scene.door.turn(scene.outcome(chain, 1, done, first))).toEqual([]);
    const outcome = scene.outcome(chain, 1, done);
    expect(types(scene.door.turn(outcome, outcome))).toEqual(["EffectCommitted"]);
  });
});
