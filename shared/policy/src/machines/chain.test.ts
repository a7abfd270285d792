import { describe, expect, it } from "vitest";
import { canChain, CHAIN_STATUSES, chainMachine, type ChainStatus, isFinal, nextChainStatus } from "./chain.ts";

/** Columns of the table: event and effect class. */
const EVENTS = [
  "TaskAssigned",
  "EffectAdmitted read",
  "EffectAdmitted write",
  "EffectAdmitted destructive",
  "ModelCallAdmitted",
  "TaskSent",
  "StatementRecorded",
  "TaskCompleted",
  "TaskFailed",
  "ChainDegraded",
  "ChainHalted",
  "ChainResumed",
  "EffectCommitted",
  "SomethingNew",
] as const;

/** What each state makes of each event; "-": illegal, the state stays. A literal: a change here is a decision. */
const TABLE: Readonly<Record<ChainStatus, readonly string[]>> = {
  working: [
    "working",
    "working",
    "working",
    "working",
    "working",
    "working",
    "working",
    "completed",
    "failed",
    "degraded",
    "halted",
    "-",
    "-",
    "-",
  ],
  degraded: [
    "degraded",
    "degraded",
    "-",
    "-",
    "degraded",
    "-",
    "degraded",
    "completed",
    "failed",
    "degraded",
    "halted",
    "working",
    "-",
    "-",
  ],
  halted: ["-", "-", "-", "-", "-", "-", "halted", "-", "-", "-", "halted", "working", "-", "-"],
  completed: ["-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-"],
  failed: ["-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-"],
};

const asked = (status: ChainStatus, column: string): string => {
  const [type = "", effectClass = ""] = column.split(" ");
  const next = nextChainStatus(status, type, effectClass);
  if (canChain(status, type, effectClass)) return next;
  return next === status ? "-" : `moved to ${next} although illegal`;
};

describe("the chain machine", () => {
  it("has these states and no other [rules:machines-decide]", () => {
    expect(CHAIN_STATUSES).toEqual(["working", "degraded", "halted", "completed", "failed"]);
    expect(Object.keys(chainMachine.states)).toEqual(["working", "degraded", "halted", "completed", "failed"]);
  });

  for (const status of CHAIN_STATUSES) {
    for (const [column, event] of EVENTS.entries()) {
      const next = TABLE[status][column];
      const rule = next === "-" ? `${status} refuses ${event}` : `${status} takes ${event} to ${next}`;
      it(`${rule} [rules:machines-decide]`, () => {
        expect(asked(status, event)).toBe(next);
      });
    }
  }

  it("halted is left by ChainResumed and by nothing else [halt:left-by-person-only]", () => {
    const ways = EVENTS.filter((event) => !["-", "halted"].includes(asked("halted", event)));
    expect(ways).toEqual(["ChainResumed"]);
  });

  it("every open state can be halted by one event [halt:left-by-person-only]", () => {
    const open = CHAIN_STATUSES.filter((status) => !isFinal(status));
    expect(open.map((status) => asked(status, "ChainHalted"))).toEqual(["halted", "halted", "halted"]);
  });

  it("completed and failed are the final states [rules:machines-decide]", () => {
    expect(CHAIN_STATUSES.filter(isFinal)).toEqual(["completed", "failed"]);
  });

  it("asks are answered alike however often they are asked [rules:deterministic]", () => {
    expect(asked("degraded", "EffectAdmitted read")).toBe(asked("degraded", "EffectAdmitted read"));
  });
});
