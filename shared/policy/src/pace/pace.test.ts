import { describe, expect, it } from "vitest";
import { createScene, only, POLICY, type Scene, types } from "../door/testing.ts";
import { begun, pacePauseMs, quickened, slowed, type Pace } from "./pace.ts";

const throttled = (retryAfterMs: number) => ({ kind: "throttled", reason: "429", retryAfterMs }) as const;
const done = { kind: "committed", result: "{}" } as const;
const TICK = { kind: "tick" } as const;

/** Chains of many agents' tasks, one call each. */
function crowd(count: number, policy = POLICY): { readonly scene: Scene; readonly chains: readonly string[] } {
  const scene = createScene(policy);
  return { scene, chains: Array.from({ length: count }, (_, n) => scene.submit(`t${n}`)) };
}

const ask = (scene: Scene, chain: string, sequence = 1) =>
  scene.door.turn(scene.call(chain, 1, "db.write", { id: 1 }, { sequence }));

describe("a tool that asks one call to come later", () => {
  it("is left alone by all others until then, and then asked one by one in the order of asking [pace:all-wait] [pace:in-order]", () => {
    const { scene, chains } = crowd(5);
    const [first = "", ...others] = chains;
    ask(scene, first);
    scene.door.turn(scene.outcome(first, 1, throttled(1000)));
    const untilMs = scene.door.atMs + 1000;
    const told = others.map((chain) => only(ask(scene, chain), "CommandDeferred"));
    expect(new Set(told.map(({ code }) => code))).toEqual(new Set(["BUSBAR_THROTTLED"]));
    expect(told.map(({ retryAfterMs }) => retryAfterMs)).toEqual([1000, 1200, 1400, 1600]);
    scene.door.atMs = untilMs;
    // The call that was told goes first; nobody overtakes those who asked before.
    expect(types(scene.door.turn(TICK))).toEqual(["EffectAdmitted"]);
    expect(types(ask(scene, others[3] ?? ""))).toEqual(["CommandDeferred"]);
    for (const chain of others) {
      scene.door.atMs += 200;
      expect(types(ask(scene, chain))).toEqual(["EffectAdmitted"]);
    }
    expect(scene.chain(first).rules.consecutiveErrors.evidence).toEqual([]);
  });

  it("costs the others nothing where the policy says so: each asks for itself [pace:off]", () => {
    const { scene, chains } = crowd(3, { ...POLICY, limits: { ...POLICY.limits, learnPace: false } });
    const [first = "", ...others] = chains;
    ask(scene, first);
    scene.door.turn(scene.outcome(first, 1, throttled(1000)));
    for (const chain of others) expect(types(ask(scene, chain))).toEqual(["EffectAdmitted"]);
  });

  it("slows all down once for each round of refusals, and is forgotten after enough successes [pace:learned]", () => {
    const { scene, chains } = crowd(60);
    const [a = "", b = ""] = chains;
    ask(scene, a);
    ask(scene, b);
    const paceOf = (): Pace | undefined => scene.door.state.paces["tool:db.write"];
    scene.door.turn(scene.outcome(a, 1, throttled(100)));
    scene.door.turn(scene.outcome(b, 1, throttled(3000)));
    expect(paceOf()).toMatchObject({ intervalMs: 200, untilMs: scene.door.atMs + 3000 });
    scene.door.atMs += 3000;
    for (const told of [a, b]) {
      expect(types(scene.door.turn(TICK))).toEqual(["EffectAdmitted"]);
      scene.door.turn(scene.outcome(told, 1, done));
      scene.door.atMs += 400;
    }
    const intervals: number[] = [];
    for (const chain of chains.slice(2)) {
      expect(types(ask(scene, chain))).toEqual(["EffectAdmitted"]);
      scene.door.turn(scene.outcome(chain, 1, done));
      scene.door.atMs += 400;
      intervals.push(paceOf()?.intervalMs ?? 0);
    }
    expect(intervals).toEqual(intervals.toSorted((one, other) => other - one));
    expect(intervals[0]).toBeLessThan(200);
    expect(paceOf()).toBeUndefined();
  });
});

/** Calls per second that a server takes in windows of a second; the rest is told to come with the next window. */
const LIMIT = 10;
const PARTITIONS = 4;
const CALLERS = 20;
const SECONDS = 60;

interface Caller {
  readonly partition: number;
  nextMs: number;
  taken: number;
}

interface World {
  readonly callers: readonly Caller[];
  readonly paces: (Pace | undefined)[];
  /** Callers that wait, by partition, in the order of their first asking. */
  readonly waiting: Caller[][];
  sent: number;
  allowed: number;
  offset: number;
}

const nextOffset = (world: World): string => String((world.offset += 1));

/** A caller asks its partition, which asks the server or tells it to wait. */
function askOnce(world: World, caller: Caller, atMs: number, window: { left: number; endMs: number }, isOn: boolean) {
  const pace = world.paces[caller.partition];
  const waiting = world.waiting[caller.partition] ?? [];
  const place = waiting.indexOf(caller);
  const pauseMs = isOn && pace !== undefined ? pacePauseMs(pace, place < 0 ? waiting.length : place, atMs) : 0;
  if (pauseMs > 0) {
    if (place < 0) waiting.push(caller);
    caller.nextMs = atMs + pauseMs;
    return;
  }
  if (place >= 0) waiting.splice(place, 1);
  const admitted = nextOffset(world);
  if (pace !== undefined) world.paces[caller.partition] = begun(pace, atMs);
  world.sent += 1;
  const now = world.paces[caller.partition];
  if (window.left > 0) {
    window.left -= 1;
    world.allowed += 1;
    caller.taken += 1;
    caller.nextMs = atMs + 5;
    if (now !== undefined) world.paces[caller.partition] = quickened(now) ?? undefined;
    return;
  }
  caller.nextMs = window.endMs;
  const told = { atMs, offset: nextOffset(world), admitted, retryAtMs: window.endMs };
  world.paces[caller.partition] = slowed(now, told);
}

function play(isOn: boolean): World {
  const callers = Array.from({ length: CALLERS }, (_, n): Caller => ({
    partition: n % PARTITIONS,
    nextMs: 0,
    taken: 0,
  }));
  const world: World = {
    callers,
    paces: Array.from({ length: PARTITIONS }),
    waiting: Array.from({ length: PARTITIONS }, () => []),
    sent: 0,
    allowed: 0,
    offset: 0,
  };
  for (let second = 0; second < SECONDS; second += 1) {
    const window = { left: LIMIT, endMs: (second + 1) * 1000 };
    for (let atMs = second * 1000; atMs < window.endMs; atMs += 1) {
      // Who has waited longest is served first, as the order of asking has it.
      const due = callers.filter(({ nextMs }) => nextMs <= atMs).toSorted((one, other) => one.nextMs - other.nextMs);
      for (const caller of due) askOnce(world, caller, atMs, window, isOn);
    }
  }
  return world;
}

describe("twenty callers over four partitions, and a server that takes ten calls in a second", () => {
  it("sends at most a fifth more than it takes, uses most of it, and starves nobody; without, twice as much and more [pace:learned] [pace:off]", () => {
    const on = play(true);
    expect(on.sent / on.allowed).toBeLessThan(1.2);
    expect(on.allowed).toBeGreaterThan(0.75 * LIMIT * SECONDS);
    const taken = on.callers.map((caller) => caller.taken);
    expect(Math.min(...taken)).toBeGreaterThan(0.5 * (on.allowed / CALLERS));
    const off = play(false);
    expect(off.sent / off.allowed).toBeGreaterThan(1.9);
  });
});
