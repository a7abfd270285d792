import { describe, expect, it } from "vitest";
import { signalsOf } from "../breaker/signals.ts";
import { createScene, MODEL_REPLY, only, POLICY, type Scene, types } from "./testing.ts";

const throttled = (retryAfterMs: number) =>
  ({ kind: "throttled", reason: "429 Too Many Requests", retryAfterMs }) as const;
const cut = { kind: "unknown", reason: "the connection was cut" } as const;
const done = { kind: "committed", result: '{"ok":true}' } as const;
const noRoute = { kind: "failed", code: "BUSBAR_EFFECT_NOT_STARTED", reason: "no route", beforeEffect: true } as const;
const TICK = { kind: "tick" } as const;

/** A chain whose first call of a tool has just been admitted. */
function called(tool: string, fields = {}, policy = POLICY): { readonly scene: Scene; readonly chain: string } {
  const scene = createScene(policy);
  const chain = scene.submit("t", fields);
  scene.door.turn(scene.call(chain, 1, tool, { id: 1 }));
  return { scene, chain };
}

const erred = (scene: Scene, chain: string): number => scene.chain(chain).rules.consecutiveErrors.evidence.length;

const late = { kind: "abandoned", reason: "its fire bound of 2000 ms is over", again: true } as const;

describe("an attempt that came too late to be started", () => {
  it("is followed by another one, at once and then ever later, and takes no attempt of the call [attempts:not-started-again]", () => {
    const { scene, chain } = called("db.write");
    const [first, again] = scene.door.turn(scene.outcome(chain, 1, late));
    expect([first, again]).toMatchObject([
      { type: "EffectAbandoned", retryAtMs: scene.door.atMs },
      { type: "EffectAdmitted", attempt: 2 },
    ]);
    for (const [round, waitMs] of [100, 200, 400].entries()) {
      const abandoned = only(scene.door.turn(scene.outcome(chain, 1, late)), "EffectAbandoned");
      expect(abandoned.retryAtMs).toBe(scene.door.atMs + waitMs);
      expect(signalsOf(abandoned, scene.door.state, {})).toEqual([]);
      scene.door.atMs += waitMs - 1;
      expect(scene.door.turn(TICK)).toEqual([]);
      scene.door.atMs += 1;
      expect(only(scene.door.turn(TICK), "EffectAdmitted").attempt).toBe(round + 3);
    }
    expect(erred(scene, chain)).toBe(0);
    expect(types(scene.door.turn(scene.outcome(chain, 1, done)))).toEqual(["EffectCommitted"]);
  });

  it("is followed by none past the deadline, in a halted chain, or where more than time stood against it [attempts:not-started-again]", () => {
    const short = called("db.write", { deadlineAtMs: createScene().door.atMs + 50 });
    const given = called("db.write");
    const halted = called("db.write");
    const halt = { scope: `chain:${halted.chain}`, reason: "stop", by: "operator:ann", rule: "", cause: "" };
    halted.scene.door.turn(halted.scene.orders(["Halt", halt]));
    const lost = { kind: "abandoned", reason: "its partition was given away before it was started" } as const;
    const ends = [
      short.scene.door.turn(short.scene.outcome(short.chain, 1, late)),
      given.scene.door.turn(given.scene.outcome(given.chain, 1, lost)),
      halted.scene.door.turn(halted.scene.outcome(halted.chain, 1, late)),
    ];
    expect(ends.map((events) => only(events, "EffectAbandoned").retryAtMs)).toEqual([0, 0, 0]);
    expect(short.scene.chain(short.chain).calls[`${short.chain}:1`]?.status).toBe("answered");
  });
});

