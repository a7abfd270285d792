import { describe, expect, it } from "vitest";
import { createScene, late, notStarted, only, POLICY, type Scene, types } from "./testing.ts";
import { TIMERS_PER_TURN } from "./timers.ts";

const done = { kind: "committed", result: '{"ok":true}' } as const;

/** A chain whose first call is in doubt after a time-out. */
function inDoubt(
  tool: string,
  policy = POLICY,
): { readonly scene: Scene; readonly chain: string; readonly callId: string } {
  const scene = createScene(policy);
  const chain = scene.submit("t");
  scene.door.turn(scene.call(chain, 1, tool, { id: 1 }));
  scene.door.turn(scene.outcome(chain, 1, late));
  return { scene, chain, callId: `${chain}:1` };
}

/** A new owner: the door opens again under its own claim. */
function takeover(scene: Scene): void {
  scene.door.claim();
  scene.door.turn({
    kind: "open",
    opening: { supervisor: "s", heartbeatAtMs: 0, eventsThrough: scene.door.state.end, directivesEnd: "0" },
  });
}

describe("a time-out", () => {
  it("of a change leaves it in doubt, and is one error [effects:timeout-in-doubt]", () => {
    const { scene, chain, callId } = inDoubt("db.write");
    expect(scene.door.log.at(-1)?.event).toMatchObject({
      type: "EffectInDoubt",
      code: "BUSBAR_OUTCOME_LATE",
      settleAtMs: scene.door.atMs + 500,
    });
    expect(scene.chain(chain).calls[callId]?.status).toBe("in-doubt");
    expect(scene.chain(chain).rules.consecutiveErrors.evidence.length).toBe(1);
  });

  it("of a read is a failure [effects:timeout-in-doubt]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.read"));
    expect(only(scene.door.turn(scene.outcome(chain, 1, late)), "EffectFailed")).toMatchObject({
      final: true,
      code: "BUSBAR_OUTCOME_LATE",
    });
  });

  it("and a late success settle the effect as committed; nothing is fired again [effects:at-most-once]", () => {
    const { scene, chain, callId } = inDoubt("db.write");
    const events = scene.door.turn(scene.outcome(chain, 1, done));
    expect(only(events, "EffectSettled")).toMatchObject({
      outcome: "committed",
      by: "late-outcome",
      result: done.result,
    });
    expect(scene.chain(chain).calls[callId]?.status).toBe("answered");
  });

  it("and a late 'not started' settle it as not done: the next call is attempt 2 [effects:failed-is-next-attempt]", () => {
    const { scene, chain } = inDoubt("db.write");
    expect(only(scene.door.turn(scene.outcome(chain, 1, notStarted)), "EffectSettled").outcome).toBe("not-done");
    expect(only(scene.door.turn(scene.call(chain, 2, "db.write", { id: 1 })), "EffectAdmitted").attempt).toBe(2);
  });

  it("and a late failure after the start prove nothing [effects:at-most-once]", () => {
    const { scene, chain, callId } = inDoubt("db.write");
    const failed = { kind: "failed", code: "BUSBAR_TOOL_FAILED", reason: "500", beforeEffect: false } as const;
    expect(scene.door.turn(scene.outcome(chain, 1, failed))).toEqual([]);
    expect(scene.chain(chain).calls[callId]?.status).toBe("in-doubt");
  });
});

describe("what a successor inherits", () => {
  const inherited = () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 }), scene.call(chain, 2, "db.read"));
    takeover(scene);
    const calls = [1, 2].map((step) => ({ chainId: chain, callId: `${chain}:${step}` }));
    return { scene, chain, events: scene.door.turn({ kind: "inherit", calls }) };
  };

  it("is in doubt, waits fire bound, time-out and margin, and is no error of the tool [effects:inherited-waits]", () => {
    const { scene, chain, events } = inherited();
    const [write, read] = events;
    expect(write).toMatchObject({
      type: "EffectInDoubt",
      code: "BUSBAR_EFFECT_IN_DOUBT",
      settleAtMs: scene.door.atMs + 2000 + 10_000 + 500,
    });
    expect(read).toMatchObject({ type: "EffectInDoubt", settleAtMs: scene.door.atMs });
    expect(scene.chain(chain).rules.consecutiveErrors.evidence).toEqual([]);
  });

  it("is not settled a millisecond earlier [effects:inherited-waits]", () => {
    const { scene, chain } = inherited();
    scene.door.turn({ kind: "tick" });
    scene.door.turn(scene.outcome(chain, 2, done));
    scene.door.atMs += 12_499;
    expect(scene.door.turn({ kind: "tick" })).toEqual([]);
    scene.door.atMs += 1;
    expect(types(scene.door.turn({ kind: "tick" }))).toEqual(["EffectSettled", "ChainDegraded"]);
  });

  it("reads are simply asked again [effects:reads-always-run]", () => {
    const { scene, chain } = inherited();
    const again = only(scene.door.turn({ kind: "tick" }), "EffectAdmitted");
    expect([again.callId, again.attempt]).toEqual([`${chain}:2`, 2]);
  });

  it("a call that was answered meanwhile is not inherited [rules:duplicates-change-nothing]", () => {
    const { scene, chain } = inherited();
    scene.door.turn(scene.outcome(chain, 1, done));
    expect(scene.door.turn({ kind: "inherit", calls: [{ chainId: chain, callId: `${chain}:1` }] })).toEqual([]);
  });
});

