/**
 * Commands at the door (PROTOCOL 4.1, 4.2): who may ask, in which order, and what each command becomes. Every command
 * yields at least one event. A deferred command was not consumed: the sender sends the same bytes again.
 */
import type { BusCommand, MessageOf } from "@busbar/events";
import {
  asideOf,
  CONFIDENCE_NAME,
  confidenceHash,
  HANDOFF_NAME,
  partitionOf,
  TIMER_NAME,
  timerHash,
} from "@busbar/events";
import { type ErrorCode, own, utf8Length } from "@busbar/kernel";
import { isLeftToPerson } from "../degradation/ladder.ts";
import { canChain } from "../machines/chain.ts";
import type { CallState, ChainState } from "../partition-state.ts";
import { decideToolCall } from "./admit.ts";
import { decideWord } from "./approvals.ts";
import { judgeAnswer, refuseAnswer } from "./answers.ts";
import { reassign } from "./assign.ts";
import { contentHash, decideModelCall, decideSend, decideStatement, decideTimer, refusedName } from "./calls.ts";
import { lookAgainst } from "./deferral.ts";
import { decideConfidence, decideHandOff, decideHandOffWord } from "./hand-offs.ts";
import type { Input } from "./inputs.ts";
import { decideRollBack } from "./rollback.ts";
import { settleByPerson } from "./settle.ts";
import { decideSubmit, decideSubtaskReport } from "./tasks.ts";
import { isDerived } from "../taint.ts";
import { type About, emit, type Turn } from "./turn.ts";

type CommandInput = Extract<Input, { kind: "command" }>;

/** Arguments, requests, inputs and outputs larger than this are refused to their author (bytes of JSON text). */
export const PAYLOAD_LIMIT_BYTES = 262_144;

const positionOf = (input: { readonly topic: string; readonly offset: bigint }, partition: number): string =>
  `${input.topic}/${partition}/${input.offset}`;

/** Open calls of one chain at most, whatever the policy says: an outcome and the answers of all that waited for it are one append. */
export const MAX_OPEN_CALLS = 128;

/** Names that nobody has checked yet go into records in bounded length. */
const short = (name: string): string => name.slice(0, 200);

const callIdOf = (command: BusCommand): string =>
  "step" in command ? `${short(command.meta.chainId)}:${command.step}` : "";

function aboutCommand(turn: Turn, input: CommandInput): About {
  const { meta } = input.command;
  const chain = own(turn.state.chains, meta.chainId);
  const causationId = positionOf(input, turn.state.partition);
  const common = { causationId, traceparent: meta.traceparent };
  return chain === undefined
    ? { ...common, chainId: short(meta.chainId), agent: short(meta.agent) }
    : { ...common, chain };
}

/** The records of one command, with room for what comes of it, fill more than one append. */
export function rejectTooLarge(turn: Turn, given: CommandInput): void {
  const input = bounded(given);
  reject(
    turn,
    input,
    "BUSBAR_RECORD_TOO_LARGE",
    `its records are larger than an append of ${turn.env.batchBytes} bytes`,
  );
}

function reject(turn: Turn, input: CommandInput, code: ErrorCode, reason: string): void {
  const { command, topic, offset } = input;
  const callId = callIdOf(command);
  // The asker's incarnation, not the chain's: an old run must learn that it is over.
  const about = { ...aboutCommand(turn, input), incarnation: command.meta.incarnation };
  const body = { code, reason, commandType: command.type, topic, offset: offset.toString(), callId };
  emit(turn, "CommandRejected", about, body);
}

function defer(turn: Turn, input: CommandInput, code: ErrorCode, expected: number, retryAfterMs: number): void {
  const { command } = input;
  const callId = callIdOf(command);
  const about = { ...aboutCommand(turn, input), incarnation: command.meta.incarnation };
  const body = { code, expected, retryAfterMs, commandType: command.type, callId, reason: "", waitsFor: [] };
  emit(turn, "CommandDeferred", about, body);
}

/** Bytes of text that a command brings along and that ends in records; what was put aside does not. */
function sizeOf(command: BusCommand): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(command)) {
    if (typeof value === "string" && asideOf(command, name) === null) bytes += utf8Length(value);
  }
  return bytes;
}

/** Only a tool's arguments stand aside; everything else has its bound in the record. */
const isPutAside = (command: BusCommand): boolean => command.meta.claimCheck !== null;
const mayPutAside = (command: BusCommand): boolean => command.type === "CallTool" && asideOf(command, "args") !== null;

