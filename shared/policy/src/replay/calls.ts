/** Changes of a chain's calls and ledger of which its events are made. Everything is replaced, never edited. */
import type { CallState, ChainState, LedgerEntry } from "../partition-state.ts";

export function withCall(chain: ChainState, callId: string, change: Partial<CallState>): ChainState {
  const call = chain.calls[callId];
  if (call === undefined) return chain;
  return { ...chain, calls: { ...chain.calls, [callId]: { ...call, ...change } } };
}

export function withEntry(chain: ChainState, key: string, entry: LedgerEntry): ChainState {
  return key === "" ? chain : { ...chain, ledger: { ...chain.ledger, [key]: entry } };
}

export function settled(chain: ChainState, key: string, status: LedgerEntry["status"], offset: string): ChainState {
  const entry = chain.ledger[key];
  if (entry === undefined) return chain;
  const next = withEntry(chain, key, { ...entry, status, offset });
  if (status !== "committed" || entry.subject === "") return next;
  const changes = (chain.subjectChanges[entry.subject] ?? 0) + 1;
  // The entry remembers the count with itself in it: a later change by another effect raises it further.
  const remembered = withEntry(next, key, { ...entry, status, offset, generation: changes });
  return { ...remembered, subjectChanges: { ...chain.subjectChanges, [entry.subject]: changes } };
}

export const newCall = (
  call: Partial<CallState> & Pick<CallState, "step" | "kind" | "name" | "argsHash">,
): CallState => ({
  status: "open",
  admitted: "",
  answered: "",
  attempt: 0,
  effectKey: "",
  effectClass: "",
  args: "",
  aside: null,
  dueAtMs: 0,
  throttled: 0,
  throttledSinceMs: 0,
  erred: false,
  unresolved: false,
  look: "",
  expects: "",
  approval: null,
  handOff: null,
  ...call,
});

export const addCall = (chain: ChainState, callId: string, call: CallState): ChainState => ({
  ...chain,
  calls: { ...chain.calls, [callId]: call },
});

/** The first answer of a call is its answer. */
export const answer = (chain: ChainState, callId: string, offset: string): ChainState => {
  const answered = chain.calls[callId]?.answered || offset;
  const over = { args: "", aside: null, dueAtMs: 0, look: "", approval: null, handOff: null };
  return withCall(chain, callId, { status: "answered", answered, ...over });
};
