import { describe, expect, it } from "vitest";
import type { Scene } from "../door/testing.ts";
import { WAITING_GRACE_MS } from "./slots.ts";
import { asking, cap, open, sceneWith } from "./testing.ts";

describe("the pause of a deferred call", () => {
  const pauseOf = (scene: Scene): number => {
    const event = scene.door.log.findLast((logged) => logged.event.type === "CommandDeferred")?.event;
    return event?.type === "CommandDeferred" ? event.retryAfterMs : -1;
  };

  it("is half of the time until its turn, as fast as calls end lately: it asks seldom while it is far behind [caps:pauses-fit]", () => {
    const scene = sceneWith({ "tool:db.read": cap(1) });
    const { ask, end } = asking(scene);
    ask("slow");
    scene.door.atMs += 2000;
    end("slow");
    ask("a");
    const pauses = ["b", "c", "d"].map((name) => [ask(name), pauseOf(scene)]);
    expect(pauses).toEqual([
      ["waits", 1000],
      ["waits", 2000],
      ["waits", 3000],
    ]);
    for (let index = 0; index < 20; index += 1) ask(`more-${index}`);
    expect(pauseOf(scene)).toBe(10_000);
  });

  it("of fast calls is short, and never shorter than 20 ms [caps:pauses-fit]", () => {
    const scene = sceneWith({ "tool:db.read": cap(1) });
    const { ask, end } = asking(scene);
    ask("fast");
    scene.door.atMs += 10;
    end("fast");
    ask("a");
    const pauses = ["b", "c", "d", "e", "f"].map((name) => [ask(name), pauseOf(scene)][1]);
    expect(pauses).toEqual([20, 20, 20, 20, 25]);
  });

  it("of a rate is the time until the window has room, some windows later for who is further behind [caps:pauses-fit]", () => {
    const scene = sceneWith({ "tool:db.read": cap(null, 1, 1000) });
    const { ask, end } = asking(scene);
    ask("a");
    end("a");
    const [first = 0, second = 0] = ["b", "c"].map((name) => (ask(name), pauseOf(scene)));
    expect(first).toBeGreaterThanOrEqual(1000);
    expect(second).toBe(first + 1000);
  });
});

describe("the order of those who wait", () => {
  it("is that of the first asking: a slot that is free goes to nobody else [caps:order]", () => {
    const scene = sceneWith({ "tool:db.read": cap(1) });
    const { ask, end } = asking(scene);
    ask("a");
    expect([ask("b"), ask("c")]).toEqual(["waits", "waits"]);
    end("a");
    expect([ask("d"), ask("c"), ask("b"), ask("c")]).toEqual(["waits", "waits", "in", "waits"]);
    end("b");
    expect([ask("d"), ask("c")]).toEqual(["waits", "in"]);
  });

  it("who does not ask again in time has given up its place, and holds nobody up [caps:order]", () => {
    const scene = sceneWith({ "tool:db.read": cap(1) });
    const { ask, end } = asking(scene);
    ask("a");
    expect([ask("gone"), ask("b")]).toEqual(["waits", "waits"]);
    end("a");
    expect(ask("b")).toBe("waits");
    scene.door.atMs += WAITING_GRACE_MS + 50;
    expect([ask("b"), ask("gone")]).toEqual(["in", "waits"]);
  });

  it("a place is kept over a takeover and a restore [caps:order]", () => {
    const scene = sceneWith({ "tool:db.read": cap(1) });
    const { ask, end } = asking(scene);
    ask("a");
    expect([ask("b"), ask("c")]).toEqual(["waits", "waits"]);
    end("a");
    scene.door.claim();
    scene.door.restore();
    open(scene);
    expect([ask("c"), ask("b")]).toEqual(["waits", "in"]);
  });

  it("a place at one cap is not lost while another one is full [caps:order]", () => {
    const scene = sceneWith({ "tool:db.read": cap(1), "agent:worker": cap(1) });
    const worker = (name: string) => scene.submit(name, { agent: "worker" });
    const [one, two] = [worker("one"), worker("two")];
    const call = (chain: string) => scene.door.turn(scene.call(chain, 1, "db.read", {}, { sequence: 1 }))[0];
    const { ask, end } = asking(scene);
    ask("a");
    expect(call(one)).toMatchObject({ waitsFor: ["tool:db.read"] });
    ask("b");
    end("a");
    expect(call(one)?.type).toBe("EffectAdmitted");
    expect(call(two)).toMatchObject({ waitsFor: ["tool:db.read", "agent:worker"] });
    scene.door.turn(scene.outcome(one, 1, { kind: "committed", result: "{}" }));
    expect(ask("b")).toBe("in");
  });
});
