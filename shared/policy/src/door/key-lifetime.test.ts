/** A tool of class exact is fired again only while it knows the key (PROTOCOL 5.6). */
import { describe, expect, it } from "vitest";
import { DEFAULT_LIMITS, type ToolPolicy } from "../policy-document.ts";
import { createScene, late, only, POLICY, type Scene, types } from "./testing.ts";

const HOUR_MS = 3_600_000;
/** Fire bound and time-out of the tool, and the margin. */
const ROOM_MS = 2000 + 10_000 + DEFAULT_LIMITS.keyMarginMs;

const exact = (change: Partial<ToolPolicy>) => {
  const tool = { ...POLICY.tools["db.exact"], keyLifetimeMs: HOUR_MS, ...change } as ToolPolicy;
  return { ...POLICY, rules: { ...POLICY.rules, consecutiveErrors: 0 }, tools: { ...POLICY.tools, "db.exact": tool } };
};

/** A tool that knows a key for an hour after it first came, and whose answers are all lost. */
function forgetful(scene: Scene) {
  const known = new Map<string, number>();
  const effects: string[] = [];
  return {
    effects,
    serve(key: string): void {
      const { atMs } = scene.door;
      if (atMs - (known.get(key) ?? Number.NEGATIVE_INFINITY) <= HOUR_MS) return;
      known.set(key, atMs);
      effects.push(key);
    },
  };
}

/** The first attempt is at the tool and its answer is lost; then nobody decides anything for so long. */
function lostFor(awayMs: number, change: Partial<ToolPolicy> = {}) {
  const scene = createScene(exact(change));
  const world = forgetful(scene);
  const chain = scene.submit("t");
  const callId = `${chain}:1`;
  world.serve(only(scene.door.turn(scene.call(chain, 1, "db.exact", { id: 1 })), "EffectAdmitted").effectKey);
  scene.door.turn(scene.outcome(chain, 1, late));
  scene.door.atMs += awayMs;
  const events = scene.door.turn({ kind: "tick" });
  for (const event of events) if (event.type === "EffectAdmitted") world.serve(event.effectKey);
  return { scene, chain, callId, world, events };
}

/** A new owner: it inherits what is open, and opens its door. */
function takeover(scene: Scene): void {
  scene.door.claim();
  const calls = Object.keys(scene.door.state.chains).map((chainId) => ({ chainId, callId: `${chainId}:1` }));
  scene.door.turn({ kind: "inherit", calls });
  const eventsThrough = scene.door.state.end;
  const opening = { supervisor: "s", heartbeatAtMs: 0, eventsThrough, directivesEnd: "0" };
  scene.door.turn({ kind: "open", opening });
}

