import { readFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DISPOSITIONS } from "./error-row.ts";
import { GUARD_ERRORS } from "./error-table-guards.ts";
import { ERRORS, isErrorCode } from "./error-table.ts";

/**
 * The table as operators and scripts rely on it: code, disposition, exit code, status. A literal: an exit code that
 * changes breaks somebody's script, so it changes here too or not at all.
 */
const PINNED = `
BUSBAR_ACCESS_FAILED fatal 6 503
BUSBAR_AGENT_UNDEPLOYED refused 5 409
BUSBAR_ANSWER_REFUSED refused 5 422
BUSBAR_APPEND_REFUSED fatal 1 500
BUSBAR_APPROVAL_DENIED refused 5 403
BUSBAR_APPROVAL_EXPIRED refused 5 408
BUSBAR_AUTH_FAILED refused 5 403
BUSBAR_BREAKER_OPEN refused 5 503
BUSBAR_BROKER_FAILED fatal 6 503
BUSBAR_BUDGET_SPENT refused 5 429
BUSBAR_BUS_MISSING fatal 6 503
BUSBAR_CALLS_OPEN transient 1 409
BUSBAR_CAP_ELSEWHERE refused 5 429
BUSBAR_CHAIN_HALTED refused 5 409
BUSBAR_CHAIN_MISPLACED refused 5 400
BUSBAR_CHAIN_UNKNOWN refused 3 404
BUSBAR_CHECK_FAILED refused 5 422
BUSBAR_CHILD_LIMIT refused 5 429
BUSBAR_CLAIM_DISPUTED refused 5 409
BUSBAR_CONFIG_INVALID fatal 2 500
BUSBAR_CONTENT_MISSING refused 3 404
BUSBAR_DEADLINE_PASSED refused 5 409
BUSBAR_DEPLOY_FAILED conflict 1 409
BUSBAR_DEPLOY_REFUSED refused 5 409
BUSBAR_DOCKER_FAILED fatal 6 503
BUSBAR_DOOR_CLOSED refused 5 503
BUSBAR_DOOR_DEGRADED refused 5 503
BUSBAR_DUPLICATE transient 1 409
BUSBAR_EFFECT_IN_DOUBT in-doubt 5 409
BUSBAR_EFFECT_NOT_STARTED transient 1 503
BUSBAR_EVENT_UNDECODABLE fatal 1 500
BUSBAR_FLOW_HELD refused 5 429
BUSBAR_FREEZE_ACTIVE refused 5 423
BUSBAR_GATE_DUE transient 1 409
BUSBAR_HALT_ACTIVE refused 5 423
BUSBAR_HALT_UNPROVEN in-doubt 4 504
BUSBAR_HANDLER_FAILED conflict 1 500
BUSBAR_INCARNATION_OLD refused 5 409
BUSBAR_INPUT_GAP fatal 1 500
BUSBAR_INPUT_INVALID invalid 2 400
BUSBAR_INTERNAL fatal 1 500
BUSBAR_JAVA_MISSING fatal 6 503
BUSBAR_LOG_CORRUPT fatal 1 500
BUSBAR_LOG_FORBIDDEN refused 5 403
BUSBAR_LOG_GAP fatal 1 500
BUSBAR_LOG_TRUNCATED fatal 1 500
BUSBAR_LOG_UNAVAILABLE transient 6 503
BUSBAR_MAVEN_FAILED fatal 6 503
BUSBAR_MAVEN_MISSING fatal 6 503
BUSBAR_MESSAGES_UNKNOWN refused 3 404
BUSBAR_NOT_FOUND invalid 3 404
BUSBAR_OUTCOME_LATE in-doubt 5 504
BUSBAR_OUTCOME_UNKNOWN in-doubt 5 502
BUSBAR_OVERLOADED refused 5 429
BUSBAR_PACK_FAILED fatal 1 500
BUSBAR_POLICY_TOO_LARGE invalid 2 413
BUSBAR_PORT_IN_USE fatal 6 503
BUSBAR_RACE_UNRECORDED invalid 3 400
BUSBAR_READ_BACK_DUE transient 1 409
BUSBAR_READ_BACK_FAILED in-doubt 1 502
BUSBAR_READ_BACK_MISMATCH in-doubt 1 502
BUSBAR_RECORD_TOO_LARGE invalid 2 413
BUSBAR_REGISTRY_FAILED fatal 6 503
BUSBAR_REGISTRY_UNAVAILABLE transient 6 503
BUSBAR_RESULT_INVALID conflict 5 502
BUSBAR_ROLLBACK_STOPPED conflict 5 409
BUSBAR_SCHEMA_INCOMPATIBLE invalid 4 409
BUSBAR_SCHEMA_INVALID invalid 2 400
BUSBAR_SCHEMA_UNKNOWN invalid 2 400
BUSBAR_SECRET_MISSING fatal 1 500
BUSBAR_SEQUENCE_GAP transient 1 409
BUSBAR_SERVICE_FAILED fatal 1 500
BUSBAR_SHED refused 5 429
BUSBAR_SIGNATURE_INVALID refused 5 403
BUSBAR_SLOTS_TAKEN refused 5 429
BUSBAR_STALE refused 5 409
BUSBAR_STEPS_SPENT refused 5 429
BUSBAR_STEP_CONFLICT refused 5 409
BUSBAR_SUBTASK_FAILED conflict 5 502
BUSBAR_SUPERSEDED conflict 1 409
BUSBAR_TASK_CLOSED refused 5 409
BUSBAR_THROTTLED transient 1 429
BUSBAR_TIMEOUT transient 124 504
BUSBAR_TOOL_CHANGED refused 5 409
BUSBAR_TOOL_FAILED conflict 5 502
BUSBAR_TOOL_FORBIDDEN refused 5 403
BUSBAR_TOOL_UNKNOWN refused 5 404
BUSBAR_TOPIC_MISMATCH fatal 1 500
BUSBAR_TOPIC_UNSAFE fatal 1 500
BUSBAR_USAGE invalid 2 400
BUSBAR_VERDICTS_AGAINST refused 5 403
BUSBAR_VERDICTS_DUE transient 1 409
BUSBAR_VERSION_MISMATCH refused 5 409
`;

