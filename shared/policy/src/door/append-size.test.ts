/** What the door decides fits into appends, whatever is asked of it (PROTOCOL 1.2, 4.5, 6.2). */
import type { BusEvent } from "@busbar/events";
import { describe, expect, it } from "vitest";
import { MAX_LINEAGE } from "./calls.ts";
import { MAX_OPEN_CALLS } from "./commands.ts";
import { RESUMES_PER_TURN } from "./directives.ts";
import { COVERS_KEPT } from "../replay/directives.ts";
import { createScene, only, POLICY, type Scene, types } from "./testing.ts";
import { RECORD_OVERHEAD_BYTES } from "./turn.ts";

const BATCH = 120_000;
const wide = { ...POLICY, limits: { ...POLICY.limits, maxOpenCalls: 1000 } };
const small = (): Scene => createScene(wide, { batchBytes: BATCH });
const halt = ["Halt", { scope: "fleet", reason: "stop", by: "operator:ann", rule: "", cause: "" }] as const;
const resume = (fence: string) =>
  ["Resume", { scope: "fleet", fence, reason: "looked at", by: "operator:ann", coversThrough: [] }] as const;

/** Chains with so many open calls each. */
function busy(scene: Scene, chains: number, calls: number): readonly string[] {
  return Array.from({ length: chains }, (_, index) => {
    const chain = scene.submit(`t${index}`);
    const commands = Array.from({ length: calls }, (_one, step) =>
      scene.call(chain, step + 1, "db.write", { id: `${index}/${step}` }),
    );
    scene.door.turn(...commands);
    return chain;
  });
}
const acknowledgements = (events: readonly BusEvent[]) => events.filter((event) => event.type === "HaltAcknowledged");

describe("an acknowledgement that names more calls than an append holds", () => {
  it("names them all in parts, each append within its bytes, and halts with the last part [halt:names-in-flight] [append:size-checked-first]", () => {
    const scene = small();
    const open = busy(scene, 24, 100).flatMap((chain) => Object.keys(scene.chain(chain).calls));
    const before = scene.door.state.through;
    const events = scene.door.turn(scene.orders(halt));
    expect(scene.door.appends.length).toBeGreaterThan(2);
    expect(Math.max(...scene.door.appends)).toBeLessThanOrEqual(BATCH);
    // Nothing but the names is decided until the halt is in force.
    expect([...new Set(types(events))]).toEqual(["HaltAcknowledged"]);
    const parts = acknowledgements(events);
    expect(parts.flatMap(({ inFlight }) => inFlight.map(({ callId }) => callId)).toSorted()).toEqual(open.toSorted());
    expect(parts.slice(0, -1).map(({ applied, through }) => [applied.length, through])).toEqual(
      parts.slice(0, -1).map(() => [0, before]),
    );
    expect(parts.at(-1)?.applied.map(({ kind }) => kind)).toEqual(["Halt"]);
    expect(parts.at(-1)?.through).toBe(scene.door.state.through);
  });

  it("that is broken off is begun anew by the next owner, and names no fewer [halt:names-in-flight]", () => {
    const scene = small();
    const open = busy(scene, 12, 100).flatMap((chain) => Object.keys(scene.chain(chain).calls));
    const order = scene.orders(halt);
    const log = scene.door.log.length;
    scene.door.turn(order);
    // The log as a crash after the first append leaves it: its state has no fence, and `through` has not moved.
    const part = scene.door.log[log];
    expect(part?.event).toMatchObject({ type: "HaltAcknowledged", applied: [] });
    const other = small();
    busy(other, 12, 100);
    other.door.claim();
    const again = other.door.turn(other.orders(halt));
    expect(acknowledgements(again).flatMap(({ inFlight }) => inFlight).length).toBe(open.length);
    expect(other.door.state.fences["fleet"]).toBeDefined();
  });
});

describe("directives that fill more than an append", () => {
  it("are applied in order, in as many appends as they need [append:size-checked-first] [halt:through-never-decreases]", () => {
    const scene = small();
    const orders = Array.from(
      { length: 60 },
      (_, index) =>
        ["Freeze", { freezeId: `f${index}`, scope: "fleet", effects: ["write"], reason: "x".repeat(9000) }] as const,
    );
    const events = scene.door.turn(scene.orders(...orders));
    expect(scene.door.appends.length).toBeGreaterThan(4);
    expect(Math.max(...scene.door.appends)).toBeLessThanOrEqual(BATCH);
    expect(Object.keys(scene.door.state.freezes).length).toBe(60);
    const throughs = events.flatMap((event) => ("through" in event ? [BigInt(event.through)] : []));
    expect(throughs).toEqual(throughs.toSorted((a, b) => Number(a - b)));
  });
});