describe("the lifetime of a key", () => {
  it("permits a further attempt while fire bound, time-out and margin fit in [effects:key-lifetime]", () => {
    const { events, world } = lostFor(HOUR_MS - ROOM_MS);
    expect(only(events, "EffectAdmitted").attempt).toBe(2);
    expect(world.effects.length).toBe(1);
  });

  it("permits none a millisecond later: a person decides, and nothing happens twice [effects:key-lifetime]", () => {
    const { scene, chain, callId, events, world } = lostFor(HOUR_MS - ROOM_MS + 1);
    expect(types(events)).toEqual(["EffectSettled", "ChainDegraded"]);
    expect(only(events, "EffectSettled")).toMatchObject({ outcome: "unknown" });
    expect(only(events, "EffectSettled").reason).toContain("honours a key for 3600000 ms");
    scene.door.atMs += 24 * HOUR_MS;
    expect(scene.door.turn({ kind: "tick" })).toEqual([]);
    expect(scene.chain(chain).calls[callId]?.status).toBe("in-doubt");
    expect(world.effects.length).toBe(1);
  });

  it("taken out, the effect happens twice: the tool has forgotten the key [effects:key-lifetime]", () => {
    const { world } = lostFor(2 * HOUR_MS, { keyLifetimeMs: 1000 * HOUR_MS });
    expect(world.effects.length).toBe(2);
    expect(new Set(world.effects).size).toBe(1);
  });

  it("where none is declared, nothing is fired again, however soon [effects:key-lifetime-missing]", () => {
    const { events, world } = lostFor(500, { keyLifetimeMs: null });
    expect(types(events)).toEqual(["EffectSettled", "ChainDegraded"]);
    expect(only(events, "EffectSettled").reason).toContain("keyLifetimeMs");
    expect(world.effects.length).toBe(1);
  });

  it("counts from the first attempt under the key, not from the last one [effects:key-lifetime]", () => {
    const { scene, chain, events } = lostFor(HOUR_MS / 2);
    expect(only(events, "EffectAdmitted").keySinceMs).toBe(scene.door.atMs - HOUR_MS / 2);
    scene.door.turn(scene.outcome(chain, 1, late));
    scene.door.atMs += HOUR_MS / 2;
    expect(types(scene.door.turn({ kind: "tick" }))).toEqual(["EffectSettled", "ChainDegraded"]);
  });

  it("counts from the first attempt also where the agent asked again after a failure [effects:key-lifetime]", () => {
    const scene = createScene(exact({}));
    const chain = scene.submit("t");
    const failed = { kind: "failed", code: "BUSBAR_TOOL_FAILED", reason: "500", beforeEffect: false } as const;
    scene.door.turn(scene.call(chain, 1, "db.exact", { id: 1 }));
    scene.door.turn(scene.outcome(chain, 1, failed));
    scene.door.atMs += HOUR_MS - 1000;
    expect(only(scene.door.turn(scene.call(chain, 2, "db.exact", { id: 1 })), "EffectAdmitted").attempt).toBe(2);
    scene.door.turn(scene.outcome(chain, 2, late));
    scene.door.atMs += 1000;
    expect(types(scene.door.turn({ kind: "tick" }))).toEqual(["EffectSettled", "ChainDegraded"]);
  });

  it("is that of the log, for a successor too [effects:key-lifetime]", () => {
    const { scene, events } = lostFor(1000);
    expect(only(events, "EffectAdmitted").attempt).toBe(2);
    scene.door.restore();
    takeover(scene);
    scene.door.atMs += HOUR_MS;
    expect(types(scene.door.turn({ kind: "tick" }))).toEqual(["EffectSettled", "ChainDegraded"]);
  });

  it("is unknown where the clock was ahead at the first attempt: nothing is fired again [effects:key-lifetime]", () => {
    const scene = createScene(exact({}));
    const chain = scene.submit("t");
    scene.door.atMs += HOUR_MS;
    scene.door.turn(scene.call(chain, 1, "db.exact", { id: 1 }));
    // The next owner's clock is right.
    scene.door.atMs -= HOUR_MS;
    takeover(scene);
    expect(scene.chain(chain).calls[`${chain}:1`]?.status).toBe("in-doubt");
    scene.door.atMs += ROOM_MS;
    const events = scene.door.turn({ kind: "tick" });
    expect(types(events)).toEqual(["EffectSettled", "ChainDegraded"]);
    expect(only(events, "EffectSettled").reason).toContain("was ahead");
  });

  it("leaves the word to the read-back where one is declared [effects:read-back-settles]", () => {
    const readBack = { tool: "db.read", args: {}, expect: { there: true } };
    const { scene, chain, callId, events } = lostFor(HOUR_MS, { readBack });
    expect(events).toEqual([]);
    const shown = {
      kind: "read-back",
      shown: true,
      failed: false,
      result: '{"there":true}',
      reason: "db.read shows it",
    } as const;
    expect(only(scene.door.turn(scene.outcome(chain, 1, shown)), "EffectSettled").outcome).toBe("committed");
    expect(scene.chain(chain).calls[callId]?.status).toBe("answered");
  });
});
