/** Calls that wait for a person or tell one something: how they are taken into the chain's state, and what changes them. */
import { asideOf, CONFIDENCE_NAME, HANDOFF_NAME, type MessageOf } from "@busbar/events";
import type { CallState, ChainState } from "../partition-state.ts";
import { addCall, newCall, withCall, withEntry } from "./calls.ts";

/** A person is asked. The effect is taken from now on, so that who asks for it again waits and nobody is asked twice. */
export function held(chain: ChainState, event: MessageOf<"ApprovalRequested">, offset: string): ChainState {
  const { callId, step, tool: name, argsHash, effectKey, args, expects, subject } = event;
  const known = chain.calls[callId];
  const entry = chain.ledger[effectKey];
  const { rule, reason, evidence, expiresAtMs, toolDigest } = event;
  const call = newCall({
    attempt: entry?.attempt ?? 0,
    ...known,
    step,
    kind: "tool",
    name,
    argsHash,
    effectKey,
    args,
    expects,
    status: "held",
    admitted: offset,
    effectClass: event.effectClass as CallState["effectClass"],
    aside: asideOf(event, "args"),
    dueAtMs: expiresAtMs,
    approval: { requested: offset, rule, reason, evidence, expiresAtMs, toolDigest, subject, granted: "" },
  });
  const next = addCall(chain, callId, call);
  if (effectKey === "") return next;
  const { attempt, sinceMs, generation } = entry ?? { attempt: 0, sinceMs: 0, generation: 0 };
  return withEntry(next, effectKey, { status: "open", callId, offset, sinceMs, attempt, subject, generation });
}

/** Whatever stands against it now, it is tried until its time is over. */
export function granted(chain: ChainState, event: MessageOf<"ApprovalGranted">): ChainState {
  const approval = chain.calls[event.callId]?.approval;
  if (approval === undefined || approval === null) return chain;
  const allowed = { ...approval, granted: event.meta.eventId };
  return withCall(chain, event.callId, { approval: allowed, dueAtMs: event.meta.atMs });
}

/** A person is asked by the agent, or owns the decision by a rule; the latest of a rule stands for those before it. */
export function handedOff(chain: ChainState, event: MessageOf<"HandedOff">, offset: string): ChainState {
  const { callId, step, argsHash, question, rule, evidence, context, meta } = event;
  const handOff = { rule, evidence, context, takenBy: "", atMs: meta.atMs };
  const call = { step, kind: "handoff", name: HANDOFF_NAME, argsHash, admitted: offset, args: question } as const;
  return addCall(chain, callId, newCall({ ...call, attempt: 1, handOff }));
}

export function taken(chain: ChainState, event: MessageOf<"HandOffTaken">): ChainState {
  const handOff = chain.calls[event.callId]?.handOff;
  if (handOff === undefined || handOff === null) return chain;
  return withCall(chain, event.callId, { handOff: { ...handOff, takenBy: event.by } });
}

/** Answered by its own record. */
export function confidenceReported(
  chain: ChainState,
  event: MessageOf<"ConfidenceReported">,
  offset: string,
): ChainState {
  const { callId, step, argsHash } = event;
  const call = { step, kind: "report", name: CONFIDENCE_NAME, argsHash, admitted: offset, answered: offset } as const;
  return addCall(chain, callId, newCall({ ...call, status: "answered" }));
}