/** What is wrong with a command whatever the chain's state; null when nothing is. */
function problemOf(turn: Turn, input: CommandInput): { readonly code: ErrorCode; readonly reason: string } | null {
  const { command, authProblem, principal } = input;
  const { state, env } = turn;
  if (authProblem !== null) {
    const code = input.source === "control" ? "BUSBAR_SIGNATURE_INVALID" : "BUSBAR_AUTH_FAILED";
    return { code, reason: `${short(principal)}: ${authProblem}` };
  }
  if (command.meta.replay) return { code: "BUSBAR_INPUT_INVALID", reason: "a replayed command cannot act" };
  if (isPutAside(command) && !mayPutAside(command)) {
    return { code: "BUSBAR_INPUT_INVALID", reason: "only the arguments of a tool may be put aside" };
  }
  const { chainId } = command.meta;
  if (partitionOf(chainId, env.partitionCount) !== state.partition) {
    return {
      code: "BUSBAR_CHAIN_MISPLACED",
      reason: `chain ${short(chainId)} does not hash to partition ${state.partition}`,
    };
  }
  // What a gateway forwards was checked where it came in.
  const bytes = principal === "gateway" ? 0 : sizeOf(command);
  if (bytes <= PAYLOAD_LIMIT_BYTES) return null;
  return { code: "BUSBAR_RECORD_TOO_LARGE", reason: `${bytes} of ${PAYLOAD_LIMIT_BYTES} bytes` };
}

/** A W3C traceparent has 55 characters; what is much longer is none and travels no further. */
const TRACE_CHARACTERS = 128;

function bounded(input: CommandInput): CommandInput {
  const { command } = input;
  if (command.meta.traceparent.length <= TRACE_CHARACTERS) return input;
  return { ...input, command: { ...command, meta: { ...command.meta, traceparent: "" } } };
}

/** Decides one command. */
export function decideCommand(turn: Turn, given: CommandInput): void {
  const input = bounded(given);
  const { command, principal } = input;
  const problem = problemOf(turn, input);
  if (problem !== null) return reject(turn, input, problem.code, problem.reason);
  const causationId = positionOf(input, turn.state.partition);
  switch (command.type) {
    case "SubmitTask":
      return decideSubmit(turn, { command, principal, causationId });
    case "ReportSubtask":
      if (principal !== "gateway") return reject(turn, input, "BUSBAR_AUTH_FAILED", "only a gateway reports sub-tasks");
      return decideSubtaskReport(turn, command, causationId);
    case "SettleEffect":
      if (!isPerson(input)) return reject(turn, input, "BUSBAR_AUTH_FAILED", "only a person settles");
      return settleByPerson(turn, command, principal, causationId);
    case "ApproveEffect":
    case "DenyEffect":
      if (!isPerson(input)) return reject(turn, input, "BUSBAR_AUTH_FAILED", "only a person approves");
      return decideWord(turn, command, principal, causationId);
    case "RollBack":
      return decideRollBack(turn, { command, principal, isPerson: isPerson(input), causationId });
    case "TakeHandOff":
    case "AnswerHandOff":
      if (!isPerson(input)) return reject(turn, input, "BUSBAR_AUTH_FAILED", "only a person takes and answers");
      return decideHandOffWord(turn, command, principal, causationId);
    default:
      return decideAgentCommand(turn, input, command);
  }
}

/** A signed order of a person, by the topic that no agent writes to. */
const isPerson = ({ source, principal }: CommandInput): boolean =>
  source === "control" && principal.startsWith("operator:");

type PeopleCommand = "SettleEffect" | "ApproveEffect" | "DenyEffect" | "TakeHandOff" | "AnswerHandOff" | "RollBack";
type AgentCommand = Exclude<BusCommand, { type: "SubmitTask" | "ReportSubtask" | PeopleCommand }>;

function chainProblem(turn: Turn, input: CommandInput): { readonly code: ErrorCode; readonly reason: string } | null {
  const { meta } = input.command;
  const chain = own(turn.state.chains, meta.chainId);
  if (chain === undefined) {
    const closed = own(turn.state.closed, meta.chainId);
    if (closed !== undefined) return { code: "BUSBAR_TASK_CLOSED", reason: `the chain is ${closed.state}` };
    return { code: "BUSBAR_CHAIN_UNKNOWN", reason: `no task opened chain ${short(meta.chainId)}` };
  }
  if (meta.agent !== chain.agent || input.principal !== `agent:${chain.agent}`) {
    return { code: "BUSBAR_AUTH_FAILED", reason: `the chain belongs to agent ${chain.agent}` };
  }
  if (chain.version !== "" && meta.codeVersion !== chain.version) {
    const reason = `the chain runs on version ${chain.version}; the command is of ${short(meta.codeVersion)}`;
    return { code: "BUSBAR_VERSION_MISMATCH", reason };
  }
  return null;
}