const rows = Object.entries(ERRORS)
  .map(([code, row]) => `${code} ${row.disposition} ${row.exitCode} ${row.httpStatus}`)
  .toSorted();

describe("the error table", () => {
  it("is the pinned one [errors:table-pinned]", () => {
    expect(rows).toEqual(PINNED.trim().split("\n"));
  });

  it("is in the order of its codes in each of its parts, each of the one form [errors:table-pinned]", () => {
    const guards = Object.keys(GUARD_ERRORS);
    const codes = Object.keys(ERRORS);
    const others = codes.filter((code) => !Object.hasOwn(GUARD_ERRORS, code));
    for (const part of [guards, others]) expect(part).toEqual(part.toSorted());
    expect(codes.filter((code) => !/^BUSBAR_[A-Z]+(_[A-Z]+)*$/u.test(code))).toEqual([]);
  });

  it("knows these dispositions and no other [errors:table-pinned]", () => {
    expect(DISPOSITIONS).toEqual(["transient", "in-doubt", "refused", "invalid", "conflict", "exhausted", "fatal"]);
    expect([...new Set(Object.values(ERRORS).map(({ exitCode }) => exitCode))].toSorted((a, b) => a - b)).toEqual([
      1, 2, 3, 4, 5, 6, 124,
    ]);
  });

  it("says in each row what happened and what to do next [cli:error-says-next]", () => {
    const empty = Object.entries(ERRORS).filter(([, { message, next }]) => message.length < 3 || next.length < 3);
    expect(empty).toEqual([]);
  });

  it("each code is used by at least one place besides the table [errors:documented]", () => {
    const root = join(import.meta.dirname, "../../..");
    const files = execFileSync(
      "git",
      ["ls-files", "--cached", "--others", "--exclude-standard", "shared", "services", "infra", "schemas"],
      { cwd: root, encoding: "utf8" },
    )
      .split("\n")
      .filter((path) => /\.(ts|mjs)$/u.test(path) && !/(\.test|error-table|error-table-guards)\.ts$/u.test(path));
    const text = files.map((path) => textOf(join(root, path))).join("\n");
    expect(Object.keys(ERRORS).filter((code) => !new RegExp(`\\b${code}\\b`, "u").test(text))).toEqual([]);
  });

  it("tells its codes from other words, and from what objects have by birth", () => {
    expect(isErrorCode("BUSBAR_TIMEOUT")).toBe(true);
    expect(["", "busbar_timeout", "constructor", "__proto__"].filter(isErrorCode)).toEqual([]);
  });
});

/** A file that somebody removed since the list was made is no place. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