describe("a command whose records an append does not hold", () => {
  // Canonical JSON writes 1E20 with all its zeros: five characters become twenty-two.
  const swelling = `[${Array.from({ length: 20_000 }, () => "1E20").join(",")}]`;

  it("is refused to its author, leaves no trace, and the next one is decided [append:size-checked-first]", () => {
    const scene = createScene(POLICY, { batchBytes: 300_000 });
    const chain = scene.submit("t");
    const before = JSON.stringify(scene.chain(chain));
    const body = { type: "CallTool", step: 1, tool: "db.write", args: swelling, repeat: 0 } as const;
    const events = scene.door.turn(scene.command(chain, body, { sequence: 1 }));
    expect(only(events, "CommandRejected").code).toBe("BUSBAR_RECORD_TOO_LARGE");
    const { streamSeq: _after, ...after } = scene.chain(chain);
    const { streamSeq: _before, ...then } = JSON.parse(before) as typeof after & { streamSeq: number };
    expect(after).toEqual(then);
    expect(types(scene.door.turn(scene.call(chain, 1, "db.write", {}, { sequence: 1 })))).toEqual(["EffectAdmitted"]);
  });

  it("waits whole for the next append where it only does not fit into this one [append:command-in-one-append]", () => {
    const scene = createScene(POLICY, { batchBytes: 300_000 });
    const chain = scene.submit("t");
    const args = { text: "y".repeat(90_000) };
    const calls = [1, 2, 3, 4].map((step) => scene.call(chain, step, "db.retry", { ...args, step }));
    const events = scene.door.turn(...calls);
    expect(types(events)).toEqual(["EffectAdmitted", "EffectAdmitted", "EffectAdmitted", "EffectAdmitted"]);
    expect(scene.door.appends.length).toBe(2);
    // Failure and next attempt are one input's records: they go together.
    const failed = [1, 2, 3, 4].map((step) =>
      scene.outcome(chain, step, {
        kind: "failed",
        code: "BUSBAR_EFFECT_NOT_STARTED",
        reason: "not yet",
        beforeEffect: true,
      }),
    );
    expect(types(scene.door.turn(...failed))).toEqual([1, 2, 3, 4].flatMap(() => ["EffectFailed", "EffectAdmitted"]));
    expect(Math.max(...scene.door.appends)).toBeLessThanOrEqual(300_000);
  });

  it("is admitted only with room for what may come of it [door:outcome-room-reserved]", () => {
    const batchBytes = 200_000;
    const scene = createScene(POLICY, { batchBytes });
    const chain = scene.submit("t");
    const text = "z".repeat(batchBytes - 66_000 - RECORD_OVERHEAD_BYTES);
    expect(
      only(scene.door.turn(scene.call(chain, 1, "db.write", { text }, { sequence: 1 })), "CommandRejected").code,
    ).toBe("BUSBAR_RECORD_TOO_LARGE");
  });
});

describe("many of one kind", () => {
  it("open effects of a former owner are put in doubt in as many appends as they need [append:size-checked-first]", () => {
    const scene = small();
    const calls = busy(scene, 6, 100).flatMap((chainId) =>
      Object.keys(scene.chain(chainId).calls).map((callId) => ({ chainId, callId })),
    );
    scene.door.claim();
    const events = scene.door.turn({ kind: "inherit", calls });
    expect(types(events).filter((type) => type === "EffectInDoubt").length).toBe(600);
    expect(scene.door.appends.length).toBeGreaterThan(2);
    expect(Math.max(...scene.door.appends)).toBeLessThanOrEqual(BATCH);
  });

  it("chains that a resume sets free run again at a bounded rate [time:bounded-rate]", () => {
    const scene = createScene();
    const count = RESUMES_PER_TURN + 10;
    for (let index = 0; index < count; index += 1) scene.submit(`t${index}`);
    scene.door.turn(scene.orders(halt));
    const fence = scene.door.state.fences["fleet"]?.fence ?? "";
    const resumed = (events: readonly BusEvent[]) => types(events).filter((type) => type === "TaskAssigned").length;
    expect(resumed(scene.door.turn(scene.orders(resume(fence))))).toBe(RESUMES_PER_TURN);
    scene.door.restore();
    expect(resumed(scene.door.turn({ kind: "tick" }))).toBe(10);
    expect(resumed(scene.door.turn({ kind: "tick" }))).toBe(0);
  });

  it("open calls of a chain are bounded whatever the policy says [door:overflow-deferred]", () => {
    const scene = createScene(wide);
    const [chain = ""] = busy(scene, 1, MAX_OPEN_CALLS + 1);
    expect(Object.keys(scene.chain(chain).calls).length).toBe(MAX_OPEN_CALLS);
  });

  it("a line of sub-tasks ends at its bound [rules:budget]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    const line = { ...scene.chain(chain), lineage: Array.from({ length: MAX_LINEAGE }, (_, index) => `c${index}`) };
    scene.door.state.chains[chain] = line;
    const body = { type: "SendTask", step: 1, agent: "worker", input: "{}" } as const;
    expect(only(scene.door.turn(scene.command(chain, body)), "EffectRefused").code).toBe("BUSBAR_CHILD_LIMIT");
  });

  it("a text that a tool says is recorded in bounded length [append:size-checked-first]", () => {
    const scene = small();
    const chain = scene.submit("t");
    scene.door.turn(scene.call(chain, 1, "db.read"));
    const reason = "e".repeat(500_000);
    const told = scene.outcome(chain, 1, { kind: "failed", code: "BUSBAR_TOOL_FAILED", reason, beforeEffect: false });
    expect(only(scene.door.turn(told), "EffectFailed").reason.length).toBeLessThan(5000);
  });

  it("resumes of many scopes leave a bounded memory, the newest ones [ownership:state-bounded]", () => {
    const scene = createScene();
    const cover = (n: number) =>
      [
        "Resume",
        { scope: `chain:c${n}`, fence: "", reason: "", by: "x", coversThrough: [{ partition: 0, through: "9" }] },
      ] as const;
    for (let n = 0; n < COVERS_KEPT + 40; n += 20) {
      scene.door.turn(scene.orders(...Array.from({ length: 20 }, (_, index) => cover(n + index))));
    }
    const kept = Object.keys(scene.door.state.covered);
    expect([kept.length, kept.at(-1)]).toEqual([COVERS_KEPT, `chain:c${Math.ceil((COVERS_KEPT + 40) / 20) * 20 - 1}`]);
  });
});
