import type { Timers } from "@busbar/agent";
import { expect, it } from "vitest";
import { endingTimers } from "./ending-timers.ts";

it("what was scheduled with a play's timers ends with the play, and nothing is scheduled after it [infra:clean-stop]", () => {
  const scheduled = new Set<() => void>();
  const timers: Timers = {
    now: () => 0,
    turn: () => undefined,
    after: (_delayMs, run) => {
      scheduled.add(run);
      return () => scheduled.delete(run);
    },
  };
  const ending = endingTimers(timers);
  const ran: string[] = [];
  ending.after(1, () => ran.push("runs"));
  for (const run of scheduled) {
    scheduled.delete(run);
    run();
  }
  ending.after(1, () => ran.push("cancelled"))();
  ending.after(1, () => ran.push("forgotten"));
  expect(scheduled.size).toBe(1);
  ending.end();
  ending.after(1, () => ran.push("too late"));
  expect(scheduled.size).toBe(0);
  expect(ran).toEqual(["runs"]);
});
