import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { own } from "@busbar/kernel";
import { initialPartitionState, type PartitionState } from "../partition-state.ts";
import type { FlowMarks } from "../policy-document.ts";
import { replay } from "../replay/replay.ts";
import { Driver, steps } from "../replay/testing.ts";
import { type Load, type LoadBook, noteLoad, takeReport } from "./load.ts";

const MARKS: FlowMarks = { lower: 0, upper: 8, pause: 16, lagLowerMs: 100, lagUpperMs: 900 };

/** Load of an agent, counted anew from the whole state. */
function counted(state: PartitionState, agent: string, begun: ReadonlySet<string>): Load {
  const chains = Object.values(state.chains).filter((chain) => chain.agent === agent);
  const idle = chains.filter(({ chainId }) => !begun.has(chainId));
  return {
    open: chains.length,
    waiting: idle.length,
    oldestAtMs: idle.length === 0 ? 0 : Math.min(...idle.map(({ openedAtMs }) => openedAtMs)),
  };
}

function logOf(all: readonly Parameters<Driver["inputOf"]>[0][]) {
  const driver = new Driver();
  const { door } = driver.scene;
  for (const one of all) {
    door.atMs += one.gapMs;
    if (one.kind === "submit") driver.submit(one);
    else if (one.kind === "takeover") driver.takeover();
    else {
      const input = driver.inputOf(one);
      if (input !== null) door.turn(input);
    }
  }
  return door.log;
}

describe("load, after any run", () => {
  it.each([1, 4])(
    "is what the state says, what was told is off by less than the step between reports, and going on from JSON tells the same; %i partitions [flow:load-is-the-log]",
    (partitions) => {
      fc.assert(
        fc.property(steps, (all) => {
          const state = initialPartitionState(0);
          let book: LoadBook = {};
          const told: Record<string, Load> = {};
          // Once begun is begun: a new assignment numbers its commands anew.
          const begun = new Set<string>();
          for (const [index, logged] of logOf(all).entries()) {
            const { chainId, atMs } = logged.event.meta;
            const before = own(state.chains, chainId);
            replay(state, logged);
            const after = own(state.chains, chainId);
            if (after !== undefined && (after.sequence > 0 || Object.keys(after.calls).length > 0)) begun.add(chainId);
            const agent = (after ?? before)?.agent;
            if (agent === undefined) continue;
            noteLoad(book, [agent], before, after);
            const restored = JSON.parse(JSON.stringify(book)) as LoadBook;
            const report = takeReport(book, agent, atMs, MARKS, partitions);
            expect(takeReport(restored, agent, atMs, MARKS, partitions)).toEqual(report);
            if (index % 3 === 0) book = restored;
            if (report !== null) told[agent] = report;
            const now = counted(state, agent, begun);
            if (report !== null) expect(report).toEqual(now);
            const known = told[agent] ?? { open: 0, waiting: 0, oldestAtMs: 0 };
            expect(Math.abs(now.open - known.open)).toBeLessThan(Math.max(1, 2 / partitions));
            expect(known.waiting === 0).toBe(now.waiting === 0);
            const waiting = Object.values(book).reduce((sum, entry) => sum + Object.keys(entry.since).length, 0);
            expect(waiting).toBeLessThanOrEqual(Object.keys(state.chains).length);
          }
        }),
        { numRuns: 60 },
      );
    },
  );
});
