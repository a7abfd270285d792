/** The guards that stop: chains, agents, tools, or everything. */
import { GATE_RULE } from "../gate/gate.ts";
import { modeOf } from "../rules/index.ts";
import type { Policy } from "../policy-document.ts";
import { applied, type Guard, type GuardState, onWhere } from "./guard.ts";

/** On while one of the rules is enforced, in shadow while one of them at least tells what it would do. */
function stateOf(rules: Policy["rules"], limits: Readonly<Record<string, number>>): GuardState {
  const modes = Object.entries(limits).flatMap(([rule, limit]) => (limit > 0 ? [modeOf(rules, rule)] : []));
  if (modes.includes("enforce")) return "on";
  return modes.includes("shadow") ? "shadow" : "off";
}

export const verificationGate: Guard = {
  name: GATE_RULE,
  sentence: "lets a chain make no further change after so many tool calls before the world has shown something",
  knobs: ["rules.gate.every", "rules.gate.require", "rules.modes"],
  acts: [{ on: "GateDue" }, { on: "GateFailed" }, { on: "RuleShadowed", field: "rule", is: [GATE_RULE] }],
  state: ({ rules }) => stateOf(rules, { [GATE_RULE]: rules.gate?.every ?? 0 }),
};

export const tripRules: Guard = {
  name: "trip-rules",
  sentence: "stops a chain whose calls fail in a row, or whose reads contradict each other",
  knobs: ["rules.consecutiveErrors", "rules.contradictions", "rules.modes"],
  acts: [
    { on: "ChainHalted", field: "rule", is: ["consecutive-errors", "contradiction"] },
    { on: "RuleShadowed", field: "rule", is: ["consecutive-errors", "contradiction"] },
  ],
  state: ({ rules }) =>
    stateOf(rules, { "consecutive-errors": rules.consecutiveErrors, contradiction: rules.contradictions }),
};

export const breakers: Guard = {
  name: "breakers",
  sentence:
    "cuts a tool, an agent or the two together off after failures in a row, and lets one probe through at a time",
  knobs: [
    "breaker.consecutiveFailures",
    "breaker.agentFailures",
    "breaker.pairFailures",
    "breaker.rates",
    "breaker.cooldownMs",
  ],
  acts: [...applied("OpenBreaker"), { on: "EffectRefused", field: "code", is: ["BUSBAR_BREAKER_OPEN"] }],
  state: ({ breaker }) =>
    onWhere(breaker.consecutiveFailures > 0 || breaker.agentFailures > 0 || breaker.pairFailures > 0),
};

export const blastRadius: Guard = {
  name: "blast-radius",
  sentence: "bounds what can be destroyed before somebody looks: in a row, at once, in a window, in a time of freeze",
  knobs: [
    "rules.destructiveRun",
    "agents.<agent>.destructive",
    "concurrency and rate of tools and agents",
    "busbar freeze",
  ],
  acts: [
    { on: "ChainHalted", field: "rule", is: ["destructive-run"] },
    { on: "RuleShadowed", field: "rule", is: ["destructive-run"] },
    { on: "EffectRefused", field: "code", is: ["BUSBAR_FREEZE_ACTIVE"] },
    { on: "CommandDeferred", field: "code", is: ["BUSBAR_SLOTS_TAKEN", "BUSBAR_CAP_ELSEWHERE"] },
  ],
  state: ({ rules, caps }) => (caps === undefined ? stateOf(rules, { "destructive-run": rules.destructiveRun }) : "on"),
};

export const backpressure: Guard = {
  name: "backpressure",
  sentence: "holds new tasks of an agent back that has more open ones than its marks allow; what runs goes on",
  knobs: ["flow.agent", "flow.partition", "flow.retryAfterMs"],
  acts: [
    { on: "CommandDeferred", field: "code", is: ["BUSBAR_FLOW_HELD"] },
    { on: "CommandRejected", field: "code", is: ["BUSBAR_SHED"] },
    ...applied("Throttle"),
  ],
  state: ({ flow: { agent, partition } }) => onWhere([agent, partition].some(({ upper, pause }) => upper + pause > 0)),
};

export const halt: Guard = {
  name: "halt",
  sentence: "refuses every effect of a halted chain with its sub-tasks, agent, tool or fleet until a person resumes it",
  knobs: ["busbar halt"],
  acts: [...applied("Halt"), { on: "EffectRefused", field: "code", is: ["BUSBAR_HALT_ACTIVE"] }],
  state: () => "on",
};

export const drift: Guard = {
  name: "drift",
  sentence: "tells that an agent decides otherwise than it used to, and halts it where the policy says so",
  knobs: ["drift.window", "drift.psi", "drift.action"],
  acts: applied("DriftDetected"),
  state: (policy) => {
    if (policy.drift.window === 0) return "off";
    return policy.drift.action === "halt" ? "on" : "shadow";
  },
};
