/**
 * What this release promises, as data: area -> id -> the rule as one sentence.
 * A test cites an id in its name as `[id]`. A test under test/tidy fails on a cited id that is not here and reports
 * the ids that no test cites. An id is never renamed; a promise that is taken back is taken out with its tests.
 */
import { ATTEMPT_PROMISES } from "./requirements-attempts.ts";
import { CAP_PROMISES } from "./promises/caps.ts";
import { PACE_PROMISES } from "./promises/pace.ts";
import { EVALUATION_PROMISES, PLAY_PROMISES } from "./promises/evaluation.ts";
import { EVIDENCE_PROMISES } from "./promises/evidence.ts";

import { DEPLOY } from "./promises/deploy.ts";
import { BLAST_PROMISES } from "./promises/blast.ts";
import { QUORUM_PROMISES } from "./promises/quorum.ts";
import { GATE_PROMISES } from "./promises/gate.ts";
import { GUARD_PROMISES } from "./promises/guards.ts";
import { CLI_PROMISES, DOCTOR_PROMISES } from "./promises/cli.ts";
import { DEGRADATION_PROMISES, HANDOFF_PROMISES, PEOPLE_PROMISES, ROLLBACK_PROMISES } from "./promises/people.ts";
import { LOG_PROMISES } from "./requirements-log.ts";

import { SECURITY } from "./requirements-security.ts";

