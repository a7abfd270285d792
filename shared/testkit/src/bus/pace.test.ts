import { defineAgent, defineTool, throttled } from "@busbar/agent";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createTestBus, type TestBus } from "./test-bus.ts";

// Seconds on a free machine; a busy one gets more time, not another verdict.
vi.setConfig({ testTimeout: 45_000 });

let bus: TestBus | null = null;
afterEach(async () => {
  await bus?.stop();
  bus = null;
});

const WINDOW_MS = 200;
const ALLOWED = 8;
const AGENTS = 20;
const CALLS = 3;

/** A vendor that takes so many calls in a window, and tells the others to come with the next one. */
function vendor() {
  const seen = { sent: 0, taken: 0, begunMs: performance.now(), left: ALLOWED };
  const tool = defineTool<{ n: number }>({
    name: "vendor.ask",
    description: "Asks the vendor",
    effect: "write",
    args: { type: "object" },
    identity: ["n"],
    timeoutMs: 5000,
    fireBoundMs: 5000,
    run: ({ n }) => {
      const nowMs = performance.now();
      if (nowMs - seen.begunMs >= WINDOW_MS) Object.assign(seen, { begunMs: nowMs, left: ALLOWED });
      seen.sent += 1;
      if (seen.left === 0) throw throttled("too many requests", seen.begunMs + WINDOW_MS - nowMs);
      seen.left -= 1;
      seen.taken += 1;
      return { n };
    },
  });
  return { seen, tool };
}

const callers = Array.from({ length: AGENTS }, (_, index) =>
  defineAgent({
    name: `caller-${index}`,
    version: "1",
    handler: async (_task, ctx) => {
      for (let n = 0; n < CALLS; n += 1) await ctx.tool("vendor.ask", { n });
      return "done";
    },
  }),
);

async function play(learnPace: boolean) {
  const { seen, tool } = vendor();
  bus = await createTestBus({
    agents: callers,
    tools: [tool],
    partitions: 4,
    limitMs: 40_000,
    policy: { limits: { learnPace } },
  });
  const test = bus;
  const ends = await Promise.all(callers.map(({ name }) => test.submit(name, {})));
  return { seen, states: new Set(ends.map(({ state }) => state)) };
}

describe("twenty agents and a tool that takes a few calls at a time", () => {
  it("find its pace: few calls are sent that it does not take, and all of all agents are done [pace:all-wait] [pace:learned]", async () => {
    const { seen, states } = await play(true);
    expect(states).toEqual(new Set(["completed"]));
    expect(seen.taken).toBe(AGENTS * CALLS);
    // The first of all agents come before anything is known.
    expect(seen.sent - seen.taken).toBeLessThan(AGENTS + 0.3 * seen.taken);
  });

  it("ask it again and again where each goes by its own answer alone [pace:off]", async () => {
    const { seen, states } = await play(false);
    expect(states).toEqual(new Set(["completed"]));
    expect(seen.sent - seen.taken).toBeGreaterThan(0.6 * seen.taken);
  });
});
