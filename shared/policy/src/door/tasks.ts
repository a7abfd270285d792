/** Tasks: how chains are opened, given to agents and ended (PROTOCOL 4.3, 4.6). */
import { covers, type MessageOf } from "@busbar/events";
import { canonicalJson, type ErrorCode, own, parseJson, shortHash } from "@busbar/kernel";
import { flowAgainst } from "../flow/at-door.ts";
import { isUndeployed } from "../deployments.ts";
import type { ChainState } from "../partition-state.ts";
import { reassign } from "./assign.ts";
import { type About, emit, type Turn } from "./turn.ts";

/** Chain of a client's task: the same key names the same task for ever. */
export function taskChainId(taskKey: string): string {
  return shortHash("task", taskKey);
}

interface Submission {
  readonly command: MessageOf<"SubmitTask">;
  readonly principal: string;
  readonly causationId: string;
}

/** What is older than finished tasks are remembered may have been done and forgotten. */
function forgottenProblem({ state, env }: Turn, sentAtMs: number): string | null {
  if (sentAtMs <= 0) return null;
  const keptMs = state.policy?.limits.closedChainsMs ?? Number.MAX_SAFE_INTEGER;
  if (sentAtMs + keptMs < env.atMs) return `the command is older than ${keptMs} ms`;
  return sentAtMs <= state.forgottenMs ? "the command is older than the tasks that are remembered" : null;
}

function submitProblem(turn: Turn, { command, principal }: Submission): string | null {
  const { meta, parentChainId } = command;
  const { policy } = turn.state;
  if (parentChainId !== "" && principal !== "gateway") return "only a gateway opens a sub-task";
  // An agent asks for work of others by SendTask, which its policy and its chain's halts bound.
  if (principal !== "gateway" && !principal.startsWith("client:")) return "only a client opens a chain";
  if (parentChainId === "" && meta.chainId !== taskChainId(command.taskKey)) return "the chain is not the key's chain";
  if (parseJson(command.input) === undefined) return "the input is not JSON";
  const forgotten = forgottenProblem(turn, meta.atMs);
  if (forgotten !== null) return forgotten;
  if (policy !== null && !Object.hasOwn(policy.agents, command.agent)) return `no agent is named ${command.agent}`;
  return null;
}

function answerKnown(turn: Turn, submission: Submission): boolean {
  const { command, causationId } = submission;
  const { chainId } = command.meta;
  const open = turn.state.chains[chainId];
  const closed = turn.state.closed[chainId];
  if (open === undefined && closed === undefined) return false;
  const state = open?.status ?? closed?.state ?? "";
  const about = open === undefined ? { chainId, agent: command.agent, causationId } : { chain: open, causationId };
  emit(turn, "TaskAlreadyKnown", about, { taskKey: command.taskKey, state, outcomeOffset: closed?.outcome ?? "" });
  return true;
}

export function decideSubmit(turn: Turn, submission: Submission): void {
  const { command, causationId } = submission;
  const { chainId, traceparent } = command.meta;
  const common = { chainId, agent: command.agent, causationId, traceparent };
  if (turn.state.policy === null || turn.state.openChains >= turn.state.policy.limits.maxOpenChains) {
    const code = turn.state.policy === null ? "BUSBAR_DOOR_CLOSED" : "BUSBAR_OVERLOADED";
    return deferSubmit(turn, common, code, 250);
  }
  const problem = submitProblem(turn, submission);
  if (problem !== null) return rejectSubmit(turn, submission, "BUSBAR_INPUT_INVALID", problem);
  if (answerKnown(turn, submission)) return;
  if (command.parentChainId === "" && isUndeployed(turn.state.deployments, command.agent)) {
    return rejectSubmit(turn, submission, "BUSBAR_AGENT_UNDEPLOYED", undeployed(command.agent));
  }
  if (isPutOff(turn, submission)) return;
  openTask(turn, submission);
}

function deferSubmit(turn: Turn, about: About, code: ErrorCode, retryAfterMs: number, reason = ""): void {
  const body = { code, expected: 0, retryAfterMs, commandType: "SubmitTask", callId: "", reason, waitsFor: [] };
  emit(turn, "CommandDeferred", about, body);
}

