/** Model calls, sub-tasks and statements: steps of a chain that are no tool calls. Halts stop them like any other. */
import {
  type BusCommand,
  CONFIDENCE_NAME,
  covers,
  HANDOFF_NAME,
  isTimerDelay,
  MAX_TIMER_MS,
  type MessageOf,
  readRequest,
  requestHash,
  TIMER_NAME,
  timerHash,
  withMessages,
} from "@busbar/events";
import { canonicalJson, type ErrorCode, own, parseJson, sha256Hex, shortHash } from "@busbar/kernel";
import { approvesEach } from "../degradation/ladder.ts";
import { isUndeployed } from "../deployments.ts";
import { canChain } from "../machines/chain.ts";
import type { ChainState } from "../partition-state.ts";
import { isDerived } from "../taint.ts";
import { DEFAULT_MODEL, mayAsk, maySend, type Policy } from "../policy-document.ts";
import { type Deferral, deferCall, doorAgainst, lookAgainst, slotsAgainst } from "./deferral.ts";
import { type About, emit, type Turn } from "./turn.ts";

export interface Asked<T> {
  readonly command: T;
  readonly chain: ChainState;
  readonly policy: Policy;
  readonly causationId: string;
}

export type StepCommand = MessageOf<
  "CallModel" | "SendTask" | "MakeStatement" | "SetTimer" | "HandOff" | "ReportConfidence"
>;

export const about = (asked: Asked<StepCommand>): About => ({
  chain: asked.chain,
  causationId: asked.causationId,
  traceparent: asked.command.meta.traceparent,
  commandSeq: asked.command.meta.streamSeq,
});

export const callIdOf = (asked: Asked<StepCommand>): string => `${asked.chain.chainId}:${asked.command.step}`;

function canonical(text: string): string | null {
  const value = parseJson(text);
  return value === undefined ? null : canonicalJson(value);
}

/** Commands whose content is text and no JSON. */
const PLAIN: ReadonlySet<BusCommand["type"]> = new Set(["MakeStatement", "SetTimer", "HandOff", "ReportConfidence"]);

/** SHA-256 hex of what a command asks for, as agent and door count it: a re-run is compared with the record by it. */
export function contentHash(type: BusCommand["type"], content: string): string {
  if (PLAIN.has(type)) return sha256Hex(content);
  const value = parseJson(content);
  if (value === undefined) return sha256Hex(content);
  return type === "CallModel" ? requestHash(value) : sha256Hex(canonicalJson(value));
}

interface Refusal {
  readonly code: ErrorCode;
  readonly reason: string;
}

/** What a refusal names instead of a tool; names of tools hold no colon. */
export function refusedName(command: StepCommand): string {
  switch (command.type) {
    case "CallModel":
      return `model:${command.model}`;
    case "SendTask":
      return `agent:${command.agent}`;
    case "MakeStatement":
      return `statement:${command.subject}`;
    case "SetTimer":
      return `timer:${TIMER_NAME}`;
    case "HandOff":
      return `handoff:${HANDOFF_NAME}`;
    case "ReportConfidence":
      return `report:${CONFIDENCE_NAME}`;
  }
}

export function refuse(turn: Turn, asked: Asked<StepCommand>, content: string, refusal: Refusal): void {
  emit(turn, "EffectRefused", about(asked), {
    callId: callIdOf(asked),
    step: asked.command.step,
    tool: refusedName(asked.command),
    args: content,
    argsHash: contentHash(asked.command.type, content),
    effectKey: "",
    code: refusal.code,
    reason: refusal.reason,
    rule: "door",
    ruleVersion: 1,
    evidence: asked.chain.halted === null ? [] : [asked.chain.halted.fence],
  });
}

/** Steps and time that are used up. */
export function spent(turn: Turn, chain: ChainState, step: number): Refusal | null {
  if (step > chain.maxSteps) {
    return { code: "BUSBAR_STEPS_SPENT", reason: `the chain has used its ${chain.maxSteps} steps` };
  }
  const isOver = chain.deadlineAtMs > 0 && turn.env.atMs >= chain.deadlineAtMs;
  return isOver ? { code: "BUSBAR_DEADLINE_PASSED", reason: `the deadline ${chain.deadlineAtMs} has passed` } : null;
}

/** A halt that covers the chain, or a status in which the event would be illegal. */
export function stopped(turn: Turn, chain: ChainState, event: string): Refusal | null {
  if (chain.halted !== null) {
    const code = chain.halted.rule === "halt" ? "BUSBAR_HALT_ACTIVE" : "BUSBAR_CHAIN_HALTED";
    return { code, reason: `the chain is halted by ${chain.halted.rule}: ${chain.halted.reason}` };
  }
  for (const [scope, fence] of Object.entries(turn.state.fences)) {
    if (!covers(scope, { agent: chain.agent, lineage: chain.lineage })) continue;
    return { code: "BUSBAR_HALT_ACTIVE", reason: `${scope} is halted (fence ${fence.fence}): ${fence.reason}` };
  }
  return canChain(chain.status, event) ? null : { code: "BUSBAR_TASK_CLOSED", reason: `the chain is ${chain.status}` };
}

