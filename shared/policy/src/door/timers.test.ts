import { describe, expect, it } from "vitest";
import { createScene } from "./testing.ts";
import { ALIVE_EVERY_MS } from "./timers.ts";

describe("a deadline at a takeover", () => {
  it("time in which an owner lived and had nothing to write counts: it says that it lives, while a deadline runs [time:ownerless-time]", () => {
    const scene = createScene();
    const hourMs = 3_600_000;
    const deadlineAtMs = scene.door.atMs + 2 * hourMs;
    const chain = scene.submit("t", { deadlineAtMs });
    const end = scene.door.atMs + hourMs;
    for (; scene.door.atMs < end; scene.door.atMs += 100) scene.door.turn({ kind: "tick" });
    scene.door.claim();
    const movedMs = scene.chain(chain).deadlineAtMs - deadlineAtMs;
    expect(movedMs).toBeGreaterThanOrEqual(0);
    expect(movedMs).toBeLessThanOrEqual(ALIVE_EVERY_MS + 100);
    // Six words a minute, and none where no deadline runs.
    expect(scene.door.log.filter(({ event }) => event.type === "TimerFired").length).toBe(hourMs / ALIVE_EVERY_MS - 1);
    const other = createScene();
    other.submit("t");
    other.door.atMs += hourMs;
    expect(other.door.turn({ kind: "tick" })).toEqual([]);
  });
});