describe("a doubt whose time is over", () => {
  it("a tool that honours the key is fired again under the same key [effects:exact-fires-again]", () => {
    const { scene, callId } = inDoubt("db.exact");
    const key = scene.chain(callId.slice(0, -2)).calls[callId]?.effectKey;
    scene.door.atMs += 500;
    expect(only(scene.door.turn({ kind: "tick" }), "EffectAdmitted")).toMatchObject({
      callId,
      effectKey: key,
      attempt: 2,
      origin: "gateway",
    });
  });

  it("an exact tool that is late twice is one call and one error [effects:one-call-one-error]", () => {
    const { scene, chain } = inDoubt("db.exact");
    scene.door.atMs += 500;
    scene.door.turn({ kind: "tick" });
    scene.door.turn(scene.outcome(chain, 1, late));
    expect(scene.chain(chain).status).toBe("working");
    expect(scene.chain(chain).rules.consecutiveErrors.evidence.length).toBe(1);
  });

  it("no other tool is: the chain reads only, until a person decides [effects:at-most-once]", () => {
    const { scene, chain } = inDoubt("db.write", { ...POLICY, rules: { ...POLICY.rules, consecutiveErrors: 0 } });
    scene.door.atMs += 500;
    const events = scene.door.turn({ kind: "tick" });
    expect(types(events)).toEqual(["EffectSettled", "ChainDegraded"]);
    expect(only(events, "EffectSettled").outcome).toBe("unknown");
    expect(scene.door.turn({ kind: "tick" })).toEqual([]);
    expect(scene.door.turn(scene.call(chain, 2, "db.drop", { table: "x" }))[0]).toMatchObject({
      type: "EffectRefused",
      code: "BUSBAR_TASK_CLOSED",
    });
    expect(scene.door.turn(scene.call(chain, 3, "db.read"))[0]?.type).toBe("EffectAdmitted");
  });

  it("a read-back that shows the effect settles it as committed [effects:read-back-settles]", () => {
    const { scene, chain } = inDoubt("db.looked");
    scene.door.atMs += 500;
    expect(scene.door.turn({ kind: "tick" })).toEqual([]);
    const shown = {
      kind: "read-back",
      shown: true,
      failed: false,
      result: '{"there":true}',
      reason: "db.read shows the effect",
    } as const;
    expect(only(scene.door.turn(scene.outcome(chain, 1, shown)), "EffectSettled")).toMatchObject({
      outcome: "committed",
      by: "read-back",
      result: '{"there":true}',
    });
  });

  it("a read-back that shows nothing is no proof: a person decides [effects:read-back-settles]", () => {
    const { scene, chain, callId } = inDoubt("db.looked");
    scene.door.atMs += 500;
    const nothing = {
      kind: "read-back",
      shown: false,
      failed: false,
      result: "{}",
      reason: "there is missing",
    } as const;
    expect(types(scene.door.turn(scene.outcome(chain, 1, nothing)))).toEqual(["EffectSettled", "ChainDegraded"]);
    expect(scene.chain(chain).calls[callId]?.status).toBe("in-doubt");
    expect(scene.chain(chain).status).toBe("degraded");
  });

  it("is not fired again past a halt, a freeze or a closed door [effects:slot-before-admission]", () => {
    const { scene } = inDoubt("db.exact");
    scene.door.atMs += 500;
    scene.door.turn(
      scene.orders([
        "Freeze",
        { freezeId: "f", scope: "fleet", effects: ["write"], fromMs: 0, untilMs: 0, reason: "", by: "x" },
      ]),
    );
    expect(scene.door.turn({ kind: "tick" })).toEqual([]);
    scene.door.turn(
      scene.orders(
        ["Unfreeze", { freezeId: "f", reason: "", by: "x" }],
        ["Halt", { scope: "fleet", reason: "", by: "x" }],
      ),
    );
    expect(scene.door.turn({ kind: "tick" })).toEqual([]);
    scene.door.claim();
    expect(scene.door.turn({ kind: "tick" })).toEqual([]);
  });
});

