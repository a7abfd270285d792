/** Calls that wait for a person: how they are taken into the chain's state, and how a person's yes changes them. */
import { asideOf, type MessageOf } from "@busbar/events";
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
