/** The guards that bring a person in, and the one that takes back. */
import { type Guard, onWhere, someTool } from "./guard.ts";

export const approvals: Guard = {
  name: "approvals",
  sentence:
    "lets a call wait for a person, whose yes is of its exact arguments, counts once, and is a no when its time is over",
  knobs: ["tools.<tool>.approve", "approvals.effects", "approvals.expiresMs"],
  acts: [{ on: "ApprovalRequested" }],
  state: (policy) => {
    const isOfTool = someTool(policy, ({ approve }) => approve === "always");
    return onWhere(isOfTool || (policy.approvals?.effects.length ?? 0) > 0);
  },
};

export const degradation: Guard = {
  name: "degradation",
  sentence: "narrows a chain with each sign of doubt: reads only, each effect approved, halted, handed to a person",
  knobs: ["degradation.confidence", "degradation.refusals", "degradation.refuted", "degradation.rungs"],
  acts: [
    { on: "ChainDegraded", field: "rule", is: ["degradation"] },
    { on: "ScopeNarrowed" },
    { on: "ChainHalted", field: "rule", is: ["degradation"] },
  ],
  state: (policy) => onWhere(policy.degradation !== undefined),
};

export const handOff: Guard = {
  name: "hand-off",
  sentence: "gives a decision to a person, with all that led to it; the answer outlives agent and gateway",
  knobs: ["ctx.handOff", "degradation.handOffOnHalt"],
  acts: [{ on: "HandedOff" }],
  state: () => "on",
};

export const compensation: Guard = {
  name: "compensation",
  sentence: "undoes what a halted chain has done, the latest first, and names what cannot be undone",
  knobs: ["undo of the tool", "busbar rollback", "rollbackOnHalt"],
  acts: [{ on: "RollbackStarted" }],
  state: (policy) => onWhere(someTool(policy, ({ undo }) => undo !== undefined)),
};
