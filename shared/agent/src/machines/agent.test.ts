import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  AGENT_STATES,
  type AgentEvent,
  type AgentSnapshot,
  type AgentState,
  agentMachine,
  agentStateOf,
  canAgent,
  initialAgent,
  stepAgent,
} from "./agent.ts";

const halt: AgentEvent = { type: "halt", scope: "fleet", fence: "7" };
const resume: AgentEvent = { type: "resume", scope: "fleet", fence: "7" };
const EVENTS: readonly AgentEvent[] = [
  { type: "chain.started" },
  { type: "chain.ended" },
  { type: "log.lost" },
  { type: "log.back" },
  halt,
  resume,
  { type: "stop" },
];

const after = (...events: readonly AgentEvent[]): AgentSnapshot => events.reduce(stepAgent, initialAgent());
const started: AgentEvent = { type: "chain.started" };

/** A snapshot in each state, each with one running chain where that is possible. */
const IN: Readonly<Record<AgentState, AgentSnapshot>> = {
  idle: after(),
  working: after(started),
  degraded: after(started, { type: "log.lost" }),
  halted: after(started, halt),
  stopped: after({ type: "stop" }),
};

/** The whole table: what each state makes of each event; "-" = illegal. Columns in the order of EVENTS. */
const TABLE: Readonly<Record<AgentState, readonly string[]>> = {
  idle: ["working", "-", "degraded", "-", "halted", "-", "stopped"],
  working: ["working", "idle", "degraded", "-", "halted", "-", "stopped"],
  degraded: ["-", "degraded", "-", "working", "halted", "-", "stopped"],
  halted: ["-", "halted", "halted", "halted", "halted", "working", "stopped"],
  stopped: ["-", "-", "-", "-", "-", "-", "-"],
};

describe("the agent machine", () => {
  for (const state of AGENT_STATES) {
    for (const [index, event] of EVENTS.entries()) {
      const expected = TABLE[state][index] ?? "";
      it(`${state} on ${event.type}: ${expected} [rules:machines-decide]`, () => {
        const snapshot = IN[state];
        expect(agentStateOf(snapshot)).toBe(state);
        expect(canAgent(snapshot, event)).toBe(expected !== "-");
        expect(agentStateOf(stepAgent(snapshot, event))).toBe(expected === "-" ? state : expected);
      });
    }
  }

  it("has exactly the states it declares and the one it passes through [rules:machines-decide]", () => {
    expect(Object.keys(agentMachine.states).toSorted()).toEqual([...AGENT_STATES, "resumed"].toSorted());
  });

  it("stays halted until the last standing fence is named [halt:resume-names-fence]", () => {
    const two = after(halt, { type: "halt", scope: "agent:a", fence: "9" });
    const older = stepAgent(two, { type: "resume", scope: "fleet", fence: "6" });
    expect(canAgent(two, { type: "resume", scope: "fleet", fence: "6" })).toBe(false);
    expect(agentStateOf(older)).toBe("halted");
    const one = stepAgent(two, resume);
    expect(agentStateOf(one)).toBe("halted");
    expect(agentStateOf(stepAgent(one, { type: "resume", scope: "agent:a", fence: "9" }))).toBe("idle");
  });

  it("goes on degraded after a resume when the log was lost meanwhile [rules:machines-decide]", () => {
    expect(agentStateOf(after(started, halt, { type: "log.lost" }, resume))).toBe("degraded");
    expect(agentStateOf(after(started, halt, { type: "chain.ended" }, resume))).toBe("idle");
  });

  it("counts its chains: idle only when the last one ended [rules:machines-decide]", () => {
    expect(agentStateOf(after(started, started, { type: "chain.ended" }))).toBe("working");
    expect(agentStateOf(after(started, started, { type: "chain.ended" }, { type: "chain.ended" }))).toBe("idle");
  });

  it("is a function of its events: run twice, it is the same [rules:deterministic]", () => {
    const events = fc.array(fc.constantFrom(...EVENTS), { maxLength: 30 });
    fc.assert(
      fc.property(events, (sequence) => {
        const [first, second] = [after(...sequence), after(...sequence)];
        expect(second.value).toEqual(first.value);
        expect(second.context).toEqual(first.context);
        expect(AGENT_STATES).toContain(agentStateOf(first));
      }),
    );
  });
});
