/** What the outcome of a call means to the chain-local rules (PROTOCOL 5.5). */
import type { BusEvent } from "@busbar/events";
import { shortHash } from "@busbar/kernel";
import type { CallState, ChainState } from "../partition-state.ts";
import type { Policy, ToolPolicy } from "../policy-document.ts";
import type { CallFact } from "../rules/index.ts";

type Outcome = Pick<CallFact, "kind" | "resultHash" | "verified">;

/** A time-out and a cut connection are the tool's errors; an owner that died is not. */
export function isLostAnswer(code: string): boolean {
  return code === "BUSBAR_OUTCOME_LATE" || code === "BUSBAR_OUTCOME_UNKNOWN";
}

/** What was done before is seen now; the change itself was counted when its tool reported it. */
const VERIFIED: Outcome = { kind: "verified", resultHash: "", verified: true };

const ERROR: Outcome = { kind: "error", resultHash: "", verified: false };

/**
 * A success counts as verified when something other than the agent looked at it: a read that a tool answered, or a
 * mutation whose result its declared schema accepted. Where a read-back is declared only that verifies.
 */
function success(call: CallState | undefined, tool: ToolPolicy | undefined, result: string, isDue: boolean): Outcome {
  const verified = !isDue && (call?.effectClass === "read" || (tool !== undefined && tool.result !== null));
  return { kind: "success", resultHash: shortHash(result), verified };
}

/** The fact of an event, or null where it is no final outcome of a call (throttling, deferral, an open attempt). */
export function factOf(chain: ChainState, event: BusEvent, policy: Policy | null): CallFact | null {
  if (!("callId" in event)) return null;
  const call = chain.calls[event.callId];
  const name = "tool" in event ? event.tool : (call?.name ?? "");
  const tool = toolNamed(policy, name);
  const outcome = uncounted(outcomeOf(event, call, tool), call);
  if (outcome === null) return null;
  const argsHash = "argsHash" in event ? event.argsHash : (call?.argsHash ?? "");
  const volatile = tool?.volatile ?? false;
  return { ...outcome, tool: name, effectClass: classOf(call, tool), argsHash, volatile, evidence: event.meta.eventId };
}

/** The attempts of one call are one call, and a call that waits for another one's effect shares its error. */
function uncounted(outcome: Outcome | null, call: CallState | undefined): Outcome | null {
  if (outcome === null || outcome.kind !== "error" || call === undefined) return outcome;
  return call.erred || call.status === "waiting" ? null : outcome;
}

function toolNamed(policy: Policy | null, name: string): ToolPolicy | undefined {
  return policy !== null && Object.hasOwn(policy.tools, name) ? policy.tools[name] : undefined;
}

/** What kind of call it was: as it was admitted, else as the policy knows the tool. */
function classOf(call: CallState | undefined, tool: ToolPolicy | undefined): CallFact["effectClass"] {
  if (call?.kind === "model") return "model";
  if (call !== undefined && call.effectClass !== "") return call.effectClass;
  return tool?.effect ?? "read";
}

function outcomeOf(event: BusEvent, call: CallState | undefined, tool: ToolPolicy | undefined): Outcome | null {
  switch (event.type) {
    case "EffectCommitted":
      return success(call, tool, event.meta.claimCheck?.sha256 ?? event.result, event.readBack !== "");
    case "EffectVerified":
      return VERIFIED;
    case "EffectDisputed":
      // Where nobody could look, nothing is known against the change.
      return event.code === "BUSBAR_READ_BACK_MISMATCH" ? ERROR : null;
    case "EffectFailed":
    case "ModelCallFailed":
      // Who asks to be called later has made no error, not even where that is too late for this call.
      return event.final && event.code !== "BUSBAR_THROTTLED" ? ERROR : null;
    case "EffectInDoubt":
      return isLostAnswer(event.code) ? ERROR : null;
    case "ModelCallCompleted":
      // An answer that asks for what cannot be called is an invalid result.
      return event.problems.length > 0 ? ERROR : null;
    case "EffectCommittedInvalid":
    case "EffectRefused":
      return ERROR;
    default:
      return null;
  }
}
