/**
 * Rollbacks at the door: each is a chain of its own, without an agent, whose effects undo those of another one.
 *
 * R1 A person signs the plan that is carried out; a gateway may send one where the policy says `rollbackOnHalt`. The plan
 *    stands in the chain's second record, so the door needs nothing else.
 * R2 One undo at a time, each under a key of its own, read back where that is declared; the first that cannot be done
 *    ends the rollback, and names what is left.
 * R3 A halt of the chain or of its agent does not cover it: it is another chain. What covers everything or its tools
 *    does, and so do freezes, breakers and caps. A person's plan is the approval of its undos.
 */
import type { MessageOf, UndoStep } from "@busbar/events";
import { canonicalJson, type Json, own, parseJson, sha256Hex, shortHash } from "@busbar/kernel";
import { ROLLBACK_AGENT, rollbackChainId, UNDOS_MOST } from "../compensation/plan.ts";
import type { ChainState } from "../partition-state.ts";
import type { Policy } from "../policy-document.ts";
import { emitAdmission, slotted, subjectOf } from "./admit.ts";
import { requestApproval } from "./holds.ts";
import { chainOf, emit, type Turn } from "./turn.ts";

interface Ordered {
  readonly command: MessageOf<"RollBack">;
  readonly principal: string;
  readonly isPerson: boolean;
  readonly causationId: string;
}

function stepProblem(policy: Policy, { of, tool, args, argsHash }: UndoStep): string | null {
  if (own(policy.tools, of)?.undo?.tool !== tool) return `${tool} is not the undo of ${of}`;
  const parsed = parseJson(args);
  const isExact = parsed !== undefined && sha256Hex(canonicalJson(parsed)) === argsHash;
  return isExact ? null : `the arguments of ${tool} are not those of their digest`;
}

function problemOf(turn: Turn, { command, principal, isPerson }: Ordered): string | null {
  const { policy } = turn.state;
  const { target, number, undos, meta } = command;
  if (policy === null) return "no policy is in force";
  const isByPolicy = principal === "gateway" && policy.rollbackOnHalt === true && number === 0;
  if (!isPerson && !isByPolicy) return "only a person rolls back, or the policy with rollbackOnHalt";
  if (meta.chainId !== rollbackChainId(target, number)) return "the chain is not the rollback's chain";
  if (undos.length === 0 || undos.length > UNDOS_MOST) return `a rollback has 1 to ${UNDOS_MOST} undos`;
  const problems = undos.map((step) => stepProblem(policy, step));
  return problems.find((problem) => problem !== null) ?? null;
}

export function decideRollBack(turn: Turn, ordered: Ordered): void {
  const { command, principal, causationId } = ordered;
  const { target, number, undos, impossible, reason, meta } = command;
  const { chainId } = meta;
  const about = { chainId, agent: ROLLBACK_AGENT, lineage: [chainId], correlationId: chainId, causationId };
  const problem = problemOf(turn, ordered);
  if (problem !== null) {
    const body = { code: "BUSBAR_INPUT_INVALID", reason: problem, commandType: command.type, topic: "", offset: "" };
    emit(turn, "CommandRejected", { chainId, causationId }, { ...body, callId: "" });
    return;
  }
  const taskKey = `rollback:${target}:${number}`;
  const open = own(turn.state.chains, chainId);
  const closed = own(turn.state.closed, chainId);
  if (open !== undefined || closed !== undefined) {
    const state = open?.status ?? closed?.state ?? "";
    emit(turn, "TaskAlreadyKnown", about, { taskKey, state, outcomeOffset: closed?.outcome ?? "" });
    return;
  }
  const input = canonicalJson({ target, number });
  const task = { taskKey, agent: ROLLBACK_AGENT, input, maxSteps: undos.length, parentChainId: "", parentCallId: "" };
  emit(turn, "TaskSubmitted", about, { ...task, deadlineAtMs: 0, budgetTokens: 0, untrusted: false });
  const chain = chainOf(turn, chainId);
  if (chain === undefined) return;
  emit(turn, "RollbackStarted", { chain }, { target, number, undos, impossible, by: principal, reason });
  advanceRollback(turn, chainId);
}

const callIdOf = (chainId: string, index: number): string => `${chainId}:${index + 1}`;

/** The undo at hand: the first that is not done. */
function stepAt({ chainId, rollback, calls, ledger }: ChainState) {
  for (const [index, step] of (rollback?.undos ?? []).entries()) {
    const call = own(calls, callIdOf(chainId, index));
    const isDone = call?.status === "answered" && own(ledger, keyOf(step))?.status === "committed";
    if (!isDone) return { index, step, call };
  }
  return null;
}

const keyOf = ({ undoes }: UndoStep): string => shortHash("undo", undoes);

/** Whether a rollback has something to do that nobody else will. */
export function isRollbackDue(chain: ChainState): boolean {
  if (chain.rollback === null || chain.halted !== null) return false;
  const at = stepAt(chain);
  return at === null || at.call === undefined || at.call.status === "answered";
}

/** Goes on with a rollback: the next undo, or its end. What only puts it off leaves it due. */
export function advanceRollback(turn: Turn, chainId: string): void {
  const chain = chainOf(turn, chainId);
  if (chain === undefined || !isRollbackDue(chain)) return;
  const at = stepAt(chain);
  const count = chain.rollback?.undos.length ?? 0;
  if (at === null) {
    const target = chain.rollback?.target ?? "";
    emit(
      turn,
      "TaskCompleted",
      { chain },
      { output: canonicalJson({ target, undone: count }), untrusted: false, cites: [] },
    );
    return;
  }
  if (at.call === undefined) return admitUndo(turn, chain, at.index, at.step);
  stop(turn, chain, at.index, `${at.step.tool} could not be done`);
}

function stop(turn: Turn, chain: ChainState, index: number, why: string): void {
  const undos = chain.rollback?.undos ?? [];
  const left = undos.slice(index).map(({ of }) => of);
  const reason = `undo ${index + 1} of ${undos.length}: ${why}; not undone: ${left.join(", ")}`;
  emit(turn, "TaskFailed", { chain }, { code: "BUSBAR_ROLLBACK_STOPPED", reason });
}

function admitUndo(turn: Turn, chain: ChainState, index: number, step: UndoStep): void {
  const tool = own(turn.state.policy?.tools ?? {}, step.tool);
  if (tool === undefined) return stop(turn, chain, index, `no tool is named ${step.tool} any more`);
  const { tool: name, args, argsHash, undoes } = step;
  const callId = callIdOf(chain.chainId, index);
  const subject = { chain, tool: name, effectClass: tool.effect };
  const isApproved = chain.rollback?.isByPerson === true;
  const verdict = slotted(turn, subject, { callId, isFurtherAttempt: false, isApproved });
  const parsed: Json = parseJson(args) ?? null;
  const common = { callId, step: index + 1, tool: name, args, argsHash, effectKey: keyOf(step), expects: "" };
  const named = { ...common, subject: subjectOf(tool, name, parsed) };
  if (verdict.kind === "defer") return;
  if (verdict.kind === "refuse") return stop(turn, chain, index, verdict.reason);
  if (verdict.kind === "hold") {
    return requestApproval(turn, { chain }, { ...named, effectClass: tool.effect, toolDigest: tool.digest }, verdict);
  }
  const at = { keySinceMs: turn.env.atMs, attempt: 1, origin: "gateway", probes: verdict.probes } as const;
  emitAdmission(turn, { chain }, tool, { ...named, ...at, approval: "", undoes });
}
