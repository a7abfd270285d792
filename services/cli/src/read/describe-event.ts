/** One event as one line for a person: what happened, without ids that stand in other columns. Pure. */
import type { AppliedDirective, BusEvent, MessageOf } from "@busbar/events";

type Describe = { readonly [T in BusEvent["type"]]?: (event: MessageOf<T>) => string };

const because = (reason: string): string => (reason === "" ? "" : `: ${reason}`);
const attemptOf = (attempt: number): string => (attempt > 1 ? `, attempt ${attempt}` : "");
const again = ({ final, retryAtMs, meta }: MessageOf<"EffectFailed" | "ModelCallFailed">): string => {
  if (final) return "";
  return retryAtMs === 0 ? " (tried again)" : ` (tried again in ${retryAtMs - meta.atMs} ms)`;
};
const unusable = (problems: MessageOf<"ModelCallCompleted">["problems"] = []): string =>
  problems.length === 0 ? "" : `; unusable: ${problems.map(({ tool, reason }) => `${tool}, ${reason}`).join("; ")}`;
const applied = (list: readonly AppliedDirective[]): string =>
  list.length === 0
    ? "nothing new"
    : list.map(({ kind, scope, id }) => [kind, scope === "" ? id : scope].join(" ")).join(", ");

const DESCRIBE: Describe = {
  PartitionClaimed: ({ owner }) => `by ${owner}`,
  PartitionReleased: ({ owner, reason }) => `by ${owner}${because(reason)}`,
  DoorOpened: ({ supervisor }) => `under the heartbeat of ${supervisor}`,
  DoorDegraded: ({ reason }) => `read-only${because(reason)}`,
  DirectivesApplied: (event) => applied(event.applied),
  HaltAcknowledged: (event) =>
    `${applied(event.applied)}; abandoned ${event.abandoned.length}, in flight ${event.inFlight.length}`,
  LogGap: ({ topic, expected, found }) => `${topic}: o${expected} is gone, next is o${found}`,
  CommandRejected: ({ commandType, code, reason }) => `${commandType} ${code}${because(reason)}`,
  CommandDeferred: ({ commandType, code, expected, retryAfterMs, reason }) =>
    expected > 0
      ? `${commandType} ${code}, expected ${expected}`
      : `${commandType} ${code}, again in ${retryAfterMs} ms${because(reason)}`,
  ApprovalRequested: ({ step, tool, rule, reason, args }) =>
    `step ${step} ${tool} waits for a person, by ${rule}${because(reason)} ${args}`,
  ApprovalGranted: ({ tool, by, reason }) => `${tool} by ${by}${because(reason)}`,
  ApprovalDenied: ({ tool, by, reason }) => `${tool} by ${by}${because(reason)}`,
  VerdictsRequested: ({ tool, judges }) => `${tool}: ${judges.join(", ")}`,
  VerdictGiven: ({ judge, agrees, reason }) => `${judge} ${agrees ? "agrees" : "does not agree"}${because(reason)}`,
  GateDue: ({ calls, reason }) => `after ${calls} tool calls${because(reason)}`,
  GatePassed: ({ calls, evidence, by }) => `after ${calls} tool calls: ${evidence.length} ${by}`,
  GateFailed: ({ reason }) => reason,
  RuleShadowed: ({ rule, would, reason }) => `${rule} would ${would}${because(reason)}`,
  ApprovalExpired: ({ tool, reason }) => `${tool}${because(reason)}`,
  RollbackStarted: ({ target, undos, impossible, by }) =>
    `of chain ${target} by ${by}: ${undos.length} undone in turn, ${impossible.length} not`,
  HandedOff: ({ question, rule }) => `${rule === "" ? "asked by the agent" : `by ${rule}`}: ${question}`,
  HandOffTaken: ({ by, reason }) => `by ${by}${because(reason)}`,
  HandOffAnswered: ({ by, answer, reason }) => `by ${by} ${answer}${because(reason)}`,
  ConfidenceReported: ({ step, percent, about }) => `step ${step} ${percent} %${because(about)}`,
  ScopeNarrowed: ({ rung, rule, reason }) => `${rung} by ${rule}${because(reason)}`,
  EffectAwaited: ({ step, tool }) => `step ${step} waits for ${tool}`,
  TaskSubmitted: ({ agent, input }) => `to ${agent} ${input}`,
  TaskAlreadyKnown: ({ state }) => `as ${state}`,
  TaskAssigned: ({ agent, incarnation, version, reason }) =>
    `to ${agent}${version === "" ? "" : `@${version}`}, incarnation ${incarnation}${because(reason)}`,
  TaskCompleted: ({ output }) => output,
  TaskFailed: ({ code, reason }) => `${code}${because(reason)}`,
  ChainDegraded: ({ rule, reason }) => `by ${rule}${because(reason)}`,
  ChainHalted: ({ rule, reason }) => `by ${rule}${because(reason)}`,
  ChainResumed: ({ by, reason }) => `by ${by}${because(reason)}`,
  TimerFired: ({ timer }) => timer,
  TimerSet: ({ step, delayMs }) => `step ${step} for ${delayMs} ms`,
  Diverged: ({ step, expected, actual }) => `step ${step} was ${expected} and is ${actual}`,
  EffectAdmitted: ({ step, tool, effectClass, attempt, args }) =>
    `step ${step} ${tool} (${effectClass}${attemptOf(attempt)}) ${args}`,
  EffectCommitted: ({ tool, durationMs, result }) => `${tool} in ${durationMs} ms ${result}`,
  EffectCommittedInvalid: ({ tool, reason }) => `${tool}${because(reason)}`,
  EffectFailed: (event) => `${event.tool} ${event.code}${because(event.reason)}${again(event)}`,
  EffectInDoubt: ({ tool, code, reason }) => `${tool} ${code}${because(reason)}`,
  EffectSettled: ({ tool, outcome, by, reason }) => `${tool} ${outcome} by ${by}${because(reason)}`,
  EffectVerified: ({ tool, by, seen }) => `${tool} shows in ${by} ${seen}`,
  EffectDisputed: ({ tool, by, expected, seen, reason }) =>
    `${tool} does not show in ${by}${because(reason)}; expected ${expected}, seen ${seen === "" ? "nothing" : seen}`,
  EffectContradicted: ({ reason }) => reason,
  EffectAbandoned: ({ tool, reason }) => `${tool}${because(reason)}`,
  EffectAlreadyDone: ({ step, tool, originalOffset }) => `step ${step} ${tool} at o${originalOffset}`,
  EffectRefused: ({ step, tool, code, reason }) => `step ${step} ${tool} ${code}${because(reason)}`,
  ModelCallAdmitted: ({ step, model, attempt }) => `step ${step} ${model}${attemptOf(attempt)}`,
  ModelCallCompleted: ({ model, durationMs, inputTokens, outputTokens, estimated, problems }) =>
    `${model} in ${durationMs} ms, ${estimated ? "about " : ""}${inputTokens}+${outputTokens} tokens${unusable(problems)}`,
  ModelCallFailed: (event) => `${event.model} ${event.code}${because(event.reason)}${again(event)}`,
  TaskSent: ({ step, agent, childChainId, input }) => `step ${step} to ${agent}, chain ${childChainId} ${input}`,
  SubtaskFinished: ({ childChainId, state, output }) => `chain ${childChainId} ${state} ${output}`,
  StatementRecorded: ({ step, subject, statement }) => `step ${step} ${subject}: ${statement}`,
  StatementChecked: ({ subject, agrees, fact, source }) =>
    `${subject} ${agrees ? "agrees with" : "is REFUTED by"} ${source}: ${fact}`,
};

export function describeEvent(event: BusEvent): string {
  const describe = DESCRIBE[event.type] as ((one: BusEvent) => string) | undefined;
  return describe === undefined ? "" : describe(event);
}