function decideAgentCommand(turn: Turn, input: CommandInput, command: AgentCommand): void {
  const problem = chainProblem(turn, input);
  if (problem !== null) return reject(turn, input, problem.code, problem.reason);
  const chain = own(turn.state.chains, command.meta.chainId);
  if (chain === undefined) return;
  if (command.type === "RequestJournal") return giveJournal(turn, input, command, chain);
  const { incarnation, streamSeq } = command.meta;
  if (incarnation !== chain.incarnation) {
    const reason = `the chain is at incarnation ${chain.incarnation}; the command is of ${incarnation}`;
    return reject(turn, input, "BUSBAR_INCARNATION_OLD", reason);
  }
  if (streamSeq <= chain.sequence) return repeatCommand(turn, input, command, chain);
  if (streamSeq > chain.sequence + 1) return defer(turn, input, "BUSBAR_SEQUENCE_GAP", chain.sequence + 1, 0);
  decideStep(turn, input, command, chain);
}

/**
 * An older sequence is answered from the record. Where the record holds nothing of its step, it was never sent before:
 * a second run of the incarnation counts anew (its assignment came to two processes), and must end for a new one.
 */
function repeatCommand(turn: Turn, input: CommandInput, command: AgentCommand, chain: ChainState): void {
  const isRecorded = chain.halted !== null || own(chain.calls, callIdOf(command)) !== undefined;
  if (isRecorded) return defer(turn, input, "BUSBAR_DUPLICATE", chain.sequence + 1, 0);
  const reason = `command ${command.meta.streamSeq} of incarnation ${chain.incarnation} was another one`;
  reject(turn, input, "BUSBAR_INCARNATION_OLD", reason);
}

function giveJournal(turn: Turn, input: CommandInput, command: MessageOf<"RequestJournal">, chain: ChainState): void {
  if (chain.halted !== null) return reject(turn, input, "BUSBAR_CHAIN_HALTED", chain.halted.reason);
  reassign(turn, chain.chainId, `the journal was asked for: ${short(command.reason)}`);
}

function decideStep(turn: Turn, input: CommandInput, command: AgentCommand, chain: ChainState): void {
  if (command.type === "CompleteTask" || command.type === "FailTask") return finish(turn, input, command, chain);
  if (command.type === "ReportDivergence") return diverge(turn, input, command, chain);
  if (command.type === "RequestJournal") return;
  const known = chain.calls[`${chain.chainId}:${command.step}`];
  if (known !== undefined) return repeatStep(turn, input, command, chain, known);
  const limits = turn.state.policy?.limits;
  if (limits === undefined) return defer(turn, input, "BUSBAR_DOOR_CLOSED", 0, 250);
  const open = Object.values(chain.calls).filter(isUnderWay).length;
  if (open >= Math.min(limits.maxOpenCalls, MAX_OPEN_CALLS)) return defer(turn, input, "BUSBAR_OVERLOADED", 0, 250);
  decideCall(turn, input, command, chain);
}

/** Something is done elsewhere for it. A timer is not: it takes no place, and ends with its chain; so does a hand-off. */
const isUnderWay = ({ status, kind }: CallState): boolean =>
  status !== "answered" && kind !== "timer" && kind !== "handoff";

type CallCommand = Exclude<AgentCommand, { type: "CompleteTask" | "FailTask" | "ReportDivergence" | "RequestJournal" }>;

function decideCall(turn: Turn, input: CommandInput, command: CallCommand, chain: ChainState): void {
  const policy = turn.state.policy;
  if (policy === null) return;
  const causationId = positionOf(input, turn.state.partition);
  const call = { chain, policy, causationId };
  switch (command.type) {
    case "CallTool":
      return decideToolCall(turn, { ...call, command, contentProblem: input.contentProblem ?? null });
    case "CallModel":
      return decideModelCall(turn, { ...call, command });
    case "SendTask":
      return decideSend(turn, { ...call, command });
    case "MakeStatement":
      return decideStatement(turn, { ...call, command });
    case "SetTimer":
      return decideTimer(turn, { ...call, command });
    case "HandOff":
      return decideHandOff(turn, { ...call, command });
    case "ReportConfidence":
      return decideConfidence(turn, { ...call, command });
  }
}

interface Content {
  readonly kind: CallState["kind"];
  readonly name: string;
  readonly hash: string;
}

