/** Settlement of what is in doubt (PROTOCOL 5.6): by the tool that honours the key, by a read-back, or by a person. */
import type { ClaimCheck, MessageOf, SubjectClaim } from "@busbar/events";
import { own } from "@busbar/kernel";
import type { CallState, ChainState } from "../partition-state.ts";
import { isHeldToReads, isLeftToPerson } from "../degradation/ladder.ts";
import { breakerKeys } from "../breaker/keys.ts";
import { DEFAULT_BREAKER, type Policy, type ToolPolicy } from "../policy-document.ts";
import { lookForDoubt } from "../read-back.ts";
import { alreadyDone } from "./admit.ts";
import { readmit } from "./readmit.ts";
import { degrade } from "./degrade.ts";
import { emit, type Turn } from "./turn.ts";

interface Settlement {
  readonly outcome: "committed" | "not-done" | "unknown";
  readonly by: string;
  readonly evidenceOffset: string;
  readonly result: string;
  readonly reason: string;
  /** The look that is due now; see read-back.ts. */
  readonly readBack?: string;
  readonly claims?: readonly SubjectClaim[];
}

/** Records how a doubt ended and answers whoever waits for the effect. */
export function settle(
  turn: Turn,
  chain: ChainState,
  callId: string,
  settlement: Settlement,
  claimCheck: ClaimCheck | null = null,
): void {
  const call = chain.calls[callId];
  if (call === undefined) return;
  const { effectKey, name, admitted } = call;
  const body = { callId, effectKey, tool: name, admitted, readBack: "", claims: [], ...settlement };
  emit(turn, "EffectSettled", { chain, claimCheck }, body);
  answerWaiting(turn, chain.chainId, effectKey);
  restoreWorking(turn, chain.chainId);
}

/**
 * A doubt that the bus settles by itself does not keep the chain degraded: it needs a working chain for that (an exact
 * tool is fired again, which a degraded chain does not admit).
 */
function restoreWorking(turn: Turn, chainId: string): void {
  const chain = turn.state.chains[chainId];
  // What the ladder has narrowed to reads stays so.
  if (chain?.status !== "degraded" || isHeldToReads(chain)) return;
  if (Object.values(chain.calls).some(isLeftToPerson)) return;
  emit(turn, "ChainResumed", { chain }, { directive: "", reason: "no doubt is left to a person", by: "gateway" });
}

/** Calls that were made to wait for an effect get its outcome. */
export function answerWaiting(turn: Turn, chainId: string, effectKey: string): void {
  const chain = turn.state.chains[chainId];
  const entry = chain?.ledger[effectKey];
  if (chain === undefined || entry === undefined || effectKey === "") return;
  if (entry.status !== "committed" && entry.status !== "failed") return;
  for (const [callId, call] of Object.entries(chain.calls)) {
    if (call.status !== "waiting" || call.effectKey !== effectKey) continue;
    if (entry.status === "committed") {
      const body = { callId, step: call.step, tool: call.name, effectKey, argsHash: call.argsHash };
      emit(
        turn,
        "EffectAlreadyDone",
        { chain },
        { ...body, originalOffset: entry.offset, result: alreadyDone(entry.offset) },
      );
    } else {
      const body = { callId, effectKey, tool: call.name, attempt: entry.attempt, admitted: entry.offset };
      const reason = "the effect that this call waited for did not happen";
      emit(
        turn,
        "EffectFailed",
        { chain },
        { ...body, code: "BUSBAR_EFFECT_NOT_STARTED", reason, final: true, retryAtMs: 0, durationMs: 0, freshness: "" },
      );
    }
  }
}

/** Why a person's word does not settle: nothing of the kind is in doubt, or it was said of another attempt. */
function settleProblem(command: MessageOf<"SettleEffect">, call: CallState | undefined): string | null {
  if (command.outcome !== "committed" && command.outcome !== "not-done") {
    return `an outcome is committed or not-done, not ${command.outcome}`;
  }
  if (call?.status !== "in-doubt" && call?.status !== "disputed") return "no such effect is in doubt or disputed";
  // The signature covers which attempt is meant: a copy of an old order says nothing about a new doubt.
  return call.admitted === command.admitted ? null : `the attempt in doubt was admitted at offset ${call.admitted}`;
}

/** A person's word on an effect in doubt; it stands on the log with who signed it. */
export function settleByPerson(
  turn: Turn,
  command: MessageOf<"SettleEffect">,
  principal: string,
  causationId: string,
): void {
  const chain = own(turn.state.chains, command.meta.chainId);
  const call = chain === undefined ? undefined : own(chain.calls, command.callId);
  const reason = settleProblem(command, call);
  if (chain === undefined || reason !== null) {
    const body = {
      code: "BUSBAR_NOT_FOUND",
      reason: reason ?? "no such chain",
      commandType: command.type,
      topic: "",
      offset: "",
      callId: command.callId,
    };
    emit(turn, "CommandRejected", { chainId: command.meta.chainId, causationId }, body);
    return;
  }
  const outcome = command.outcome === "committed" ? "committed" : "not-done";
  settle(turn, chain, command.callId, {
    outcome,
    by: principal,
    evidenceOffset: "",
    result: "",
    reason: command.reason,
  });
}

