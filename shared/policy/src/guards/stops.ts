/** The guards that stop: chains, agents, tools, or everything. */
import { applied, type Guard, onWhere } from "./guard.ts";

export const tripRules: Guard = {
  name: "trip-rules",
  sentence: "stops a chain whose calls fail in a row, or whose reads contradict each other",
  knobs: ["rules.consecutiveErrors", "rules.contradictions"],
  acts: [{ on: "ChainHalted", field: "rule", is: ["consecutive-errors", "contradiction"] }],
  state: ({ rules }) => onWhere(rules.consecutiveErrors > 0 || rules.contradictions > 0),
};

export const breakers: Guard = {
  name: "breakers",
  sentence:
    "cuts a tool, an agent or the two together off after failures in a row, and lets one probe through at a time",
  knobs: ["breaker.consecutiveFailures", "breaker.agentFailures", "breaker.pairFailures", "breaker.cooldownMs"],
  acts: [...applied("OpenBreaker"), { on: "EffectRefused", field: "code", is: ["BUSBAR_BREAKER_OPEN"] }],
  state: ({ breaker }) =>
    onWhere(breaker.consecutiveFailures > 0 || breaker.agentFailures > 0 || breaker.pairFailures > 0),
};

export const blastRadius: Guard = {
  name: "blast-radius",
  sentence: "bounds what can be destroyed before somebody looks: in a row, at once, in a window, in a time of freeze",
  knobs: ["rules.destructiveRun", "concurrency and rate of tools and agents", "busbar freeze"],
  acts: [
    { on: "ChainHalted", field: "rule", is: ["destructive-run"] },
    { on: "EffectRefused", field: "code", is: ["BUSBAR_FREEZE_ACTIVE"] },
    { on: "CommandDeferred", field: "code", is: ["BUSBAR_SLOTS_TAKEN", "BUSBAR_CAP_ELSEWHERE"] },
  ],
  state: ({ rules, caps }) => onWhere(rules.destructiveRun > 0 || caps !== undefined),
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
