/** Admissions of calls that are known already: a further attempt of one, and one that a person has approved. */
import { own, parseJson } from "@busbar/kernel";
import type { CallState, ChainState } from "../partition-state.ts";
import { mayCall, type Policy, type ToolPolicy } from "../policy-document.ts";
import { argsProblem, emitAdmission, refuse, slotted, type Verdict } from "./admit.ts";
import { undoesOf } from "../compensation/undoes.ts";
import { judgeArguments } from "./judge.ts";
import { chainOf, type Turn } from "./turn.ts";

interface Admittable {
  readonly policy: Policy;
  readonly chain: ChainState;
  readonly call: CallState;
  readonly tool: ToolPolicy;
}

function find(turn: Turn, chainId: string, callId: string): Admittable | null {
  const { policy } = turn.state;
  const chain = chainOf(turn, chainId);
  const call = chain?.calls[callId];
  const tool = call === undefined ? undefined : own(policy?.tools ?? {}, call.name);
  if (policy === null || chain === undefined || call === undefined || tool === undefined) return null;
  return { policy, chain, call, tool };
}

/**
 * A further attempt of a call whose last one provably did not happen, or whose tool honours the key: admitted, or what
 * stands against it now.
 */
export function readmit(turn: Turn, chainId: string, callId: string, origin: "agent" | "gateway"): Verdict {
  const found = find(turn, chainId, callId);
  if (found === null) return refuse("BUSBAR_TOOL_UNKNOWN", `the tool of ${callId} is named by no policy any more`);
  const { chain, call, tool } = found;
  const subject = { chain, tool: call.name, effectClass: tool.effect };
  const approval = call.approval?.granted ?? "";
  // What was admitted once was asked about then, if it had to be: the attempts of one call are one call.
  const verdict = slotted(turn, subject, { callId, isFurtherAttempt: true, isApproved: true });
  if (verdict.kind !== "admit") return verdict;
  const about = {
    callId,
    attempt: call.attempt + 1,
    origin,
    probes: verdict.probes,
    approval,
    undoes: undoesOf(chain, call),
  };
  emitAdmission(turn, { chain, claimCheck: call.aside }, tool, { ...admittedBefore(turn, chain, call), ...about });
  return verdict;
}

/** What every attempt of a call has in common. */
function admittedBefore(turn: Turn, chain: ChainState, call: CallState) {
  const { step, name: tool, effectKey, args, argsHash, expects } = call;
  // A read has no entry.
  const { sinceMs, subject } = chain.ledger[effectKey] ?? { sinceMs: 0, subject: "" };
  const keySinceMs = effectKey === "" ? 0 : sinceMs || turn.env.atMs;
  return { step, tool, effectKey, args, argsHash, keySinceMs, subject, expects };
}

/** Admits a held call that a person has approved: it is another moment, so all that can be is asked anew. */
export function admitApproved(turn: Turn, chainId: string, callId: string): Verdict {
  const found = find(turn, chainId, callId);
  const problem = found === null ? null : approvedProblem(turn, found);
  return problem ?? readmit(turn, chainId, callId, "agent");
}

/** What may have become different since a person was asked. Arguments that stand aside were checked then. */
function approvedProblem(turn: Turn, { policy, chain, call, tool }: Admittable): Verdict | null {
  if (chain.rollback === null && !mayCall(policy, chain.agent, call.name)) {
    return refuse("BUSBAR_TOOL_FORBIDDEN", `agent ${chain.agent} may not call ${call.name}`);
  }
  if (tool.digest !== call.approval?.toolDigest) {
    return refuse("BUSBAR_TOOL_CHANGED", `${call.name} is another tool than the one that was approved`);
  }
  if (call.aside !== null || chain.rollback !== null) return null;
  const { against } = judgeArguments(turn, chain, tool, parseJson(call.args) ?? null);
  // That a person is to be asked has been answered.
  return argsProblem(turn, call.name, tool, call.args) ?? (against?.kind === "refuse" ? against : null);
}