/** Attempts of an exact effect that may stay without an answer before a person has to look. */
const MAX_ATTEMPTS_IN_DOUBT = 16;

/**
 * Why what is in doubt must not be fired again; null where it may be. A tool of class exact knows a key for its declared
 * lifetime, counted from the first admission under it: fire bound, time-out and margin of a further attempt must lie
 * within. What comes later would be a second effect under a forgotten key (PROTOCOL 5.6).
 */
export function againstFiringAgain(policy: Policy, chain: ChainState, call: CallState, atMs: number): string | null {
  if (call.effectClass === "read") return null;
  const tool = own(policy.tools, call.name);
  if (tool?.toolClass !== "exact") return "the tool does not honour the key";
  if (tool.keyLifetimeMs === null) return "the tool does not say how long it honours a key (keyLifetimeMs)";
  const sinceMs = own(chain.ledger, call.effectKey)?.sinceMs ?? 0;
  const { keyMarginMs } = policy.limits;
  // A clock that has gone back since then by more than clocks may differ tells nothing of a key's age.
  if (atMs < sinceMs - keyMarginMs) return "the clock at its first attempt was ahead, so the age of its key is unknown";
  const lastMs = sinceMs + tool.keyLifetimeMs - tool.fireBoundMs - tool.timeoutMs - keyMarginMs;
  return atMs <= lastMs ? null : `the tool honours a key for ${tool.keyLifetimeMs} ms, and no attempt fits in any more`;
}

/** A doubt whose waiting time is over. `read-back` asks the shell to look; its answer comes back as an outcome. */
export function settleDue(turn: Turn, chain: ChainState, callId: string, call: CallState): void {
  const { policy } = turn.state;
  const tool = own(policy?.tools ?? {}, call.name);
  if (policy === null || tool === undefined) return;
  const against = againstFiringAgain(policy, chain, call, turn.env.atMs);
  if (against !== null) return lookOrAsk(turn, chain, callId, tool, against);
  if (call.effectClass !== "read" && call.attempt >= MAX_ATTEMPTS_IN_DOUBT) {
    return leaveToPerson(turn, chain, callId, `${call.attempt} attempts under its key brought no answer`);
  }
  const verdict = readmit(turn, chain.chainId, callId, "gateway");
  if (verdict.kind === "refuse" && verdict.code === "BUSBAR_BREAKER_OPEN")
    waitForBreaker(turn, chain, callId, verdict.reason);
}

/** It is never fired again: the shell looks where a read-back is declared; else a person decides. */
function lookOrAsk(turn: Turn, chain: ChainState, callId: string, tool: ToolPolicy, against: string): void {
  if (lookForDoubt(tool.readBack, null) !== null) return;
  const what = tool.readBack === null ? "it has no read-back" : "its read-back expects what only its result tells";
  leaveToPerson(turn, chain, callId, `${against}, and ${what}`);
}

/** The doubt waits for its tool's breaker. The record says so, and so asks for the probe that can end both. */
function waitForBreaker(turn: Turn, chain: ChainState, callId: string, reason: string): void {
  const call = chain.calls[callId];
  // A breaker that a person holds is probed by nobody: the doubt waits for its release without a record.
  const keys = call === undefined ? [] : breakerKeys(chain.agent, call.name);
  if (call === undefined || keys.some((key) => own(turn.state.breakers, key)?.state === "isolated")) return;
  const { effectKey, name: tool, attempt, admitted } = call;
  const { cooldownMs } = turn.state.policy?.breaker ?? DEFAULT_BREAKER;
  // A grant lasts for one cool-down: who looks again after a quarter of it finds it.
  const settleAtMs = turn.env.atMs + Math.ceil(cooldownMs / 4);
  const body = { callId, effectKey, tool, attempt, admitted, code: "BUSBAR_BREAKER_OPEN", reason, settleAtMs };
  emit(turn, "EffectInDoubt", { chain }, body);
}

/** Nothing here can tell: the effect stays in doubt and the chain reads only, until a person decides. */
export function leaveToPerson(turn: Turn, chain: ChainState, callId: string, reason: string): void {
  const call = chain.calls[callId];
  if (call === undefined) return;
  const { effectKey, name, admitted } = call;
  const settlement: Settlement = { outcome: "unknown", by: "gateway", evidenceOffset: "", result: "", reason };
  const body = { callId, effectKey, tool: name, admitted, readBack: "", claims: [], ...settlement };
  emit(turn, "EffectSettled", { chain }, body);
  degrade(turn, chain.chainId, { rule: "in-doubt", reason: `${name}: ${reason}`, evidence: [admitted] });
}