describe("a tool that asks to be called later", () => {
  it("is called again at that time and not before; no error is counted [attempts:throttled-is-no-error]", () => {
    const { scene, chain } = called("db.write");
    const failed = only(scene.door.turn(scene.outcome(chain, 1, throttled(2000))), "EffectFailed");
    expect(failed).toMatchObject({ code: "BUSBAR_THROTTLED", final: false, retryAtMs: scene.door.atMs + 2000 });
    expect(signalsOf(failed, scene.door.state, {})).toEqual([]);
    scene.door.atMs += 1999;
    expect(scene.door.turn(TICK)).toEqual([]);
    scene.door.atMs += 1;
    expect(only(scene.door.turn(TICK), "EffectAdmitted")).toMatchObject({ attempt: 2, callId: `${chain}:1` });
    expect(erred(scene, chain)).toBe(0);
    expect(types(scene.door.turn(scene.outcome(chain, 1, done)))).toEqual(["EffectCommitted"]);
  });

  it("takes no attempt of the call, however often it asks [attempts:throttled-takes-no-attempt]", () => {
    const { scene, chain } = called("db.retry");
    for (let round = 0; round < 5; round += 1) {
      scene.door.turn(scene.outcome(chain, 1, throttled(100)));
      scene.door.atMs += 10_000;
      scene.door.turn(TICK);
    }
    expect(scene.chain(chain).calls[`${chain}:1`]).toMatchObject({ attempt: 6, throttled: 5, status: "open" });
    scene.door.atMs += 10_000;
    const events = scene.door.turn(scene.outcome(chain, 1, noRoute));
    expect(types(events)).toEqual(["EffectFailed", "EffectAdmitted"]);
  });

  it("is not waited for past the deadline, and that is no error either [attempts:throttled-within-deadline]", () => {
    const deadlineAtMs = createScene().door.atMs + 1000;
    const { scene, chain } = called("db.write", { deadlineAtMs });
    const failed = only(scene.door.turn(scene.outcome(chain, 1, throttled(5000))), "EffectFailed");
    expect(failed).toMatchObject({ code: "BUSBAR_THROTTLED", final: true, retryAtMs: 0 });
    expect(signalsOf(failed, scene.door.state, {})).toEqual([]);
    expect(erred(scene, chain)).toBe(0);
  });

  it("may put a call off only so long, all its pauses together [attempts:throttled-within-deadline]", () => {
    const policy = { ...POLICY, limits: { ...POLICY.limits, throttleMs: 1500 } };
    const { scene, chain } = called("db.write", {}, policy);
    expect(only(scene.door.turn(scene.outcome(chain, 1, throttled(1000))), "EffectFailed").final).toBe(false);
    scene.door.atMs += 1000;
    scene.door.turn(TICK);
    expect(only(scene.door.turn(scene.outcome(chain, 1, throttled(1000))), "EffectFailed").final).toBe(true);
  });

  it("keeps the effect taken while it waits: a second call of it waits as well [attempts:delayed-effect-stays-taken]", () => {
    const { scene, chain } = called("db.write");
    scene.door.turn(scene.outcome(chain, 1, throttled(1000)));
    expect(types(scene.door.turn(scene.call(chain, 2, "db.write", { id: 1 })))).toEqual(["EffectAwaited"]);
    scene.door.atMs += 1000;
    scene.door.turn(TICK);
    expect(types(scene.door.turn(scene.outcome(chain, 1, done)))).toEqual(["EffectCommitted", "EffectAlreadyDone"]);
  });

  it("is not called again by a halted chain, and is by a resumed one [attempts:delayed-obeys-halts]", () => {
    const { scene, chain } = called("db.write");
    scene.door.turn(scene.outcome(chain, 1, throttled(100)));
    const halt = { scope: `chain:${chain}`, reason: "stop", by: "x", rule: "", cause: "" };
    const halted = scene.door.turn(scene.orders(["Halt", halt]));
    expect(only(halted, "HaltAcknowledged").inFlight).toEqual([]);
    scene.door.atMs += 100;
    expect(scene.door.turn(TICK)).toEqual([]);
    const fence = scene.chain(chain).halted?.fence ?? "";
    scene.door.turn(scene.orders(["Resume", { scope: halt.scope, fence, reason: "", by: "x", coversThrough: [] }]));
    expect(types(scene.door.turn(TICK))).toEqual(["EffectAdmitted"]);
  });

  it("is refused at its time by a freeze that came meanwhile [attempts:delayed-obeys-halts]", () => {
    const { scene, chain } = called("db.write");
    scene.door.turn(scene.outcome(chain, 1, throttled(100)));
    const freeze = {
      freezeId: "f",
      scope: "tool:db.write",
      effects: ["write"],
      fromMs: 0,
      untilMs: 0,
      reason: "",
      by: "x",
    };
    scene.door.turn(scene.orders(["Freeze", freeze]));
    scene.door.atMs += 100;
    expect(only(scene.door.turn(TICK), "EffectFailed")).toMatchObject({ code: "BUSBAR_FREEZE_ACTIVE", final: true });
  });

  it("waits for the same moment under a new owner [attempts:delay-survives-takeover]", () => {
    const { scene, chain } = called("db.write");
    scene.door.turn(scene.outcome(chain, 1, throttled(1000)));
    scene.door.claim();
    const eventsThrough = scene.door.state.end;
    scene.door.turn({
      kind: "open",
      opening: { supervisor: "s", heartbeatAtMs: 0, eventsThrough, directivesEnd: "0" },
    });
    expect(scene.door.turn(TICK)).toEqual([]);
    scene.door.atMs += 1000;
    expect(only(scene.door.turn(TICK), "EffectAdmitted").attempt).toBe(2);
  });

  it("ends as not done when the chain's deadline comes first [attempts:throttled-within-deadline]", () => {
    const deadlineAtMs = createScene().door.atMs + 1000;
    const { scene, chain } = called("db.write", { deadlineAtMs });
    scene.door.turn(scene.outcome(chain, 1, throttled(900)));
    scene.door.turn({ kind: "degrade", reason: "no supervisor" });
    scene.door.atMs += 1000;
    expect(types(scene.door.turn(TICK))).toEqual(["EffectFailed", "TimerFired", "TaskFailed"]);
  });
});

