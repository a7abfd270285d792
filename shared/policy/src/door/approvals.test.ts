/** Calls that wait for a person (PROTOCOL 4.2, 5.5). */
import { describe, expect, it } from "vitest";
import { disagreement } from "../breaker/signals.ts";
import type { PartitionState } from "../partition-state.ts";
import type { Policy } from "../policy-document.ts";
import { initialPartitionState } from "../partition-state.ts";
import { replay } from "../replay/replay.ts";
import { createScene, only, POLICY, type Scene, types } from "./testing.ts";

const PERSON = { source: "control", principal: "operator:ann", sequence: 0 } as const;
const HOUR_MS = 3_600_000;

/** A chain whose first call waits for a person. */
function asked(policy: Policy = POLICY, fields: Parameters<Scene["submit"]>[1] = {}) {
  const scene = createScene(policy);
  const chain = scene.submit("t", fields);
  const events = scene.door.turn(scene.call(chain, 1, "db.held", { id: 1 }));
  const request = only(events, "ApprovalRequested");
  return { scene, chain, callId: `${chain}:1`, request };
}

interface Said {
  readonly type?: "ApproveEffect" | "DenyEffect";
  readonly callId?: string;
  readonly requested?: string;
  readonly argsHash?: string;
  readonly principal?: string;
  readonly source?: "commands" | "control";
}

/** A person's word on the call of `step` as it waits now, or as `said` has it. */
function word(scene: Scene, chain: string, step = 1, said: Said = {}) {
  const { principal, source, ...fields } = { ...PERSON, type: "ApproveEffect" as const, ...said };
  const callId = `${chain}:${step}`;
  const { approval, argsHash } = scene.chain(chain).calls[callId] ?? { approval: null, argsHash: "" };
  const { requested } = approval ?? { requested: "" };
  const body = { callId, requested, argsHash, reason: "looked", by: "operator:ann", ...fields };
  return scene.command(chain, body, { ...PERSON, principal, source });
}
const approve = (scene: Scene, chain: string, step = 1, said: Said = {}) =>
  scene.door.turn(word(scene, chain, step, said));
const deny = (scene: Scene, chain: string) => approve(scene, chain, 1, { type: "DenyEffect" });
const statusOf = (scene: Scene, chain: string, step = 1) => scene.chain(chain).calls[`${chain}:${step}`]?.status;