const PROMISES = {
  ...LOG_PROMISES,
  door: {
    "door:position-rides-on-records":
      "the owner's input positions travel on the records they caused, in the same append",
    "door:next-offset-only": "the input handler accepts only the next offset and seeks again for anything else",
    "door:jump-is-log-gap":
      "a jump is taken only when a fetch at the next offset returned it, and is recorded as LogGap",
    "door:each-command-an-event": "each command yields at least one event",
    "door:undecodable-rejected":
      "an undecodable command yields CommandRejected and a dead letter, and the next good one is decided",
    "door:misplaced-chain-refused": "a command whose chain does not hash to its partition is refused",
    "door:unopened-chain-refused": "a command of a chain that no admitted task opened is refused",
    "door:assignment-checked": "a command of an agent or incarnation that the chain is not assigned to is refused",
    "door:authentication-checked": "a command whose authentication code does not match is refused",
    "door:second-run-ends":
      "an older sequence whose step is not on record is of a second run of the incarnation: it is told to end",
    "door:sequence-next": "a command is accepted iff its sequence is the last one plus one",
    "door:older-answered-again": "an older command is answered again from the record",
    "door:gap-deferred":
      "a gap in the sequence is deferred with the expected number, and the SDK sends the same bytes again",
    "door:orders-signed": "an order of an operator or supervisor without a valid signature has no effect",
    "door:submit-idempotent": "a repeated SubmitTask is answered TaskAlreadyKnown with the chain's state",
    "door:queued-decisions-are-seen": "a decision sees the decisions queued before it, sent or not",
    "door:effects-wait-for-acknowledgement": "effects and replies wait for the acknowledgement of their record",
    "door:answers-before-commands":
      "operators' answers are decided before commands that wait, live and by a new owner; neither topic is paused for the other",
    "door:control-first": "control comes first among undecided inputs; decided records are never reordered",
    "door:unknown-drops-queue": "on an unknown append the queue and the memory of the partition go together",
    "door:overflow-deferred": "overflow is deferred with a delay, pauses no partition, and counts as no error",
    "door:outcome-room-reserved": "room for an outcome is reserved at its admission",
    "door:subtask-after-acknowledgement":
      "a sub-task is forwarded only after its admission is acknowledged, once, under an id from parent and step",
    "door:halt-reaches-subtasks": "a halt of a chain reaches its sub-tasks in other partitions",
    "door:deadline-and-budget-inherited":
      "a sub-task inherits the deadline; its budget is carved out and the rest returns",
    "door:arguments-checked": "arguments that the tool's schema does not allow are refused before anything runs",
    "door:tool-allowed": "a tool that the agent may not call is refused",
  },
  effects: {
    "effects:intent-before-effect": "an effect starts only after its admission is acknowledged",
    "effects:rerun-gets-recorded-answer": "a re-run handler gets the recorded answer of a call",
    "effects:same-key-already-done":
      "a second call with the same effect key is answered EffectAlreadyDone with the original's offset",
    "effects:repeat-declared": "a call that declares repeat n runs again",
    "effects:mutation-between": "the same call runs again when another mutation of its subject lies between",
    "effects:failed-is-next-attempt": "a call after EffectFailed is attempt plus one of the same key",
    "effects:open-is-awaited": "a call whose effect is open or in doubt waits for it",
    "effects:reads-always-run": "reads always run",
    "effects:one-attempt-per-admission": "an admission permits one attempt; a retry is a new admission",
    "effects:slot-before-admission": "an admission is appended only when its slot is free",
    "effects:fire-bound": "an admission that is not handed over within its bound is abandoned and never fires",
    "effects:fire-step-sees-fence": "the fire step refuses when a covering fence is queued or applied",
    "effects:fire-step-sees-epoch": "the fire step refuses when the epoch is known to be superseded",
    "effects:only-its-process-abandons": "only the process that queued an admission may abandon it",
    "effects:outcome-survives-reload":
      "the outcome of a running call is appended again in the new epoch while its admission is open",
    "effects:one-call-one-error": "the attempts of one call are one call; its final outcome counts",
    "effects:deferral-is-no-error": "throttling and deferral are no errors",
    "effects:verified-success-resets": "only a verified success resets a count of errors",
    "effects:denial-is-its-own":
      "what a later attempt says of itself settles nothing while an earlier one may still arrive",
    "effects:inherited-waits":
      "an inherited open admission is in doubt and settles only after bound, time-out and margin",
    "effects:exact-fires-again": "a tool of class exact may be fired again with the same key",
    "effects:key-lifetime":
      "a tool of class exact is fired again only while an attempt fits into the declared lifetime of its key, counted from the first admission under it",
    "effects:key-lifetime-missing": "a tool that declares no lifetime of its keys is never fired again",
    "effects:at-most-once": "a tool of class at-most-once is never fired again by the bus",
    "effects:read-back-settles":
      "a read-back that shows the effect settles it as committed; one that shows nothing is no proof",
    "effects:read-back-due":
      "after a change that its tool reported as done, the declared read-back is made before the next change of the chain, its next sub-task and its end",
    "effects:read-back-mismatch":
      "a change that its read-back does not show is disputed with what was expected and seen, is one error, and its chain reads only until a person settles it",
    "effects:read-back-failed": "where nobody can look, the change is disputed too, and no error is counted",
    "effects:read-back-cel":
      "an expectation may be an expression over arguments, result and what is seen, checked when its tool is defined",
    "effects:read-back-bounded": "an expression of an expectation is bounded in size and in time",
    "effects:read-back-within": "a change has the declared time to show",
    "effects:version-carried":
      "a change carries the version that its chain has read of what it depends on, in each attempt; a chain that has not read it is refused",
    "effects:stale-refused":
      "a change that carries another version than is there is refused with what was read and what is there now; without it an update is lost",
    "effects:stale-is-an-error":
      "a stale change is one error of its chain, which the next read takes back, and none of its tool",
    "effects:person-settles": "an effect in doubt that nothing settles is settled by a person, by a signed order",
    "effects:timeout-in-doubt": "a time-out of a mutating call leaves it in doubt, never failed",
    "effects:invalid-result-not-retried":
      "a malformed result of a mutation is EffectCommittedInvalid and is never retried",
    "effects:not-started-retryable": "an error known to lie before the effect may be retried",
    "effects:large-values-by-reference":
      "arguments and results above the limit go by reference; an oversize result is an outcome, never a lost one",
  },
  ...ATTEMPT_PROMISES,
  caps: CAP_PROMISES,
  pace: PACE_PROMISES,
  evidence: EVIDENCE_PROMISES,
  approvals: PEOPLE_PROMISES,
  degradation: DEGRADATION_PROMISES,
  handoffs: HANDOFF_PROMISES,
  rollback: ROLLBACK_PROMISES,
  halt: {
    "halt:trips-commute": "trips commute and are idempotent by rule and cause",
    "halt:fence-per-scope": "fences are per exact scope; an effect passes iff no covering scope is fenced",
    "halt:resume-names-fence": "a resume that does not name the latest fence of its scope has no effect",
    "halt:resume-covers-trips": "a trip whose cause a resume covers has no effect",
    "halt:left-by-person-only": "a halted chain is left only by a person's resume",
    "halt:applied-as-record": "a directive influences no decision before it is a record in that partition",
    "halt:abandons-unstarted": "the acknowledgement abandons unstarted admissions in the same append",
    "halt:names-in-flight": "the acknowledgement names in flight only calls that were started and inherited open ones",
    "halt:door-is-a-function": "the door's decisions are a function of its partition alone: replay gives the same ones",
    "halt:through-never-decreases": "the position of applied directives never decreases",
    "halt:door-waits-for-supervisor":
      "a door opens only under a fresh supervisor heartbeat beyond its claim, with its directives applied",
    "halt:stale-supervisor-degrades":
      "without a fresh supervisor heartbeat the door goes read-only, recorded before it takes effect",
    "halt:calls-wait-for-door":
      "while a door is closed or read-only model calls, sub-tasks and retries wait for it as tool calls do: deferred, no error, answered when it opens",
    "halt:acknowledged-by-every-owner": "a halt is done when every owner has acknowledged it",
    "halt:unproven-is-named": "an owner that does not answer in time is named UNPROVEN with its partition, exit code 4",
    "halt:between-counted": "effects admitted between order and acknowledgement are counted and shown",
    "halt:no-effect-after-log": "the raw log holds no valid admission of the scope between acknowledgement and resume",
    "halt:no-effect-after-journal":
      "the tool's own journal holds no effect that began after the acknowledgement and is not named in it",
    "halt:covers-descendants": "a halt of a chain covers its descendants by lineage",
    "halt:supervisor-agrees":
      "the supervisor runs the door's function over the log and reports a disagreement as a defect",
  },
  rules: {
    "rules:two-errors": "two errors in a row halt the chain",
    "rules:contradiction": "two results that contradict each other halt the chain",
    "rules:three-destructive": "three destructive effects in a row without a verification halt the chain",
    "rules:freeze": "a freeze refuses effects of its classes in its scope and time, with its reason",
    "rules:budget": "a chain that has used its steps, tokens or time is refused further calls",
    "rules:refusal-is-recorded": "each refusal is a record with code, reason, rule, version and evidence",
    "rules:claim-beside-fact": "a statement of an agent is recorded beside the fact that was looked up",
    "rules:deterministic": "the same records give the same state and decisions",
    "rules:duplicates-change-nothing": "a repeated record changes nothing",
    "rules:unknown-event": "an event of an unknown type leaves the state as it is",
    "rules:machines-decide":
      "the chain and agent machines decide legality; taking out a state or transition turns named tests red",
    "rules:shadow":
      "a rule in shadow records what it would have done and does nothing else; its mode stands in the policy",
  },
  supervisor: {
    "supervisor:breaker-across-chains":
      "failures of one tool in chains of two partitions open its breaker; a third chain is refused",
    "supervisor:breaker-scopes":
      "a tool, an agent and an agent at a tool have a breaker each, by one mechanism; an open one harms nobody else",
    "supervisor:breaker-whose-error":
      "a tool's failure counts for tool, pair and agent; a refusal for what the agent asked is never the tool's error",
    "supervisor:breaker-rates":
      "a breaker also opens when so many of the last calls failed or were slow, by more than one counterpart where one alone does not count",
    "supervisor:breaker-peers":
      "one agent alone never opens a tool's breaker for the others, one tool alone never opens an agent's",
    "supervisor:breaker-not-bypassed":
      "a call passes only with a grant of each breaker that is not closed, also when all of them are open",
    "supervisor:slow-probe": "the outcome of a probe decides although its grant has run out meanwhile",
    "supervisor:needed": "without the supervisor the same calls go through until the door goes read-only",
    "supervisor:breaker-isolated": "a breaker held open by a person stays open until that person's release",
    "supervisor:half-open-by-grants":
      "half-open probes are grants; the door spends only recorded grants; no grant, no probe",
    "supervisor:signal-id":
      "a signal is known by source partition, offset, rule and index; what is not higher is dropped",
    "supervisor:stage-retried": "a stage that did not start is tried again, without a rebalance",
    "supervisor:checkpoint-after-outputs": "a checkpoint is written after its outputs are acknowledged",
    "supervisor:restart-same-orders":
      "a restart between checkpoint and output issues the same orders, which take effect once",
    "supervisor:signals-are-input": "signals are input of a replay and are never made again",
  },
  flow: {
    "flow:hysteresis": "flow control takes hold at the upper mark and lets go at the lower one",
    "flow:totals": "an agent's load is counted over all partitions, a partition's by itself",
    "flow:lag": "a chain that waits too long to be begun, by the time of the records, throttles new ones",
    "flow:bounded-rate": "orders about one agent or partition come no faster than the policy says",
    "flow:throttled": "a throttled agent is given one new task per interval and partition",
    "flow:hard-share": "open chains of an agent in a partition end at its share of the pause mark, before any order",
    "flow:paused": "a paused agent is given no new tasks; submitters are told when to come again, spread in time",
    "flow:admitted-goes-on": "calls, outcomes and sub-tasks of chains that are admitted pass flow control",
    "flow:halts-first": "a halt is applied whatever flow control holds",
    "flow:by-hand": "what a person throttled or lifted stays so against orders of machines",
    "flow:slow-agent-bounded":
      "a slow agent under several times its load: open chains stay bounded, others go on, every task is done; without flow control they pile up",
    "flow:load-is-the-log": "reported load is what the records say, to within the distance of the marks",
  },
  drift: {
    "drift:index": "drift is measured by the population stability index of two windows of an agent's decisions",
    "drift:chance":
      "an agent that does not change is told to have drifted by chance once in a thousand windows at most",
    "drift:detected": "a window of decisions that differs from the reference is told once, with what moved most",
    "drift:minimum": "nothing is said before a window is full and a reference is there",
    "drift:deterministic": "the same decisions give the same findings, from any checkpoint on",
    "drift:bounded": "the state of drift is bounded whatever agents ask for",
    "drift:informs":
      "drift is a notice that changes no decision; an agent is halted for it only where the policy says so",
  },
  agents: {
    "agents:stale-refusals-asked-again":
      "after a person's resume the refusals that nothing rests on yet are asked again as new steps, alike in every later run; the others stand",
    "agents:inbox-after-acknowledgement":
      "a record enters an inbox after its event is acknowledged, with the event's id",
    "agents:inbox-retried-visibly":
      "an inbox that cannot be written is tried again ever more slowly, up to a bound, and its state is shown",
    "agents:reach-is-told":
      "an agent that cannot reach the log is degraded until what was out of reach answers, also where it has nothing to say",
    "agents:inbox-deduped": "a repeated inbox record changes nothing",
    "agents:reads-inbox-and-directives": "an agent process reads its inbox and the directives and nothing else",
    "agents:assignment-is-a-fact": "an agent runs a chain only under a recorded assignment followed by its journal",
    "agents:reassigned-without-life": "a chain without a sign of life is assigned again with incarnation plus one",
    "agents:old-incarnation-refused": "commands of an older incarnation are refused",
    "agents:resume-after-kill": "a chain whose process is killed resumes in another one, each side effect done once",
    "agents:results-in-log-order": "results reach a handler in log order, one per turn, live and replayed alike",
    "agents:parallel-calls-same-steps": "parallel calls get the same step numbers on replay",
    "agents:divergence-recorded":
      "a re-run that differs from the record yields Diverged with its position and runs nothing",
    "agents:machine-agent": "an agent written as an XState machine runs and resumes like a handler",
    "agents:subtask": "an agent hands a sub-task to another agent and gets its result",
    "agents:second-run-same-numbers":
      "two runs of one incarnation give the same command the same number, so that each is answered from the record",
    "agents:resend-same-bytes": "a command that was deferred or not answered is sent again with the same bytes",
    "agents:test-in-milliseconds": "a user's agent test runs on the in-memory bus without a broker",
  },
  arguments: {
    "arguments:by-reference":
      "arguments above 256 KiB stand in the blobs topic; they are decided, fired and tried again as if they stood in the record",
    "arguments:acknowledged-first": "content is acknowledged before the command that refers to it is made",
    "arguments:missing-refused": "what a command refers to and is not whole in the log is a refusal, and nothing runs",
    "arguments:forged-chunks-passed":
      "what others write into the topic of blobs changes no content that a record names",
    "arguments:bounded":
      "content has a bound, is read only for a sender who is who it says, and waits in a bounded memory",
  },
  timers: {
    "timers:on-the-log": "a handler's timer is a record with its time; whoever owns the partition then fires it, once",
    "timers:halt-and-deadline": "a halted chain's timers do not fire, and none outlives its chain or its deadline",
    "timers:lost-race": "a timer that lost a race is not waited for and takes no place among open calls",
    "timers:bounded-rate": "overdue timers fire at a bounded rate, and all of them in the end",
    "timers:survives-kill": "a sleep goes on while agent and gateway are away, and ends in another process",
    "timers:race-by-the-log":
      "the log decides a race, live and in every re-run alike; an arm that is not on it is told",
    "timers:machine-delays": "delays of a machine agent are timers on the log",
  },
  deploy: DEPLOY,
  time: {
    "time:never-backwards": "atMs is the larger of the last one in the partition and the clock",
    "time:clock-checked": "a clock beyond the bound of the broker's append time keeps the door closed or degrades it",
    "time:patience-grows":
      "a chain without a sign of life is given more time after each assignment that brought no command, up to eight times as much",
    "time:bounded-rate": "overdue timers, reassignments and resumed chains fire at a bounded rate",
    "time:timers-rebuilt": "timers are rebuilt on load; overdue ones fire at a bounded rate",
    "time:ownerless-time": "time without an owner does not count against active deadlines",
  },
  schemas: {
    "schemas:generated-fresh": "the generated types are those of the schemas",
    "schemas:lint": "a schema without defaults, docs or a sensitivity per field fails the lint",
    "schemas:frozen-compatible": "the schemas are compatible with each frozen version",
    "schemas:registered": "schemas are registered under the record's name with the compatibility set explicitly",
    "schemas:frames-interoperate": "our frames and the registry client's decode each other",
    "schemas:unknown-id": "an unknown schema id is looked up once and otherwise a dead letter",
    "schemas:codec-never-throws": "decoding never throws, whatever the bytes",
    "schemas:encode-strict": "a value that its schema does not allow is refused before anything takes effect",
    "schemas:offline-start": "every schema is at hand without a registry, under a built-in id that follows its layout",
    "schemas:family-checked": "a record of another family than the topic's is invalid",
    "schemas:unknown-value": "a value outside a vocabulary is read as unknown, never as another one",
    "schemas:poison-dead-lettered":
      "a bad record becomes a dead letter with bytes and reason, and the next good record is processed",
    "schemas:partition-frozen": "the partition of a chain id never changes between versions",
  },
  errors: {
    "errors:table-pinned": "each code keeps its disposition, exit code and status",
    "errors:documented": "each code is documented and each documented code exists",
    "errors:canonical-json": "equal values have one canonical form and one hash",
  },
  infra: {
    "infra:topics-idempotent": "applying the topics twice changes nothing; a topic with other settings is named",
    "infra:broker-choice":
      "the broker is the given one, else Docker, else a local JVM, else embedded, and the choice is printed",
    "infra:clean-stop": "a stop leaves no process, port or temporary folder",
    "infra:clear-failures": "a port in use, a missing Java and a broken download end with the next step to take",
    "infra:registry-restart": "schema ids survive a restart of the registry",
    "infra:compose": "the compose file starts every service and waits until each is healthy",
  },
  cli: CLI_PROMISES,
  outside: {
    "outside:packed-alone": "a packed package imports nothing outside of itself and nothing that it does not declare",
    "outside:init-refuses":
      "init refuses a bad name and a folder that is not empty, not writable or in the repository, and leaves nothing behind",
    "outside:tutorial": "each of the tutorial's six steps prints what the page says",
    "outside:oldest-node": "a project runs on the oldest Node that the packages name",
    "outside:runs": "npm install, npm test and npx busbar dev run in a new project from packed packages",
  },
  doctor: DOCTOR_PROMISES,
  demo: {
    "demo:harm-shown": "without the bus the tables are gone",
    "demo:freeze": "under a freeze nothing is lost and the agent's claim stands beside the fact",
    "demo:halt-proved": "after a halt in mid-run no effect is admitted, by the log and by the database's journal",
    "demo:resume": "an agent killed in mid-chain resumes and each side effect is done once",
    "demo:embedded": "on the embedded log the demo leaves the kill out and says so",
    "demo:leaves-nothing": "the end, a failure and an interrupt leave no process, port or temporary folder",
  },
  play: {
    "play:recorded-runs":
      "recorded runs go through the real bus and a report says per rule what it stopped against the labels",
    "play:first-stop": "a run is judged up to its first stop",
    "play:bad-line": "a bad line is reported with its number and skipped",
    "play:json": "-o json ends with one object: runs, skipped, calls, stopped, byRule",
    "play:messages-format": "plain OpenAI messages are accepted",
    ...PLAY_PROMISES,
  },
  evaluation: EVALUATION_PROMISES,
  chaos: {
    "chaos:hostile-agent-halted":
      "50 halts of a hostile agent: no effect after an acknowledgement that did not name it",
    "chaos:agents-killed": "20 killed agents: nothing lost, nothing done twice",
    "chaos:gateways-killed": "10 killed gateways: nothing lost, nothing fired twice, the rest named in doubt",
    "chaos:zombie-gateways": "10 suspended and replaced gateways fire nothing when they wake",
  },
  security: SECURITY,
  blast: BLAST_PROMISES,
  quorum: QUORUM_PROMISES,
  gate: GATE_PROMISES,
  guards: GUARD_PROMISES,
  simulation: {
    "simulation:checkers-green":
      "the real runtime keeps its promises under seeded interleavings and faults in virtual time",
    "simulation:seed-reproduces": "a seed is one interleaving: run again it gives the same log, byte for byte",
    "simulation:mutants-found": "each guard that is switched off is found by a checker",
  },
  toolchain: {
    "toolchain:install-when-stale":
      "a command installs the packages when they are missing or older than the lockfile, once",
    "toolchain:own-node": "a command runs on the repository's Node, whatever Node started it",
    "toolchain:signals-and-codes": "signals reach the child once and its exit code or signal is returned",
    "toolchain:layers": "an import against the layers fails the check, and each package has a layer",
    "toolchain:pure-packages": "a clock, timer, random number or Node module in a pure package fails the check",
    "toolchain:counts": "npm test shows levels and counts and fails when a level with files ran no test",
    "toolchain:docs-in-step": "dead links and banned words in documents fail the check",
  },
} as const;

/** One promise: `source` is the area of ARCHITECTURE.md that it belongs to. */
export interface Requirement {
  readonly id: string;
  readonly source: string;
  readonly behaviour: string;
}

/** Every promise, in the order of the areas. */
export const REQUIREMENTS: readonly Requirement[] = Object.entries(PROMISES).flatMap(([source, rules]) =>
  Object.entries(rules).map(([id, behaviour]) => ({ id, source, behaviour })),
);