describe("an answer that was lost", () => {
  it("leaves an at-most-once change in doubt, as one error; it is never fired again [attempts:lost-answer-in-doubt]", () => {
    const { scene, chain } = called("db.write");
    const doubt = only(scene.door.turn(scene.outcome(chain, 1, cut)), "EffectInDoubt");
    expect(doubt.code).toBe("BUSBAR_OUTCOME_UNKNOWN");
    expect(signalsOf(doubt, scene.door.state, {}).map(({ ok }) => ok)).toEqual([false, false, false]);
    expect(erred(scene, chain)).toBe(1);
    scene.door.atMs += 600_000;
    expect(types(scene.door.turn(TICK))).toEqual(["EffectSettled", "ChainDegraded"]);
    expect(types(scene.door.turn(TICK))).toEqual([]);
  });

  it("fires an exact change again under its key, ever more rarely, and in the end asks a person [attempts:exact-fired-again]", () => {
    const { scene, chain } = called("db.exact");
    const waits: number[] = [];
    for (let attempt = 1; attempt < 16; attempt += 1) {
      const { settleAtMs, effectKey } = only(scene.door.turn(scene.outcome(chain, 1, cut)), "EffectInDoubt");
      waits.push(settleAtMs - scene.door.atMs);
      scene.door.atMs = settleAtMs;
      expect(only(scene.door.turn(TICK), "EffectAdmitted")).toMatchObject({ attempt: attempt + 1, effectKey });
    }
    expect(waits.slice(0, 4)).toEqual([500, 1000, 2000, 4000]);
    expect(Math.max(...waits)).toBe(60_000);
    scene.door.turn(scene.outcome(chain, 1, cut));
    scene.door.atMs += 60_000;
    expect(types(scene.door.turn(TICK))).toEqual(["EffectSettled", "ChainDegraded"]);
  });

  it("of an exact tool whose breaker has opened asks for its probe, and takes it [attempts:doubt-asks-for-probe]", () => {
    const { scene, chain } = called("db.exact");
    scene.door.turn(scene.outcome(chain, 1, cut));
    const key = "tool:db.exact";
    const opened = { key, rule: "r", cause: "x", reason: "down", by: "s", cooldownMs: 5000 };
    scene.door.turn(scene.orders(["OpenBreaker", opened]));
    scene.door.atMs += 500;
    const waiting = only(scene.door.turn(TICK), "EffectInDoubt");
    expect(waiting).toMatchObject({ code: "BUSBAR_BREAKER_OPEN", settleAtMs: scene.door.atMs + 1250 });
    expect(signalsOf(waiting, scene.door.state, {})).toMatchObject([
      { code: "BUSBAR_BREAKER_OPEN", tool: "db.exact", key },
    ]);
    expect(erred(scene, chain)).toBe(1);
    expect(scene.door.turn(TICK)).toEqual([]);
    const grant = {
      grantId: "g",
      key,
      cause: "x",
      sequence: 1,
      partition: 0,
      count: 1,
      expiresAtMs: Number.MAX_SAFE_INTEGER,
    };
    scene.door.turn(scene.orders(["Grant", grant]));
    scene.door.atMs += 1250;
    expect(only(scene.door.turn(TICK), "EffectAdmitted")).toMatchObject({ attempt: 2, probes: ["g"] });
  });

  it("is a failure of a read [attempts:lost-answer-in-doubt]", () => {
    const { scene, chain } = called("db.read");
    expect(only(scene.door.turn(scene.outcome(chain, 1, cut)), "EffectFailed").final).toBe(true);
  });
});

describe("an attempt that did not start", () => {
  it("is followed by another at once, then by others after growing waits, and by no more than allowed [effects:not-started-retryable]", () => {
    const { scene, chain } = called("db.retry");
    expect(types(scene.door.turn(scene.outcome(chain, 1, noRoute)))).toEqual(["EffectFailed", "EffectAdmitted"]);
    const second = only(scene.door.turn(scene.outcome(chain, 1, noRoute)), "EffectFailed");
    expect(second).toMatchObject({ final: false, retryAtMs: scene.door.atMs + 100 });
    scene.door.atMs += 100;
    scene.door.turn(TICK);
    expect(only(scene.door.turn(scene.outcome(chain, 1, noRoute)), "EffectFailed").final).toBe(true);
  });
});

