import { MAX_TIMER_MS, TIMER_NAME, timerHash } from "@busbar/events";
import { describe, expect, it } from "vitest";
import { createScene, only, POLICY, type Scene, type Sent, types } from "./testing.ts";
import { TIMERS_PER_CHAIN } from "./timers.ts";

const TICK = { kind: "tick" } as const;
const SECOND = 1000;

const sleep = (scene: Scene, chain: string, step: number, delayMs = SECOND, sent: Sent = {}) =>
  scene.door.turn(scene.command(chain, { type: "SetTimer", step, delayMs }, sent));

/** A chain that sleeps for a second in its first step. */
function asleep(fields: Parameters<Scene["submit"]>[1] = {}) {
  const scene = createScene();
  const chain = scene.submit("t", fields);
  return { scene, chain, set: only(sleep(scene, chain, 1), "TimerSet"), fromMs: scene.door.atMs };
}

const complete = (scene: Scene, chain: string, step: number) =>
  scene.door.turn(scene.command(chain, { type: "CompleteTask", step, output: "1" }));

describe("a handler's timer", () => {
  it("is a record with its time, and fires once, when it is due and not before [timers:on-the-log]", () => {
    const { scene, chain, set, fromMs } = asleep();
    const body = { callId: `${chain}:1`, step: 1, delayMs: SECOND, argsHash: timerHash(SECOND) };
    expect(set).toMatchObject({ ...body, dueAtMs: fromMs + SECOND });
    scene.door.atMs += SECOND - 1;
    expect(scene.door.turn(TICK)).toEqual([]);
    scene.door.atMs += 1;
    const fired = only(scene.door.turn(TICK), "TimerFired");
    expect(fired).toMatchObject({ callId: `${chain}:1`, dueAtMs: fromMs + SECOND, meta: { chainId: chain } });
    scene.door.atMs += SECOND;
    expect(scene.door.turn(TICK)).toEqual([]);
  });

  it("is in the state: a new owner fires it, an overdue one too [timers:on-the-log]", () => {
    const { scene } = asleep();
    scene.door.restore();
    scene.door.atMs += 100 * SECOND;
    scene.door.claim();
    expect(types(scene.door.turn(TICK))).toEqual(["TimerFired"]);
  });

  it("changes nothing, so it is set and fires while the door is closed [timers:on-the-log]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    scene.door.claim();
    expect(scene.door.state.door).toBe("closed");
    expect(types(sleep(scene, chain, 1))).toEqual(["TimerSet"]);
    scene.door.atMs += SECOND;
    expect(types(scene.door.turn(TICK))).toEqual(["TimerFired"]);
  });

  it("does not fire while its chain is halted, and does after the resume [timers:halt-and-deadline]", () => {
    const { scene, chain } = asleep();
    const halt = { scope: `chain:${chain}`, reason: "r", by: "operator:ann", rule: "", cause: "" };
    scene.door.turn(scene.orders(["Halt", halt]));
    scene.door.atMs += SECOND;
    expect(scene.door.turn(TICK)).toEqual([]);
    const fence = scene.chain(chain).halted?.fence;
    const resume = { scope: `chain:${chain}`, fence, reason: "r", by: "operator:ann", coversThrough: [] };
    scene.door.turn(scene.orders(["Resume", resume]));
    expect(types(scene.door.turn(TICK))).toEqual(["TimerFired"]);
  });

  it("does not hold up the deadline, and ends with its chain [timers:halt-and-deadline]", () => {
    const { scene, chain } = asleep({ deadlineAtMs: createScene().door.atMs + SECOND / 2 });
    scene.door.atMs += SECOND;
    expect(types(scene.door.turn(TICK))).toEqual(["TimerFired", "TaskFailed"]);
    expect(scene.door.log.filter(({ event }) => event.type === "TimerFired" && event.callId !== "")).toEqual([]);
    expect(scene.door.state.chains[chain]).toBeUndefined();
    scene.door.atMs += SECOND;
    expect(scene.door.turn(TICK)).toEqual([]);
  });

  it("does not keep its task open: what lost a race is not waited for [timers:lost-race]", () => {
    const { scene, chain } = asleep();
    expect(types(complete(scene, chain, 2))).toEqual(["TaskCompleted"]);
    scene.door.atMs += SECOND;
    expect(scene.door.turn(TICK)).toEqual([]);
  });

  it("takes no place among the calls that may be open [timers:lost-race]", () => {
    const scene = createScene({ ...POLICY, limits: { ...POLICY.limits, maxOpenCalls: 1 } });
    const chain = scene.submit("t");
    for (const step of [1, 2, 3]) expect(types(sleep(scene, chain, step))).toEqual(["TimerSet"]);
    expect(types(scene.door.turn(scene.call(chain, 4, "db.read")))).toEqual(["EffectAdmitted"]);
    const more = scene.command(chain, { type: "SetTimer", step: 5, delayMs: 1 });
    expect(types(scene.door.turn(more))).toEqual(["CommandDeferred"]);
  });

  it("is one of a bounded number that fire in one turn; the others follow [timers:bounded-rate]", () => {
    const scene = createScene();
    const chain = scene.submit("t");
    for (let step = 1; step <= TIMERS_PER_CHAIN + 3; step += 1) sleep(scene, chain, step);
    scene.door.atMs += SECOND;
    const fired = (): number => scene.door.turn(TICK).length;
    expect([fired(), fired(), fired()]).toEqual([TIMERS_PER_CHAIN, 3, 0]);
  });

  it("asked for again is answered from the record, and another delay under its step is a divergence [agents:divergence-recorded]", () => {
    const { scene, chain } = asleep();
    scene.door.turn({ kind: "reassign", chainId: chain, reason: "killed" });
    const again = sleep(scene, chain, 1);
    expect(only(again, "CommandDeferred").code).toBe("BUSBAR_DUPLICATE");
    const other = sleep(scene, chain, 1, SECOND + 1, { sequence: 1 });
    expect(only(other, "Diverged").expected).toContain(`timer ${TIMER_NAME}`);
  });

  it.each([
    ["less than no time", -1, "BUSBAR_INPUT_INVALID"],
    ["more than a year", MAX_TIMER_MS + 1, "BUSBAR_INPUT_INVALID"],
  ])("of %s is refused [timers:on-the-log]", (_what, delayMs, code) => {
    const scene = createScene();
    const chain = scene.submit("t");
    expect(only(sleep(scene, chain, 1, delayMs), "EffectRefused")).toMatchObject({ tool: "timer:sleep", code });
  });

  it("beyond the chain's steps, or of a halted chain, is refused as any call is [timers:halt-and-deadline]", () => {
    const scene = createScene();
    const spent = scene.submit("spent", { maxSteps: 1 });
    expect(only(sleep(scene, spent, 2), "EffectRefused").code).toBe("BUSBAR_STEPS_SPENT");
    const halt = { scope: "agent:support", reason: "r", by: "operator:ann", rule: "", cause: "" };
    scene.door.turn(scene.orders(["Halt", halt]));
    expect(only(sleep(scene, spent, 1), "EffectRefused").code).toBe("BUSBAR_HALT_ACTIVE");
  });
});