describe("a call that a person has to approve", () => {
  it("is asked about with its exact arguments and waits; it is no error, and nothing of it runs [approvals:waits]", () => {
    const { scene, chain, request } = asked();
    expect(request).toMatchObject({ tool: "db.held", effectClass: "write", args: '{"id":1}', rule: "approve" });
    expect(request.expiresAtMs).toBe(scene.door.atMs + HOUR_MS);
    expect(statusOf(scene, chain)).toBe("held");
    expect(scene.chain(chain).rules.consecutiveErrors.evidence).toEqual([]);
    expect(types(scene.door.turn(scene.call(chain, 2, "db.write", { id: 1 })))).toEqual(["EffectAdmitted"]);
  });

  it("runs at once where nobody is asked: the guard is off [approvals:waits]", () => {
    const tools = { ...POLICY.tools, "db.held": { ...POLICY.tools["db.write"], effect: "write" as const } };
    const scene = createScene({ ...POLICY, tools: tools as Policy["tools"] });
    const chain = scene.submit("t");
    expect(types(scene.door.turn(scene.call(chain, 1, "db.held", { id: 1 })))).toEqual(["EffectAdmitted"]);
  });

  it("is of an effect class that the policy names, unless the tool's row says never [approvals:knobs]", () => {
    const approvals = { expiresMs: 1000, effects: ["destructive" as const] };
    const never = { ...POLICY.tools["db.drop"], approve: "never" as const } as Policy["tools"][string];
    const scene = createScene({ ...POLICY, approvals, tools: { ...POLICY.tools, "db.purge": never } });
    const chain = scene.submit("t");
    const request = only(scene.door.turn(scene.call(chain, 1, "db.drop", { table: 1 })), "ApprovalRequested");
    expect(request.expiresAtMs).toBe(scene.door.atMs + 1000);
    expect(types(scene.door.turn(scene.call(chain, 2, "db.write", { id: 1 })))).toEqual(["EffectAdmitted"]);
    expect(types(scene.door.turn(scene.call(chain, 3, "db.purge", { table: 1 })))).toEqual(["EffectAdmitted"]);
  });

  it("is not asked about where it is refused anyhow, or its arguments are wrong [approvals:last]", () => {
    const scene = createScene(POLICY, { check: () => "no" });
    const chain = scene.submit("t");
    expect(only(scene.door.turn(scene.call(chain, 1, "db.held", {})), "EffectRefused").code).toBe(
      "BUSBAR_INPUT_INVALID",
    );
    const frozen = createScene();
    const other = frozen.submit("t");
    frozen.door.turn(frozen.orders(["Freeze", freeze]));
    expect(only(frozen.door.turn(frozen.call(other, 1, "db.held", {})), "EffectRefused").code).toBe(
      "BUSBAR_FREEZE_ACTIVE",
    );
  });

  it("takes its effect: who asks for the same waits with it, and nobody is asked twice [approvals:asked-once]", () => {
    const { scene, chain } = asked();
    expect(types(scene.door.turn(scene.call(chain, 2, "db.held", { id: 1 })))).toEqual(["EffectAwaited"]);
    expect(types(deny(scene, chain))).toEqual(["ApprovalDenied", "EffectRefused", "EffectFailed"]);
    expect(types(scene.door.turn(scene.call(chain, 3, "db.held", { id: 1 })))).toEqual(["ApprovalRequested"]);
  });

  it("keeps its chain from ending before a person has spoken [approvals:waits]", () => {
    const { scene, chain } = asked();
    const [deferred] = scene.door.turn(scene.command(chain, { type: "CompleteTask", step: 2, output: "{}" }));
    expect(deferred).toMatchObject({ type: "CommandDeferred", code: "BUSBAR_CALLS_OPEN", retryAfterMs: 3000 });
  });
});

const freeze = { freezeId: "f", scope: "fleet", effects: ["write"], fromMs: 0, untilMs: 0, reason: "", by: "x" };