/** Whether the caps of a model and of its asker have a slot now. */
export function modelSlotAgainst(
  turn: Turn,
  { agent }: ChainState,
  callId: string,
  name: string,
  isFurtherAttempt: boolean,
): Deferral | null {
  return slotsAgainst(turn, { agent, kind: "model", name, callId, isFurtherAttempt });
}

/** True when the door lets neither models nor sub-tasks pass now, or no slot is free, and the call was put off. */
function isPutOff(turn: Turn, asked: Asked<MessageOf<"CallModel"> | MessageOf<"SendTask">>): boolean {
  const { command, chain } = asked;
  const callId = callIdOf(asked);
  const full = command.type === "CallModel" ? modelSlotAgainst(turn, chain, callId, command.model, false) : null;
  // A sub-task passes the door like a change.
  const look = command.type === "SendTask" ? lookAgainst(chain, turn.env.atMs) : null;
  const deferral = doorAgainst(turn.state, false) ?? look ?? full;
  if (deferral === null) return false;
  deferCall(turn, about(asked), { callId, commandType: command.type }, deferral);
  return true;
}

/** Tokens that the chain may not spend any more. */
function overspent({ budgetTokens, tokensUsed }: ChainState): Refusal | null {
  if (budgetTokens === 0 || tokensUsed < budgetTokens) return null;
  return { code: "BUSBAR_BUDGET_SPENT", reason: `${tokensUsed} of ${budgetTokens} tokens are spent` };
}

/** What stands against asking a model, now or once more. */
export function modelProblem(
  turn: Turn,
  asked: { readonly chain: ChainState; readonly policy: Policy; readonly model: string; readonly step: number },
): Refusal | null {
  const { chain, policy, model, step } = asked;
  const halt = stopped(turn, chain, "ModelCallAdmitted") ?? spent(turn, chain, step);
  if (halt !== null) return halt;
  if (!mayAsk(policy, chain.agent, model)) {
    return { code: "BUSBAR_TOOL_FORBIDDEN", reason: `agent ${chain.agent} may not ask model ${model}` };
  }
  return overspent(chain);
}

export function decideModelCall(turn: Turn, asked: Asked<MessageOf<"CallModel">>): void {
  const { command, chain, policy } = asked;
  const { model, step } = command;
  const request = canonical(command.request);
  const problem =
    modelProblem(turn, { chain, policy, model, step }) ??
    (request === null ? { code: "BUSBAR_INPUT_INVALID" as const, reason: "the request is not JSON" } : null) ??
    historyProblem(chain, request ?? "");
  if (problem !== null || request === null) {
    return refuse(turn, asked, command.request, problem ?? { code: "BUSBAR_INPUT_INVALID", reason: "" });
  }
  if (isPutOff(turn, asked)) return;
  emitModelAdmission(turn, about(asked), { chainId: chain.chainId, step, model, request, attempt: 1 });
}

/** Bytes of a conversation's messages, those that are referred to included. */
export const CONVERSATION_LIMIT_BYTES = 4 * 1024 * 1024;

/** What is wrong with what a request refers to: this chain has no such messages, or it is too much in all. */
function historyProblem(chain: ChainState, request: string): Refusal | null {
  const read = readRequest(parseJson(request));
  if (read === null) return null;
  const { history, messages } = read;
  if (history.head !== "") {
    const known = own(chain.conversations, history.head);
    if (known === undefined || known.messages !== history.messages || known.bytes !== history.bytes) {
      const reason = `the chain has no ${history.messages} messages (${history.bytes} bytes) with the head ${history.head}`;
      return { code: "BUSBAR_MESSAGES_UNKNOWN", reason };
    }
  }
  const { bytes } = withMessages(history, messages);
  if (bytes <= CONVERSATION_LIMIT_BYTES) return null;
  const reason = `the conversation has ${bytes} of ${CONVERSATION_LIMIT_BYTES} bytes: leave out what the model need not see`;
  return { code: "BUSBAR_RECORD_TOO_LARGE", reason };
}

interface ModelAdmission {
  readonly chainId: string;
  readonly step: number;
  readonly model: string;
  /** Canonical JSON. */
  readonly request: string;
  readonly attempt: number;
}

/** Admits one attempt of a model call. */
export function emitModelAdmission(turn: Turn, whose: About, admission: ModelAdmission): void {
  const { chainId, step, model, request, attempt } = admission;
  const { timeoutMs } = own(turn.state.policy?.models ?? {}, model) ?? DEFAULT_MODEL;
  const requestHash = contentHash("CallModel", request);
  const body = { callId: `${chainId}:${step}`, step, model, request, requestHash, attempt, timeoutMs };
  emit(turn, "ModelCallAdmitted", whose, body);
}

