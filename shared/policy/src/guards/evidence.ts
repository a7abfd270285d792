/** The guards of what comes in: whether it is sound, and who has said it. */
import type { Policy } from "../policy-document.ts";
import { modeOf } from "../rules/index.ts";
import { type Guard, onWhere, someTool } from "./guard.ts";

const hasChecks = ({ agents, models }: Policy): boolean =>
  Object.values(agents).some(({ answerChecks }) => answerChecks !== undefined) ||
  Object.values(models).some(({ resultChecks }) => resultChecks !== undefined);

export const boundary: Guard = {
  name: "boundary",
  sentence: "lets no argument, result or answer pass that does not hold its schema and its checks",
  knobs: ["tools.<tool>.checks", "resultChecks", "agents.<agent>.answerChecks", "args and result of the tool"],
  acts: [
    {
      on: "EffectRefused",
      field: "code",
      is: ["BUSBAR_CHECK_FAILED", "BUSBAR_ANSWER_REFUSED", "BUSBAR_INPUT_INVALID"],
    },
    { on: "EffectCommittedInvalid" },
    { on: "ModelCallFailed", field: "code", is: ["BUSBAR_CHECK_FAILED"] },
  ],
  state: (policy) =>
    onWhere(
      hasChecks(policy) ||
        someTool(
          policy,
          ({ checks, resultChecks, result }) => (checks ?? resultChecks) !== undefined || result !== null,
        ),
    ),
};

export const untrustedText: Guard = {
  name: "untrusted-text",
  sentence: "puts a call to a person that would send out, or destroy by, what a third party has written",
  knobs: ["rules.modes.untrusted-text", "tools.<tool>.trust", "tools.<tool>.outbound", "tools.<tool>.sensitive"],
  acts: [{ on: "ApprovalRequested", field: "rule", is: ["untrusted-text"] }],
  state: (policy) => {
    const mode = modeOf(policy.rules, "untrusted-text");
    if (mode === "shadow") return "shadow";
    return onWhere(mode === "enforce" && someTool(policy, ({ trust }) => trust === "untrusted"));
  },
};

export const reconciliation: Guard = {
  name: "reconciliation",
  sentence:
    "reads the authority of a subject before an agent is told of it by another source, and keeps answers to what is held for true",
  knobs: ["authorities", "agents.<agent>.grounded", "rules.modes.reconciliation", "claims of the tool"],
  acts: [
    { on: "EffectCommitted", field: "reconciled", is: ["lost", "unresolved"] },
    { on: "EffectRefused", field: "rule", is: ["reconciliation"] },
    { on: "RuleShadowed", field: "rule", is: ["reconciliation"] },
  ],
  state: (policy) => {
    const mode = modeOf(policy.rules, "reconciliation");
    if (mode === "shadow") return "shadow";
    return onWhere(mode === "enforce" && policy.authorities !== undefined);
  },
};