describe("an approval", () => {
  it("admits exactly what was asked about, and the admission names it [approvals:bound]", () => {
    const { scene, chain, request } = asked();
    const [granted, admitted, ...more] = approve(scene, chain);
    expect(granted).toMatchObject({ type: "ApprovalGranted", by: "operator:ann", argsHash: request.argsHash });
    const { callId, args, argsHash, effectKey } = request;
    expect(admitted).toMatchObject({ type: "EffectAdmitted", callId, args, argsHash, effectKey, attempt: 1 });
    expect(admitted).toMatchObject({ approval: granted?.meta.eventId, keySinceMs: scene.door.atMs });
    expect(more).toEqual([]);
  });

  it.each([
    ["of other arguments: approved A, ran B", { argsHash: "another" }],
    ["of another request", { requested: "1" }],
    ["of another call", { callId: "none:1" }],
  ])("%s has no effect [approvals:bound]", (_what, said) => {
    const { scene, chain } = asked();
    expect(types(approve(scene, chain, 1, said))).toEqual(["CommandRejected"]);
    expect(statusOf(scene, chain)).toBe("held");
  });

  it("of one call is none for a second one with other arguments [approvals:bound]", () => {
    const { scene, chain } = asked();
    scene.door.turn(scene.call(chain, 2, "db.held", { id: 2 }));
    const first = scene.chain(chain).calls[`${chain}:1`];
    const stolen = { callId: `${chain}:2`, argsHash: first?.argsHash ?? "" };
    expect(types(approve(scene, chain, 2, stolen))).toEqual(["CommandRejected"]);
    expect(statusOf(scene, chain, 2)).toBe("held");
  });

  it("counts once: said again, it admits nothing [approvals:single-use]", () => {
    const { scene, chain } = asked();
    const again = word(scene, chain);
    expect(types(scene.door.turn(word(scene, chain), again))).toEqual([
      "ApprovalGranted",
      "EffectAdmitted",
      "CommandRejected",
    ]);
    scene.door.turn(scene.outcome(chain, 1, { kind: "committed", result: "{}" }));
    expect(types(scene.door.turn(again))).toEqual(["CommandRejected"]);
    expect(types(scene.door.turn(scene.call(chain, 2, "db.held", { id: 2 })))).toEqual(["ApprovalRequested"]);
  });

  it.each([
    ["an agent", { source: "commands", principal: "agent:support" }],
    ["a person by the topic of commands", { source: "commands" }],
    ["a supervisor", { principal: "supervisor:s" }],
  ] as const)("is no word of %s [approvals:signed]", (_who, said) => {
    const { scene, chain } = asked();
    const [rejected, ...more] = approve(scene, chain, 1, said);
    expect(rejected).toMatchObject({ type: "CommandRejected", code: "BUSBAR_AUTH_FAILED" });
    expect(more).toEqual([]);
    expect(statusOf(scene, chain)).toBe("held");
  });

  it.each([
    ["a freeze", "BUSBAR_FREEZE_ACTIVE", ["Freeze", freeze]],
    [
      "a halt",
      "BUSBAR_HALT_ACTIVE",
      ["Halt", { scope: "tool:db.held", reason: "stop", by: "x", rule: "r", cause: "" }],
    ],
    [
      "a breaker",
      "BUSBAR_BREAKER_OPEN",
      [
        "OpenBreaker",
        { key: "tool:db.held", rule: "r", cause: "busbar.events/0/1", reason: "", by: "x", cooldownMs: 1 },
      ],
    ],
    ["an agent that may not call it", "BUSBAR_TOOL_FORBIDDEN", ["SetPolicy", policyOf({ agents: {} })]],
    [
      "another tool of that name",
      "BUSBAR_TOOL_CHANGED",
      ["SetPolicy", policyOf({ tools: { "db.held": { ...POLICY.tools["db.held"], digest: "new" } } })],
    ],
  ] as const)(
    "lifts the hold alone: %s that came meanwhile refuses it [approvals:lifts-only-the-hold]",
    (_what, code, order) => {
      const { scene, chain } = asked();
      scene.door.turn(scene.orders(order as never));
      expect(types(approve(scene, chain))).toEqual(["ApprovalGranted", "EffectRefused"]);
      expect(scene.door.log.at(-1)?.event).toMatchObject({ code });
      expect(scene.chain(chain).calls[`${chain}:1`]).toMatchObject({ status: "answered", approval: null });
    },
  );

  it("waits for a door that is shut, and is tried when it opens [approvals:waits-for-the-door]", () => {
    const { scene, chain } = asked();
    scene.door.turn({ kind: "degrade", reason: "no heartbeat" });
    expect(types(approve(scene, chain))).toEqual(["ApprovalGranted"]);
    expect(types(scene.door.turn({ kind: "tick" }))).toEqual([]);
    const heartbeat = { supervisor: "s", heartbeatAtMs: 0, eventsThrough: scene.door.state.end };
    scene.door.turn({ kind: "open", opening: { ...heartbeat, directivesEnd: "0" } });
    expect(types(scene.door.turn({ kind: "tick" }))).toEqual(["EffectAdmitted"]);
  });

  it("is given once while it waits, and a no still counts before anything has begun [approvals:single-use]", () => {
    const { scene, chain } = asked();
    scene.door.turn({ kind: "degrade", reason: "no heartbeat" });
    approve(scene, chain);
    expect(types(approve(scene, chain))).toEqual(["CommandRejected"]);
    expect(types(deny(scene, chain))).toEqual(["ApprovalDenied", "EffectRefused"]);
    expect(scene.door.log.at(-1)?.event).toMatchObject({ code: "BUSBAR_APPROVAL_DENIED" });
  });

  it("that could not begin in time is over [approvals:expires]", () => {
    const { scene, chain } = asked();
    scene.door.turn({ kind: "degrade", reason: "no heartbeat" });
    approve(scene, chain);
    scene.door.atMs += HOUR_MS;
    expect(types(scene.door.turn({ kind: "tick" }))).toEqual(["ApprovalExpired", "EffectRefused"]);
  });

  it("survives a new owner that goes on from JSON [approvals:survives]", () => {
    const { scene, chain } = asked();
    scene.door.restore();
    scene.door.claim();
    const heartbeat = { supervisor: "s", heartbeatAtMs: 0, eventsThrough: scene.door.state.end };
    scene.door.turn({ kind: "open", opening: { ...heartbeat, directivesEnd: "0" } });
    expect(types(approve(scene, chain))).toEqual(["ApprovalGranted", "EffectAdmitted"]);
  });

  it("is shown to the rules of the log by the same records [approvals:agreement]", () => {
    const { scene, chain } = asked();
    approve(scene, chain);
    const state = initialPartitionState(0);
    for (const logged of scene.door.log) {
      expect(disagreement(state, logged.event)).toBeNull();
      replay(state, logged);
    }
    expect(state).toEqual(scene.door.state);
  });
});