describe("a person's settlement", () => {
  const settle = (scene: Scene, chain: string, word: string, callId = `${chain}:1`, attempt?: string) => {
    const outcome = word as "committed";
    const admitted = attempt ?? scene.chain(chain).calls[callId]?.admitted ?? "";
    const said = { outcome, reason: "looked at the bank", by: "operator:somebody-else" };
    const body = { type: "SettleEffect", callId, admitted, ...said } as const;
    return scene.door.turn(scene.command(chain, body, { source: "control", principal: "operator:ann", sequence: 0 }));
  };
  const leftToPerson = () => {
    const made = inDoubt("db.write");
    made.scene.door.atMs += 500;
    made.scene.door.turn({ kind: "tick" });
    return made;
  };

  it.each([
    ["committed", "EffectAlreadyDone"],
    ["not-done", "EffectAdmitted"],
  ])(
    "%s ends the doubt, stands on the log with its author, and frees the chain [effects:person-settles]",
    (outcome, next) => {
      const { scene, chain } = leftToPerson();
      const events = settle(scene, chain, outcome);
      expect(types(events)).toEqual(["EffectSettled", "ChainResumed"]);
      expect(only(events, "EffectSettled")).toMatchObject({
        outcome,
        by: "operator:ann",
        reason: "looked at the bank",
      });
      expect(scene.chain(chain).status).toBe("working");
      expect(scene.door.turn(scene.call(chain, 2, "db.write", { id: 1 }))[0]?.type).toBe(next);
    },
  );

  it("said of an attempt it is no word on the next: a copy of the order settles nothing [security:orders-once]", () => {
    const { scene, chain } = leftToPerson();
    const first = scene.chain(chain).calls[`${chain}:1`]?.admitted ?? "";
    expect(only(settle(scene, chain, "committed", undefined, "0"), "CommandRejected").reason).toContain(first);
    expect(only(settle(scene, chain, "committed", undefined, ""), "CommandRejected").code).toBe("BUSBAR_NOT_FOUND");
    expect(types(settle(scene, chain, "committed", undefined, first))).toEqual(["EffectSettled", "ChainResumed"]);
  });

  it("the chain stays read-only while another effect is left to a person [effects:person-settles]", () => {
    const { scene, chain } = inDoubt("db.write", { ...POLICY, rules: { ...POLICY.rules, consecutiveErrors: 0 } });
    scene.door.turn(scene.call(chain, 2, "db.write", { id: 2 }));
    scene.door.turn(scene.outcome(chain, 2, late));
    scene.door.atMs += 500;
    scene.door.turn({ kind: "tick" });
    expect(types(settle(scene, chain, "committed"))).toEqual(["EffectSettled"]);
    expect(scene.chain(chain).status).toBe("degraded");
    expect(types(settle(scene, chain, "not-done", `${chain}:2`))).toEqual(["EffectSettled", "ChainResumed"]);
  });

  it.each([
    ["of what is not in doubt", "committed", ":9"],
    ["with a word that is no outcome", "perhaps", ":1"],
    ["of a name that objects have by birth", "committed", "constructor"],
  ])("%s is rejected [effects:person-settles]", (_name, outcome, call) => {
    const { scene, chain } = leftToPerson();
    const callId = call.startsWith(":") ? `${chain}${call}` : call;
    expect(only(settle(scene, chain, outcome, callId), "CommandRejected").code).toBe("BUSBAR_NOT_FOUND");
  });

  it("told twice changes nothing the second time [rules:duplicates-change-nothing]", () => {
    const { scene, chain } = leftToPerson();
    settle(scene, chain, "committed");
    expect(types(settle(scene, chain, "not-done"))).toEqual(["CommandRejected"]);
    expect(Object.values(scene.chain(chain).ledger).map(({ status }) => status)).toEqual(["committed"]);
  });

  it("waits no longer: calls that waited for the effect are answered [effects:open-is-awaited]", () => {
    const { scene, chain } = inDoubt("db.write");
    scene.door.turn(scene.call(chain, 2, "db.write", { id: 1 }));
    scene.door.atMs += 500;
    scene.door.turn({ kind: "tick" });
    expect(types(settle(scene, chain, "committed"))).toEqual(["EffectSettled", "EffectAlreadyDone", "ChainResumed"]);
  });

  it("as not done, against which its own process tells that it happened: contradiction, and the chain halts [placement:contradiction-halts]", () => {
    const { scene, chain } = leftToPerson();
    const admitted = scene.chain(chain).calls[`${chain}:1`]?.admitted;
    settle(scene, chain, "not-done");
    const events = scene.door.turn(scene.outcome(chain, 1, done, admitted));
    expect(types(events)).toEqual(["EffectContradicted", "ChainHalted"]);
    expect(scene.chain(chain).status).toBe("halted");
    expect(Object.values(scene.chain(chain).ledger).map(({ status }) => status)).toEqual(["committed"]);
  });

  it("as not done, against which a void record of the former owner tells that it happened: the same [placement:contradiction-halts]", () => {
    const { scene, chain } = leftToPerson();
    settle(scene, chain, "not-done");
    const evidence = { kind: "evidence", happened: true, result: "{}", evidenceOffset: "7" } as const;
    const events = scene.door.turn(scene.outcome(chain, 1, evidence));
    expect(types(events)).toEqual(["EffectContradicted", "ChainHalted"]);
    expect(only(events, "EffectContradicted").evidenceOffset).toBe("7");
  });

  it("that a void record confirms contradicts nothing [placement:contradiction-halts]", () => {
    const { scene, chain } = leftToPerson();
    settle(scene, chain, "committed");
    const evidence = { kind: "evidence", happened: true, result: "{}", evidenceOffset: "7" } as const;
    expect(scene.door.turn(scene.outcome(chain, 1, evidence))).toEqual([]);
  });
});