describe("a model call", () => {
  const asked = (budgetTokens = 0) => {
    const scene = createScene();
    const chain = scene.submit("t", { budgetTokens });
    const admitted = scene.door.turn(scene.command(chain, { type: "CallModel", step: 1, model: "m", request: "{}" }));
    return { scene, chain, admitted: only(admitted, "ModelCallAdmitted") };
  };
  const lost = {
    kind: "model-failed",
    code: "BUSBAR_TOOL_FAILED",
    reason: "the stream was cut",
    retryable: true,
    inputTokens: 5,
    outputTokens: 2,
  } as const;

  it("without an answer is asked again, and what it used is spent [attempts:model-asked-again]", () => {
    const { scene, chain } = asked();
    const failed = only(scene.door.turn(scene.outcome(chain, 1, lost)), "ModelCallFailed");
    expect(failed).toMatchObject({ final: false, retryAtMs: scene.door.atMs + 100, attempt: 1 });
    expect(scene.chain(chain).tokensUsed).toBe(7);
    scene.door.atMs += 100;
    expect(only(scene.door.turn(TICK), "ModelCallAdmitted")).toMatchObject({ attempt: 2, request: "{}" });
    expect(only(scene.door.turn(scene.outcome(chain, 1, MODEL_REPLY)), "ModelCallCompleted").attempt).toBe(2);
    expect([scene.chain(chain).tokensUsed, erred(scene, chain)]).toEqual([17, 0]);
  });

  it("fails after its attempts, as one error [attempts:model-asked-again]", () => {
    const { scene, chain } = asked();
    for (const final of [false, false, true]) {
      const failed = only(scene.door.turn(scene.outcome(chain, 1, lost)), "ModelCallFailed");
      expect(failed.final).toBe(final);
      scene.door.atMs += 10_000;
      scene.door.turn(TICK);
    }
    expect(erred(scene, chain)).toBe(1);
  });

  it("that was late and then fails is one failed attempt; one that answers after all is answered [attempts:one-end-per-attempt]", () => {
    const late = { ...lost, code: "BUSBAR_TIMEOUT", reason: "no answer within 60000 ms" } as const;
    const { scene, chain } = asked();
    scene.door.turn(scene.outcome(chain, 1, late));
    expect(scene.door.turn(scene.outcome(chain, 1, lost))).toEqual([]);
    expect(types(scene.door.turn(scene.outcome(chain, 1, MODEL_REPLY)))).toEqual(["ModelCallCompleted"]);
    scene.door.atMs += 10_000;
    expect(scene.door.turn(TICK)).toEqual([]);
  });

  it("that is throttled waits as long as it is told, without an error [attempts:throttled-is-no-error]", () => {
    const { scene, chain } = asked();
    const later = { kind: "model-throttled", reason: "429", retryAfterMs: 3000 } as const;
    for (let round = 0; round < 4; round += 1) {
      const failed = only(scene.door.turn(scene.outcome(chain, 1, later)), "ModelCallFailed");
      expect(failed).toMatchObject({ code: "BUSBAR_THROTTLED", final: false, retryAtMs: scene.door.atMs + 3000 });
      scene.door.atMs += 2999;
      expect(scene.door.turn(TICK)).toEqual([]);
      scene.door.atMs += 1;
      expect(types(scene.door.turn(TICK))).toEqual(["ModelCallAdmitted"]);
    }
    expect(erred(scene, chain)).toBe(0);
  });

  it("is not asked again when its tokens are spent meanwhile [rules:budget]", () => {
    const { scene, chain } = asked(7);
    scene.door.turn(scene.outcome(chain, 1, lost));
    scene.door.atMs += 100;
    expect(only(scene.door.turn(TICK), "ModelCallFailed")).toMatchObject({ code: "BUSBAR_BUDGET_SPENT", final: true });
  });

  it("whose answer asks for what cannot be called is an error, and an answer [models:broken-tool-call-is-an-answer]", () => {
    const { scene, chain } = asked();
    const problems = [{ toolCallId: "1", tool: "db.write", reason: "its arguments are no JSON" }];
    const events = scene.door.turn(scene.outcome(chain, 1, { ...MODEL_REPLY, problems }));
    expect(only(events, "ModelCallCompleted").problems).toEqual(problems);
    expect([scene.chain(chain).halted, erred(scene, chain)]).toEqual([null, 1]);
  });

  it("has the time-out that the policy gives its model [models:timeout-of-definition]", () => {
    expect(asked().admitted.timeoutMs).toBe(60_000);
    const scene = createScene({ ...POLICY, models: { m: { timeoutMs: 1234, attempts: 1 } } });
    const chain = scene.submit("t");
    const events = scene.door.turn(scene.command(chain, { type: "CallModel", step: 1, model: "m", request: "{}" }));
    expect(only(events, "ModelCallAdmitted").timeoutMs).toBe(1234);
  });
});
