/**
 * The error table: one row per code, the only place where codes, dispositions, texts and exits are written.
 * `message` is a template with {fields}; `next` is what the reader types or does next.
 * Exit codes: 1 error, 2 usage, 3 not found, 4 check failed or unproven, 5 refused by policy or halt, 6 unreachable, 124 timeout.
 */

/** What the shell does with an error of a code; see the README of this package. */
export const DISPOSITIONS = ["transient", "in-doubt", "refused", "invalid", "conflict", "exhausted", "fatal"] as const;
export type Disposition = (typeof DISPOSITIONS)[number];

export interface ErrorRow {
  readonly disposition: Disposition;
  readonly message: string;
  readonly next: string;
  readonly exitCode: number;
  readonly httpStatus: number;
}

const row = (
  disposition: Disposition,
  message: string,
  next: string,
  exitCode: number,
  httpStatus: number,
): ErrorRow => ({ disposition, message, next, exitCode, httpStatus });

export const ERRORS = {
  BUSBAR_ACCESS_FAILED: row(
    "fatal",
    "users and permissions could not be set at {brokers}: {reason}",
    "check that admin.sasl in the key folder holds the broker's super user password, then npx busbar up",
    6,
    503,
  ),
  BUSBAR_AGENT_UNDEPLOYED: row(
    "refused",
    "agent {agent} is undeployed",
    "deploy it again: npx busbar deploy <folder>",
    5,
    409,
  ),
  BUSBAR_APPEND_REFUSED: row(
    "fatal",
    "the log refuses what the door decided: {what} fills more than an append",
    "report it with the output of npx busbar doctor",
    1,
    500,
  ),
  BUSBAR_AUTH_FAILED: row(
    "refused",
    "the command of {principal} is not authenticated: {reason}",
    "check the agent's key in the key folder",
    5,
    403,
  ),
  BUSBAR_BREAKER_OPEN: row("refused", "the breaker of {key} is {state}", "npx busbar status", 5, 503),
  BUSBAR_BROKER_FAILED: row("fatal", "the broker did not start: {reason}", "npx busbar doctor", 6, 503),
  BUSBAR_BUDGET_SPENT: row(
    "refused",
    "the chain's budget of {budget} is spent",
    "submit a task with a larger budget",
    5,
    429,
  ),
  BUSBAR_BUS_MISSING: row("fatal", "no bus runs here: {reason}", "npx busbar up", 6, 503),
  BUSBAR_CALLS_OPEN: row(
    "transient",
    "the chain still has {count} open call(s)",
    "the SDK sends again after {retryAfterMs} ms",
    1,
    409,
  ),
  BUSBAR_CHAIN_HALTED: row("refused", "the chain is halted: {reason}", "npx busbar trace {chain}", 5, 409),
  BUSBAR_CHAIN_MISPLACED: row(
    "refused",
    "chain {chain} does not belong to partition {partition}",
    "send the command with the SDK, which computes the partition",
    5,
    400,
  ),
  BUSBAR_CHAIN_UNKNOWN: row("refused", "no task opened chain {chain}", "npx busbar submit --help", 3, 404),
  BUSBAR_CHILD_LIMIT: row("refused", "the chain already has {count} open sub-tasks", "wait for one of them", 5, 429),
  BUSBAR_CONFIG_INVALID: row("fatal", "{file}: {reason}", "correct the file and start again", 2, 500),
  BUSBAR_DEADLINE_PASSED: row("refused", "the deadline {deadline} has passed", "submit a new task", 5, 409),
  BUSBAR_DEPLOY_FAILED: row(
    "conflict",
    "version {version} of {agent} failed: {reason}",
    "look into {file}, mend it, and deploy it under a new version",
    1,
    409,
  ),
  BUSBAR_DEPLOY_REFUSED: row("refused", "version {version} of {agent} is not deployed: {reason}", "{next}", 5, 409),
  BUSBAR_DOCKER_FAILED: row(
    "fatal",
    "Docker cannot run the broker: {reason}",
    "set BUSBAR_BROKER=jvm and type the command again",
    6,
    503,
  ),
  BUSBAR_DOOR_CLOSED: row(
    "refused",
    "the door of partition {partition} is closed: {reason}",
    "npx busbar status",
    5,
    503,
  ),
  BUSBAR_DOOR_DEGRADED: row(
    "refused",
    "the door of partition {partition} is read-only: {reason}",
    "npx busbar status",
    5,
    503,
  ),
  BUSBAR_DUPLICATE: row(
    "transient",
    "the command was answered before; the answer is sent again",
    "nothing: the SDK does it",
    1,
    409,
  ),
  BUSBAR_EFFECT_IN_DOUBT: row(
    "in-doubt",
    "effect {key} may have happened: {reason}",
    "npx busbar trace {chain}",
    5,
    409,
  ),
  BUSBAR_EFFECT_NOT_STARTED: row("transient", "the effect did not start: {reason}", "call again", 1, 503),
  BUSBAR_EVENT_UNDECODABLE: row(
    "fatal",
    "{position} is a valid record that cannot be decoded: {reason}",
    "run the version that wrote it, or push its schema: npx busbar schemas push; nothing behind it is decided until then",
    1,
    500,
  ),
  BUSBAR_FREEZE_ACTIVE: row(
    "refused",
    "freeze {freeze} forbids {effectClass} effects of {scope}: {reason}",
    'npx busbar freeze --lift {freeze} --reason "<why>"',
    5,
    423,
  ),
  BUSBAR_HALT_ACTIVE: row(
    "refused",
    "{scope} is halted (fence {fence}): {reason}",
    'npx busbar resume {scope} --fence {fence} --reason "<why>"',
    5,
    423,
  ),
  BUSBAR_HALT_UNPROVEN: row(
    "in-doubt",
    "no acknowledgement from partition(s) {partitions} within {timeoutMs} ms",
    "npx busbar status",
    4,
    504,
  ),
  BUSBAR_HANDLER_FAILED: row("conflict", "the handler of {agent} failed: {reason}", "npx busbar trace {chain}", 1, 500),
  BUSBAR_INCARNATION_OLD: row(
    "refused",
    "chain {chain} is at incarnation {current}; the command is of {found}",
    "stop this process: another one runs the chain",
    5,
    409,
  ),
  BUSBAR_INPUT_GAP: row(
    "fatal",
    "{topic}/{partition}: positions {from} to {to} are gone and were never decided",
    "find out what they held; to go on without them start the gateway with BUSBAR_ACCEPT_GAP={topic}/{partition}@{to}",
    1,
    500,
  ),
  BUSBAR_INPUT_INVALID: row("invalid", "{what}: {reason}", "{next}", 2, 400),
  BUSBAR_INTERNAL: row("fatal", "internal error: {reason}", "report it with the output of npx busbar doctor", 1, 500),
  BUSBAR_JAVA_MISSING: row(
    "fatal",
    "Java 17 or newer is needed for a local broker: {reason}",
    "install a JDK 17 (Debian: apt-get install openjdk-17-jre-headless) or start Docker",
    6,
    503,
  ),
  BUSBAR_LOG_CORRUPT: row("fatal", "the log contradicts itself at {position}: {reason}", "npx busbar doctor", 1, 500),
  BUSBAR_LOG_FORBIDDEN: row(
    "refused",
    "the broker does not allow it: {what}",
    "docs/security.md says who may do what; npx busbar up sets users and permissions again",
    5,
    403,
  ),
  BUSBAR_LOG_GAP: row(
    "fatal",
    "{topic}/{partition}: positions {from} to {to} are gone from the log",
    "npx busbar doctor",
    1,
    500,
  ),
  BUSBAR_LOG_TRUNCATED: row(
    "fatal",
    "{topic}/{partition} ends at {end}, before our position {position}",
    "npx busbar doctor",
    1,
    500,
  ),
  BUSBAR_LOG_UNAVAILABLE: row("transient", "the log does not answer: {reason}", "npx busbar doctor", 6, 503),
  BUSBAR_MAVEN_FAILED: row(
    "fatal",
    "{artifact} could not be resolved: {reason}",
    "check the network and type the command again",
    6,
    503,
  ),
  BUSBAR_MAVEN_MISSING: row(
    "fatal",
    "Maven is needed to fetch {artifact}: {reason}",
    "install Maven (Debian: apt-get install maven) or start Docker",
    6,
    503,
  ),
  BUSBAR_NOT_FOUND: row("invalid", "{what} {id} is not in the log", "npx busbar status", 3, 404),
  BUSBAR_OUTCOME_LATE: row(
    "in-doubt",
    "{tool} did not answer within {timeoutMs} ms",
    "npx busbar trace {chain}",
    5,
    504,
  ),
  BUSBAR_OUTCOME_UNKNOWN: row(
    "in-doubt",
    "what came of {tool} is unknown: {reason}",
    "npx busbar trace {chain}",
    5,
    502,
  ),
  BUSBAR_OVERLOADED: row(
    "refused",
    "the partition's queue is full",
    "the SDK sends again after {retryAfterMs} ms",
    5,
    429,
  ),
  BUSBAR_PACK_FAILED: row("fatal", "the packages could not be packed: {reason}", "npm run pack", 1, 500),
  BUSBAR_POLICY_TOO_LARGE: row(
    "invalid",
    "the policy has {bytes} bytes as text; {limit} are allowed",
    "shorten the tools' schemas, or give a gateway fewer tools",
    2,
    413,
  ),
  BUSBAR_PORT_IN_USE: row("fatal", "port {port} is in use", "stop what uses it or choose another with --port", 6, 503),
  BUSBAR_RECORD_TOO_LARGE: row(
    "invalid",
    "the record has {bytes} bytes; {limit} are allowed",
    "send less, or a reference",
    2,
    413,
  ),
  BUSBAR_REGISTRY_FAILED: row("fatal", "the schema registry did not start: {reason}", "npx busbar doctor", 6, 503),
  BUSBAR_REGISTRY_UNAVAILABLE: row(
    "transient",
    "the schema registry does not answer: {reason}",
    "npx busbar doctor",
    6,
    503,
  ),
  BUSBAR_RESULT_INVALID: row(
    "conflict",
    "{tool} answered what its result schema does not allow: {reason}",
    "npx busbar trace {chain}",
    5,
    502,
  ),
  BUSBAR_SCHEMA_INCOMPATIBLE: row("invalid", "{schema}: {reason}", "npx busbar schemas check", 4, 409),
  BUSBAR_SCHEMA_INVALID: row("invalid", "{type}: {reason}", "npx busbar schemas show {type}", 2, 400),
  BUSBAR_SCHEMA_UNKNOWN: row("invalid", "schema id {id} is not known", "npx busbar schemas push", 2, 400),
  BUSBAR_SECRET_MISSING: row(
    "fatal",
    "tool {tool} declares the secret {secret}, which this gateway does not have",
    "set BUSBAR_SECRET_{secret} for the gateway, or put a file {secret} into the folder that BUSBAR_SECRETS names",
    1,
    500,
  ),
  BUSBAR_SEQUENCE_GAP: row(
    "transient",
    "command {found} came where {expected} is due",
    "nothing: the SDK sends again from {expected}",
    1,
    409,
  ),
  BUSBAR_SERVICE_FAILED: row("fatal", "{service} ended: {reason}", "look into {file}, then npx busbar doctor", 1, 500),
  BUSBAR_SIGNATURE_INVALID: row(
    "refused",
    "the order of {principal} is not signed by a known key: {reason}",
    "npx busbar doctor",
    5,
    403,
  ),
  BUSBAR_STEPS_SPENT: row(
    "refused",
    "the chain has used its {maxSteps} steps",
    "submit a task with --max-steps",
    5,
    429,
  ),
  BUSBAR_STEP_CONFLICT: row(
    "refused",
    "step {step} was recorded with other content",
    "npx busbar trace {chain}",
    5,
    409,
  ),
  BUSBAR_SUBTASK_FAILED: row("conflict", "the sub-task ended {state}: {reason}", "npx busbar trace {chain}", 5, 502),
  BUSBAR_SUPERSEDED: row(
    "conflict",
    "partition {partition} is held by {owner}, which lives",
    "nothing: it is taken when that owner gives it up or falls silent",
    1,
    409,
  ),
  BUSBAR_TASK_CLOSED: row("refused", "the chain is {state}", "npx busbar trace {chain}", 5, 409),
  BUSBAR_THROTTLED: row("transient", "{tool} asks to be called later: {reason}", "call again later", 1, 429),
  BUSBAR_TIMEOUT: row("transient", "{what} took longer than {timeoutMs} ms", "{next}", 124, 504),
  BUSBAR_TOOL_CHANGED: row(
    "refused",
    "the tool is not the one that the policy in force was made of: {reason}",
    "npx busbar tools shows the policy's; run its tools in every gateway, or put a policy of the new ones in force",
    5,
    409,
  ),
  BUSBAR_TOOL_FAILED: row("conflict", "{tool} failed: {reason}", "npx busbar trace {chain}", 5, 502),
  BUSBAR_TOOL_FORBIDDEN: row(
    "refused",
    "agent {agent} may not call {tool}",
    "allow it under agents in busbar.yaml",
    5,
    403,
  ),
  BUSBAR_TOOL_UNKNOWN: row("refused", "no tool is named {tool}", "npx busbar status", 5, 404),
  BUSBAR_TOPIC_MISMATCH: row("fatal", "topic {topic}: {reason}", "npx busbar topics", 1, 500),
  BUSBAR_TOPIC_UNSAFE: row(
    "fatal",
    "acknowledged records could be lost: {reason}",
    "npx busbar topics apply --repair",
    1,
    500,
  ),
  BUSBAR_USAGE: row("invalid", "{reason}", "npx busbar help", 2, 400),
  BUSBAR_VERSION_MISMATCH: row(
    "refused",
    "the chain runs on version {expected} of its agent, not on {found}",
    "nothing: a process of that version finishes the chain; npx busbar status shows it",
    5,
    409,
  ),
} as const satisfies Readonly<Record<string, ErrorRow>>;

export type ErrorCode = keyof typeof ERRORS;

export function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(ERRORS, value);
}