/** A directive's body that puts a changed policy in force. */
function policyOf(change: Partial<Record<keyof Policy, unknown>>) {
  return { hash: "changed", policy: JSON.stringify({ ...POLICY, ...change }) };
}

describe("an admission of a call that had to be approved, without an approval", () => {
  it.each(["", "busbar.events/0/1"])("is a defect of its door: %j [approvals:agreement]", (approval) => {
    const { scene, chain } = asked();
    approve(scene, chain);
    const events = scene.door.log.map(({ event }) => event);
    const index = events.findIndex(({ type }) => type === "EffectAdmitted");
    const state: PartitionState = initialPartitionState(0);
    for (const logged of scene.door.log.slice(0, index)) replay(state, logged);
    const admitted = only(events, "EffectAdmitted");
    expect(disagreement(state, admitted)).toBeNull();
    expect(disagreement(state, { ...admitted, approval })).toMatch(/approval/);
    expect(disagreement(state, { ...admitted, argsHash: "B" })).toMatch(/approval/);
  });
});

describe("nobody's word", () => {
  it("is a no at its time, by a record, in a halted chain and with the door shut as well [approvals:expires]", () => {
    const { scene, chain } = asked();
    const late = word(scene, chain);
    scene.door.turn({ kind: "degrade", reason: "no heartbeat" });
    scene.door.turn(scene.orders(["Halt", { scope: "fleet", reason: "stop", by: "x", rule: "r", cause: "" }]));
    scene.door.atMs += HOUR_MS - 1;
    expect(types(scene.door.turn({ kind: "tick" }))).toEqual([]);
    scene.door.atMs += 1;
    const [expired, refused] = scene.door.turn({ kind: "tick" });
    expect(expired).toMatchObject({ type: "ApprovalExpired", tool: "db.held" });
    expect(refused).toMatchObject({ code: "BUSBAR_APPROVAL_EXPIRED", evidence: [expired?.meta.eventId] });
    expect(types(scene.door.turn(late))).toEqual(["CommandRejected"]);
  });

  it("that comes in the moment of its end is late already [approvals:expires]", () => {
    const { scene, chain } = asked();
    scene.door.atMs += HOUR_MS;
    expect(types(approve(scene, chain))).toEqual(["CommandRejected"]);
  });

  it("never outlives the chain: its deadline ends what waits [approvals:deadline]", () => {
    const { scene, chain, request } = asked(POLICY, { deadlineAtMs: 1_795_000_000_000 + 5000 });
    expect(request.expiresAtMs).toBe(1_795_000_000_000 + 5000);
    scene.door.atMs += 5000;
    const ended = types(scene.door.turn({ kind: "tick" }));
    expect(ended).toEqual(["ApprovalExpired", "EffectRefused", "TimerFired", "TaskFailed"]);
    expect(scene.door.state.chains[chain]).toBeUndefined();
  });

  it("is one error, as a denial is; the wait was none [approvals:no-error]", () => {
    const { scene, chain } = asked();
    deny(scene, chain);
    scene.door.turn(scene.call(chain, 2, "db.held", { id: 2 }));
    expect(scene.chain(chain).rules.consecutiveErrors.evidence).toHaveLength(1);
    expect(types(approve(scene, chain, 2, { type: "DenyEffect" }))).toEqual([
      "ApprovalDenied",
      "EffectRefused",
      "ChainHalted",
    ]);
  });
});
