/** The guards of calls and effects. One row each; what it takes to add one is in docs/guides/guards/README.md. */
import { type Guard, onWhere, someTool } from "./guard.ts";

export const retries: Guard = {
  name: "retries",
  sentence: "tries again only while the error is known to be before the effect, or the tool honours the key",
  knobs: ["tools.<tool>.attempts", "toolClass and keyLifetimeMs of the tool", "limits.throttleMs"],
  acts: [{ on: "EffectAdmitted", field: "attempt", above: 1 }],
  state: () => "on",
};

export const idempotency: Guard = {
  name: "idempotency",
  sentence: "answers a second call of the same effect from the ledger, however it is spelled",
  knobs: ["identity and subject of the tool"],
  acts: [{ on: "EffectAlreadyDone" }, { on: "EffectAwaited" }],
  state: () => "on",
};

export const readYourWrites: Guard = {
  name: "read-your-writes",
  sentence: "looks whether a change is there before the chain makes its next one",
  knobs: ["readBack of the tool"],
  acts: [{ on: "EffectDisputed" }],
  state: (policy) => onWhere(someTool(policy, ({ readBack }) => readBack !== null)),
};

export const freshness: Guard = {
  name: "freshness",
  sentence: "refuses a change that rests on a version which another chain has changed since",
  knobs: ["version and dependsOn of the tool"],
  acts: [
    { on: "EffectFailed", field: "code", is: ["BUSBAR_STALE"] },
    { on: "EffectRefused", field: "code", is: ["BUSBAR_STALE"] },
  ],
  state: (policy) => onWhere(someTool(policy, ({ dependsOn }) => dependsOn !== undefined)),
};

export const multiPath: Guard = {
  name: "multi-path",
  sentence: "admits what is high-stakes only when k of n independent judges agree",
  knobs: ["quorum.effects", "quorum.tools", "quorum.amount", "quorum.agree", "quorum.judges", "quorum.otherwise"],
  acts: [
    { on: "VerdictsRequested" },
    { on: "EffectRefused", field: "code", is: ["BUSBAR_VERDICTS_AGAINST"] },
    { on: "ApprovalRequested", field: "rule", is: ["quorum"] },
  ],
  state: ({ quorum }) => onWhere(quorum !== undefined),
};

const SPENT = ["BUSBAR_STEPS_SPENT", "BUSBAR_DEADLINE_PASSED", "BUSBAR_BUDGET_SPENT"];
/** A call that took longer than its time-out: a read, a change, a model call. */
const LATE = ["BUSBAR_OUTCOME_LATE", "BUSBAR_TIMEOUT"];

export const budgets: Guard = {
  name: "budgets",
  sentence: "ends a call or a chain that takes more time, steps or tokens than it was given",
  knobs: ["tools.<tool>.timeoutMs", "models.<model>.timeoutMs", "limits.maxSteps", "deadline and budget of a task"],
  acts: [
    { on: "EffectRefused", field: "code", is: SPENT },
    { on: "TaskFailed", field: "code", is: ["BUSBAR_DEADLINE_PASSED"] },
    { on: "EffectInDoubt", field: "code", is: LATE },
    { on: "EffectFailed", field: "code", is: LATE },
    { on: "ModelCallFailed", field: "code", is: LATE },
  ],
  state: () => "on",
};