describe("time", () => {
  it("never goes backwards in a partition [time:never-backwards]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const before = scene.door.state.atMs;
    scene.door.atMs -= 5000;
    expect(scene.door.turn(scene.call(chain, 1, "db.read"))[0]?.meta.atMs).toBe(before);
  });

  it("a deadline ends the chain by a timer on the log [time:timers-rebuilt]", () => {
    const scene = createScene();
    const chain = scene.submit("t", { deadlineAtMs: scene.door.atMs + 100 });
    scene.door.atMs += 99;
    expect(scene.door.turn({ kind: "tick" })).toEqual([]);
    scene.door.atMs += 1;
    const events = scene.door.turn({ kind: "tick" });
    expect(types(events)).toEqual(["TimerFired", "TaskFailed"]);
    expect(only(events, "TimerFired").timer).toBe(`deadline:${chain}`);
    expect(scene.door.state.closed[chain]?.state).toBe("failed");
  });

  it("a deadline waits for an effect that is open or in doubt: no chain ends with an unknown behind it [effects:at-most-once]", () => {
    const scene = createScene();
    const chain = scene.submit("t", { deadlineAtMs: scene.door.atMs + 100 });
    scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 }));
    scene.door.atMs += 200;
    expect(scene.door.turn({ kind: "tick" })).toEqual([]);
    scene.door.turn(scene.outcome(chain, 1, done));
    expect(types(scene.door.turn({ kind: "tick" }))).toEqual(["TimerFired", "TaskFailed"]);
  });

  it("timers are in the state: a successor has the same ones [time:timers-rebuilt]", () => {
    const { scene } = inDoubt("db.write");
    scene.door.restore();
    scene.door.atMs += 500;
    expect(types(scene.door.turn({ kind: "tick" }))).toEqual(["EffectSettled", "ChainDegraded"]);
  });

  it("overdue timers fire at a bounded rate, and all of them in the end [time:timers-rebuilt]", () => {
    const scene = createScene();
    for (let index = 0; index < TIMERS_PER_TURN * 2; index += 1)
      scene.submit(`t${index}`, { deadlineAtMs: scene.door.atMs + 1 });
    scene.door.atMs += 10;
    const firedOf = (): number =>
      types(scene.door.turn({ kind: "tick" })).filter((type) => type === "TimerFired").length;
    expect([firedOf(), firedOf(), firedOf()]).toEqual([TIMERS_PER_TURN, TIMERS_PER_TURN, 0]);
  });

  it("settlements that cannot be made now do not hold up the timers behind them [time:timers-rebuilt]", () => {
    const scene = createScene();
    for (let index = 0; index < TIMERS_PER_TURN; index += 1) {
      const chain = scene.submit(`d${index}`);
      scene.door.turn(scene.call(chain, 1, "db.exact", { id: index }));
      scene.door.turn(scene.outcome(chain, 1, late));
    }
    scene.submit("after", { deadlineAtMs: scene.door.atMs + 1 });
    scene.door.turn(
      scene.orders(["IsolateBreaker", { key: "tool:db.exact", reason: "vendor is down", by: "operator:ann" }]),
    );
    scene.door.atMs += 1000;
    expect(types(scene.door.turn({ kind: "tick" }))).toEqual(["TimerFired", "TaskFailed"]);
  });

  it("time without an owner does not count against a deadline [time:ownerless-time]", () => {
    const scene = createScene();
    const deadlineAtMs = scene.door.atMs + 100;
    const chain = scene.submit("t", { deadlineAtMs });
    scene.door.atMs += 5000;
    scene.door.claim();
    expect(scene.chain(chain).deadlineAtMs).toBe(deadlineAtMs + 5000);
    expect(scene.door.turn({ kind: "tick" })).toEqual([]);
    scene.door.atMs += 100;
    expect(types(scene.door.turn({ kind: "tick" }))).toEqual(["TimerFired", "TaskFailed"]);
  });
});
