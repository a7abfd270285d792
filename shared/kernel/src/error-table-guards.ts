/** The part of the error table that is about guards: what wants evidence or a person, and what came of it. */
import { type ErrorRow, row } from "./error-row.ts";

export const GUARD_ERRORS = {
  BUSBAR_ANSWER_REFUSED: row(
    "refused",
    "the answer of the task is not emitted: {reason}",
    "npx busbar trace <chain> shows the answer and the check",
    5,
    422,
  ),
  BUSBAR_APPROVAL_DENIED: row(
    "refused",
    "{tool}: a person refused it: {reason}",
    "npx busbar trace <chain> shows what was asked and who refused it",
    5,
    403,
  ),
  BUSBAR_APPROVAL_EXPIRED: row(
    "refused",
    "{tool}: no person approved it in time",
    "npx busbar approvals ls shows what waits; approvals.expiresMs in busbar.yaml says how long",
    5,
    408,
  ),
  BUSBAR_CHECK_FAILED: row(
    "refused",
    "{reason}",
    "npx busbar trace <chain> shows what was asked; the checks stand in busbar.yaml",
    5,
    422,
  ),
  BUSBAR_CLAIM_DISPUTED: row(
    "refused",
    "{reason}",
    "npx busbar trace <chain> shows who says what; authorities in busbar.yaml says who is right",
    5,
    409,
  ),
  BUSBAR_GATE_DUE: row(
    "transient",
    "the chain's next change waits for what its last calls come to",
    "nothing: the command is sent again after the delay; rules.gate in busbar.yaml says how often a gate is due",
    1,
    409,
  ),
  BUSBAR_ROLLBACK_STOPPED: row(
    "conflict",
    "the rollback stopped: {reason}",
    "npx busbar trace <rollback>, then npx busbar rollback <chain> for what is left",
    5,
    409,
  ),
  BUSBAR_VERDICTS_AGAINST: row(
    "refused",
    "{reason}",
    "npx busbar trace <chain> shows each verdict; quorum in busbar.yaml says how many have to agree",
    5,
    403,
  ),
  BUSBAR_VERDICTS_DUE: row(
    "transient",
    "the call waits for the verdicts of its judges",
    "nothing: the command is sent again after the delay; npx busbar trace <chain> shows who has judged",
    1,
    409,
  ),
} as const satisfies Readonly<Record<string, ErrorRow>>;