function contentOf(command: CallCommand): Content {
  switch (command.type) {
    case "CallTool":
      return { kind: "tool", name: command.tool, hash: contentHash(command.type, command.args) };
    case "CallModel":
      return { kind: "model", name: command.model, hash: contentHash(command.type, command.request) };
    case "SendTask":
      return { kind: "task", name: command.agent, hash: contentHash(command.type, command.input) };
    case "MakeStatement":
      return { kind: "statement", name: command.subject, hash: contentHash(command.type, command.statement) };
    case "SetTimer":
      return { kind: "timer", name: TIMER_NAME, hash: timerHash(command.delayMs) };
    case "HandOff":
      return { kind: "handoff", name: HANDOFF_NAME, hash: contentHash(command.type, command.question) };
    case "ReportConfidence":
      return { kind: "report", name: CONFIDENCE_NAME, hash: confidenceHash(command.percent, command.about) };
  }
}

/** Kind, name and content, or the name under which such a call was refused. */
function isSameCall(known: CallState, command: CallCommand, asked: Content): boolean {
  if (known.argsHash !== asked.hash) return false;
  if (known.kind === asked.kind) return known.name === asked.name;
  return known.kind === "tool" && command.type !== "CallTool" && known.name === refusedName(command);
}

/** A step that is recorded: the same call is answered again, another one is a divergence. */
function repeatStep(turn: Turn, input: CommandInput, command: CallCommand, chain: ChainState, known: CallState): void {
  const asked = contentOf(command);
  if (isSameCall(known, command, asked)) return defer(turn, input, "BUSBAR_DUPLICATE", chain.sequence + 1, 0);
  const expected = `${known.kind} ${known.name} ${known.argsHash.slice(0, 12)}`;
  recordDivergence(
    turn,
    input,
    command.step,
    expected,
    `${asked.kind} ${short(asked.name)} ${asked.hash.slice(0, 12)}`,
  );
}

function recordDivergence(turn: Turn, input: CommandInput, step: number, expected: string, actual: string): void {
  const about = { ...aboutCommand(turn, input), commandSeq: input.command.meta.streamSeq };
  const evidence = emit(turn, "Diverged", about, { step, expected, actual });
  const reason = `step ${step} was ${expected} and is now ${actual}`;
  emit(turn, "ChainHalted", about, { rule: "divergence", ruleVersion: 1, reason, evidence: [evidence], directive: "" });
}

function diverge(turn: Turn, input: CommandInput, command: MessageOf<"ReportDivergence">, chain: ChainState): void {
  if (chain.halted !== null) return reject(turn, input, "BUSBAR_CHAIN_HALTED", chain.halted.reason);
  recordDivergence(turn, input, command.step, short(command.expected), short(command.actual));
}

const RETRY_OPEN_MS = 200;
/** What a person has to settle first may take hours, and each time it is asked is a record. */
const RETRY_PERSON_MS = 3000;

function finish(
  turn: Turn,
  input: CommandInput,
  command: MessageOf<"CompleteTask"> | MessageOf<"FailTask">,
  chain: ChainState,
): void {
  const type = command.type === "CompleteTask" ? "TaskCompleted" : "TaskFailed";
  if (!canChain(chain.status, type)) {
    return reject(turn, input, "BUSBAR_CHAIN_HALTED", chain.halted?.reason ?? `the chain is ${chain.status}`);
  }
  const open = Object.values(chain.calls).filter(isUnderWay);
  // A chain does not end before what it did was looked at.
  const look = open.every(({ status }) => status === "unverified") ? lookAgainst(chain, turn.env.atMs) : null;
  if (look !== null) return defer(turn, input, look.code, 0, look.retryAfterMs);
  const waitsForPerson = open.some((call) => isLeftToPerson(call) || call.status === "held");
  const retryMs = waitsForPerson ? RETRY_PERSON_MS : RETRY_OPEN_MS;
  if (open.length > 0) return defer(turn, input, "BUSBAR_CALLS_OPEN", 0, retryMs);
  const about = { ...aboutCommand(turn, input), commandSeq: command.meta.streamSeq };
  if (command.type === "FailTask") {
    emit(turn, "TaskFailed", about, { code: command.code, reason: command.reason });
    return;
  }
  const { problem, cites } = judgeAnswer(turn, chain, command.output);
  if (problem !== null) return refuseAnswer(turn, about, command, problem);
  const { output } = command;
  emit(turn, "TaskCompleted", about, { output, untrusted: isDerived(chain, output), cites: [...cites] });
}

/** Input that nobody could read: one rejection on the log; bytes and reason go to the dead letters. */
export function decideUndecodable(turn: Turn, input: Extract<Input, { kind: "undecodable" }>): void {
  const { code, reason, topic, offset } = input;
  const causationId = positionOf(input, turn.state.partition);
  emit(
    turn,
    "CommandRejected",
    { causationId },
    { code, reason, commandType: "", topic, offset: offset.toString(), callId: "" },
  );
}