/** Id of a sub-task's chain: a repeated step names the same child. */
export function childChainId(parent: string, step: number): string {
  return shortHash("child", parent, String(step));
}

/** Longest line from a root to a chain, both counted: it rides on each of the chain's records. */
export const MAX_LINEAGE = 64;

function sendProblem(turn: Turn, asked: Asked<MessageOf<"SendTask">>): Refusal | null {
  const { chain, command, policy } = asked;
  const halt = stopped(turn, chain, "TaskSent") ?? spent(turn, chain, command.step);
  if (halt !== null) return halt;
  if (!maySend(policy, chain.agent, command.agent)) {
    return { code: "BUSBAR_TOOL_FORBIDDEN", reason: `agent ${chain.agent} may not send tasks to ${command.agent}` };
  }
  if (approvesEach(chain)) {
    return { code: "BUSBAR_TASK_CLOSED", reason: "a person approves each effect of the chain: it hands nothing on" };
  }
  if (chain.lineage.length >= MAX_LINEAGE) {
    return { code: "BUSBAR_CHILD_LIMIT", reason: `the chain has ${MAX_LINEAGE - 1} ancestors, the most there may be` };
  }
  if (isUndeployed(turn.state.deployments, command.agent)) {
    return { code: "BUSBAR_AGENT_UNDEPLOYED", reason: `agent ${command.agent} is undeployed` };
  }
  const open = Object.values(chain.children).filter((child) => child.open).length;
  if (open >= policy.limits.maxChildren) {
    return { code: "BUSBAR_CHILD_LIMIT", reason: `the chain already has ${open} open sub-tasks` };
  }
  // There is nothing to carve a budget out of; a child without a bound would be its parent's way around its own.
  return overspent(chain);
}

export function decideSend(turn: Turn, asked: Asked<MessageOf<"SendTask">>): void {
  const { chain, command } = asked;
  const input = canonical(command.input);
  const problem =
    sendProblem(turn, asked) ??
    (input === null ? { code: "BUSBAR_INPUT_INVALID" as const, reason: "the input is not JSON" } : null);
  if (problem !== null || input === null) {
    return refuse(turn, asked, command.input, problem ?? { code: "BUSBAR_INPUT_INVALID", reason: "" });
  }
  if (isPutOff(turn, asked)) return;
  emit(turn, "TaskSent", about(asked), {
    callId: callIdOf(asked),
    step: command.step,
    childChainId: childChainId(chain.chainId, command.step),
    agent: command.agent,
    input,
    argsHash: sha256Hex(input),
    // Deadlines are inherited; half of what is left of the budget is carved out for the child.
    deadlineAtMs: chain.deadlineAtMs,
    untrusted: isDerived(chain, input),
    budgetTokens: chain.budgetTokens === 0 ? 0 : Math.max(1, Math.floor((chain.budgetTokens - chain.tokensUsed) / 2)),
  });
}

/** A statement is never refused for a halt: it changes nothing, and what an agent claims is evidence. */
export function decideStatement(turn: Turn, asked: Asked<MessageOf<"MakeStatement">>): void {
  const { command, policy } = asked;
  if (!Object.hasOwn(policy.statements, command.subject)) {
    const reason = `no authority is declared for statements about ${command.subject}`;
    return refuse(turn, asked, command.statement, {
      code: "BUSBAR_TOOL_UNKNOWN",
      reason,
    });
  }
  emit(turn, "StatementRecorded", about(asked), {
    callId: callIdOf(asked),
    step: command.step,
    subject: command.subject,
    statement: command.statement,
    argsHash: sha256Hex(command.statement),
  });
}

/** A timer changes nothing, so it needs no open door; halts, steps and the deadline stand against it as against any call. */
export function decideTimer(turn: Turn, asked: Asked<MessageOf<"SetTimer">>): void {
  const { command, chain } = asked;
  const { step, delayMs } = command;
  const problem =
    stopped(turn, chain, "TimerSet") ??
    spent(turn, chain, step) ??
    (isTimerDelay(delayMs)
      ? null
      : { code: "BUSBAR_INPUT_INVALID" as const, reason: `a timer of ${delayMs} ms: 0 to ${MAX_TIMER_MS} ms` });
  if (problem !== null) return refuse(turn, asked, String(delayMs), problem);
  const argsHash = timerHash(delayMs);
  const dueAtMs = Math.max(turn.env.atMs, turn.state.atMs) + delayMs;
  emit(turn, "TimerSet", about(asked), { callId: callIdOf(asked), step, delayMs, dueAtMs, argsHash });
}