/** Flow control is asked for root tasks alone: what an admitted chain hands on belongs to its admission. */
function isPutOff(turn: Turn, submission: Submission): boolean {
  const { command, causationId } = submission;
  const { chainId, traceparent } = command.meta;
  if (command.parentChainId !== "") return false;
  const verdict = flowAgainst(turn.state, { agent: command.agent, chainId }, turn.env.partitionCount, turn.env.atMs);
  if (verdict === null) return false;
  const about = { chainId, agent: command.agent, causationId, traceparent };
  if (verdict.kind === "shed") rejectSubmit(turn, submission, "BUSBAR_SHED", verdict.reason);
  else deferSubmit(turn, about, "BUSBAR_FLOW_HELD", verdict.retryAfterMs, verdict.reason);
  return true;
}

function rejectSubmit(turn: Turn, { command, causationId }: Submission, code: ErrorCode, reason: string): void {
  const { chainId, traceparent } = command.meta;
  const offset = causationId.slice(causationId.lastIndexOf("/") + 1);
  const about = { chainId, agent: command.agent, causationId, traceparent };
  emit(turn, "CommandRejected", about, { code, reason, commandType: "SubmitTask", topic: "", offset, callId: "" });
}

function openTask(turn: Turn, { command, causationId }: Submission): void {
  const { meta } = command;
  const lineage = command.parentChainId === "" ? [meta.chainId] : meta.lineage;
  const correlationId = lineage[0] ?? meta.chainId;
  const about = {
    chainId: meta.chainId,
    agent: command.agent,
    lineage,
    causationId,
    correlationId,
    traceparent: meta.traceparent,
  };
  const limits = turn.state.policy?.limits;
  const maxSteps = Math.min(
    command.maxSteps === 0 ? Number.MAX_SAFE_INTEGER : command.maxSteps,
    limits?.maxSteps ?? 200,
  );
  emit(turn, "TaskSubmitted", about, {
    taskKey: command.taskKey,
    agent: command.agent,
    input: canonicalJson(parseJson(command.input) ?? null),
    deadlineAtMs: command.deadlineAtMs,
    maxSteps,
    budgetTokens: command.budgetTokens,
    parentChainId: command.parentChainId,
    parentCallId: command.parentCallId,
    untrusted: command.untrusted,
  });
  const chain = turn.state.chains[meta.chainId];
  if (chain === undefined) return;
  if (refuseUndeployed(turn, chain) || startHalted(turn, chain)) return;
  reassign(turn, meta.chainId, "submitted");
}

const undeployed = (agent: string): string => `agent ${agent} is undeployed`;

/** A sub-task whose agent was undeployed after its parent asked: it fails, so that the parent hears of it. */
function refuseUndeployed(turn: Turn, chain: ChainState): boolean {
  if (!isUndeployed(turn.state.deployments, chain.agent)) return false;
  emit(turn, "TaskFailed", { chain }, { code: "BUSBAR_AGENT_UNDEPLOYED", reason: undeployed(chain.agent) });
  return true;
}

/** A task that comes under a standing halt is kept, and assigned when the halt is lifted. */
function startHalted(turn: Turn, chain: ChainState): boolean {
  for (const [scope, fence] of Object.entries(turn.state.fences)) {
    if (!covers(scope, { agent: chain.agent, lineage: chain.lineage })) continue;
    const body = { rule: "halt", ruleVersion: 1, reason: fence.reason, evidence: [], directive: fence.fence };
    emit(turn, "ChainHalted", { chain }, body);
    return true;
  }
  return false;
}

/** The child's owner tells the parent's owner how the child ended; a repetition changes nothing. */
export function decideSubtaskReport(turn: Turn, command: MessageOf<"ReportSubtask">, causationId: string): void {
  const chain = own(turn.state.chains, command.meta.chainId);
  const call = chain === undefined ? undefined : own(chain.calls, command.parentCallId);
  if (chain === undefined || call === undefined || call.status === "answered") {
    const about = { chainId: command.meta.chainId, causationId };
    const body = {
      code: "BUSBAR_DUPLICATE",
      expected: 0,
      retryAfterMs: 0,
      commandType: command.type,
      callId: command.parentCallId,
      reason: "",
      waitsFor: [],
    };
    emit(turn, "CommandDeferred", about, body);
    return;
  }
  const { parentCallId: callId, childChainId, state, output, childOffset, tokensUsed, untrusted } = command;
  emit(
    turn,
    "SubtaskFinished",
    { chain, causationId },
    { callId, childChainId, state, output, childOffset, tokensUsed, untrusted },
  );
}
