/**
 * What a chain knows of the world and of its person, for checks: the latest claims, what the person has said, what the
 * task is, and how often each tool was done. A fold of the chain's records; every part is bounded here.
 */
import type { BusEvent, MessageOf } from "@busbar/events";
import { canonicalJson, type Json, own, parseJson, utf8Length } from "@busbar/kernel";
import { withLosing } from "../citations.ts";
import { withClaims } from "../claims.ts";
import type { CallState, ChainState } from "../partition-state.ts";
import type { Policy, ToolPolicy } from "../policy-document.ts";
import { isDerived, NOTHING_UNTRUSTED, withUntrusted } from "../taint.ts";
import { offsetOf } from "./offsets.ts";

/** Texts of the person that a chain remembers; of more, the first are forgotten. */
export const SAID_KEPT = 64;
/** Characters of each of them; a longer one is cut. */
export const SAID_CHARACTERS = 8192;
/** Of a task's input, bytes; of a longer text the beginning is known, of anything else nothing. */
export const TASK_BYTES = 16_384;

export interface Evidence {
  readonly claims: ChainState["claims"];
  readonly said: readonly string[];
  readonly task: Json;
  readonly committed: Readonly<Record<string, number>>;
  readonly untrusted: ChainState["untrusted"];
  readonly losing: ChainState["losing"];
}

function taskOf(input: string): Json {
  const value = parseJson(input) ?? null;
  if (typeof value === "string") return value.slice(0, TASK_BYTES);
  return utf8Length(input) <= TASK_BYTES ? value : null;
}

/** What is known when a chain opens: its task. Of a sub-task it is an agent that has written it, and no person. */
export function openEvidence(event: MessageOf<"TaskSubmitted">): Evidence & Pick<ChainState, "isTaskUntrusted"> {
  const task = taskOf(event.input);
  const isSaid = typeof task === "string" && event.parentChainId === "" && !event.untrusted;
  const said = isSaid ? [task.slice(0, SAID_CHARACTERS)] : [];
  const source = { from: "task", evidence: event.meta.eventId };
  const untrusted = event.untrusted ? withUntrusted(NOTHING_UNTRUSTED, event.input, source) : NOTHING_UNTRUSTED;
  return { claims: {}, losing: {}, said, task, committed: {}, untrusted, isTaskUntrusted: event.untrusted };
}

/** A result as a text that somebody said. */
function spoken(result: string): string {
  const value = parseJson(result);
  const text = typeof value === "string" ? value : result;
  return text.slice(0, SAID_CHARACTERS);
}

type Done = MessageOf<"EffectCommitted" | "EffectSettled" | "EffectCommittedInvalid">;

/** Null for a record that tells of nothing done, or of what was told before. */
function doneOf(event: BusEvent, call: CallState): Done | null {
  if (call.answered !== "") return null;
  if (event.type === "EffectCommitted" || event.type === "EffectCommittedInvalid") return event;
  return event.type === "EffectSettled" && event.outcome === "committed" ? event : null;
}

/** A person has settled that what its tool reported as done was not: it counts no more, and what it claimed is no claim. */
function undone(chain: ChainState, call: CallState): Evidence {
  const count = (own(chain.committed, call.name) ?? 1) - 1;
  const others = Object.entries(chain.claims).filter(([, { offset }]) => offset !== call.answered);
  return { ...chain, claims: Object.fromEntries(others), committed: { ...chain.committed, [call.name]: count } };
}

const isUndone = (event: BusEvent, { status }: CallState): boolean =>
  event.type === "EffectSettled" && event.outcome === "not-done" && status === "disputed";

/** What a result that was done adds: what it claims, and what it brings of the person or of third parties. */
function told(
  chain: ChainState,
  done: Done,
  tool: ToolPolicy | undefined,
): Pick<Evidence, "claims" | "losing" | "said" | "untrusted"> {
  const { meta, result } = done;
  const isUntrusted = tool?.trust === "untrusted";
  const source = { from: done.tool, evidence: meta.eventId };
  const untrusted = isUntrusted ? withUntrusted(chain.untrusted, result, source) : chain.untrusted;
  // What its schema or a check does not allow is believed in nothing; the agent may have seen it.
  if (done.type === "EffectCommittedInvalid") {
    const { claims, losing, said } = chain;
    return { claims, losing, said, untrusted };
  }
  const at = { atMs: meta.atMs, offset: offsetOf(meta.eventId), trusted: !isUntrusted };
  const isSaid = tool?.person === true && result !== "";
  const said = isSaid ? [...chain.said, spoken(result)].slice(-SAID_KEPT) : chain.said;
  const claims = withClaims(chain.claims, done.claims, at);
  return { ...reconciled(claims, chain.losing, done), said, untrusted };
}

/** What lost is remembered as that; of what is in doubt nothing is known. */
function reconciled(
  claims: Evidence["claims"],
  losing: Evidence["losing"],
  done: Done,
): Pick<Evidence, "claims" | "losing"> {
  const bad = done.type === "EffectCommitted" ? done.reconciled.filter(({ outcome }) => isNotKept(outcome)) : [];
  if (bad.length === 0) return { claims, losing };
  const doubted = new Set(bad.flatMap(({ outcome, subject }) => (outcome === "unresolved" ? [subject] : [])));
  return {
    claims: Object.fromEntries(Object.entries(claims).filter(([subject]) => !doubted.has(subject))),
    losing: bad.reduce((all, { subject, value }) => withLosing(all, subject, parseJson(value) ?? null), losing),
  };
}

const isNotKept = (outcome: string): boolean => outcome === "lost" || outcome === "unresolved";

const isUntrusted = (policy: Policy | null, tool: string): boolean =>
  own(policy?.tools ?? {}, tool)?.trust === "untrusted";

/** What an agent is told beside results is in the words of tools as well: why one failed, what is there now, a fact. */
function toldBeside(event: BusEvent, policy: Policy | null): readonly (readonly [from: string, content: string])[] {
  if (event.type === "StatementChecked") return isUntrusted(policy, event.source) ? [[event.source, event.fact]] : [];
  if (event.type !== "EffectFailed") return [];
  const { tool, reason, freshness } = event;
  const read = own(policy?.tools ?? {}, tool)?.dependsOn?.tool ?? "";
  return [
    ...(isUntrusted(policy, tool) ? [[tool, canonicalJson(reason)] as const] : []),
    ...(isUntrusted(policy, read) && freshness !== "" ? [[read, freshness] as const] : []),
  ];
}

/** A model's answer and that of a sub-task bring on what they were given of untrusted text (taint.ts, T1). */
function carriedOn(chain: ChainState, event: BusEvent, policy: Policy | null): ChainState["untrusted"] {
  const evidence = event.meta.eventId;
  const beside = toldBeside(event, policy).filter(([, content]) => content !== "");
  if (beside.length > 0) {
    return beside.reduce((all, [from, content]) => withUntrusted(all, content, { from, evidence }), chain.untrusted);
  }
  if (event.type === "SubtaskFinished" && event.untrusted) {
    return withUntrusted(chain.untrusted, event.output, { from: "sub-task", evidence });
  }
  if (event.type !== "ModelCallCompleted" || !isDerived(chain, event.response)) return chain.untrusted;
  return withUntrusted(chain.untrusted, event.response, { from: `model:${event.model}`, evidence });
}

/** What the chain knows after one of its records; `chain` as it was before. */
export function evidenceAfter(chain: ChainState, event: BusEvent, policy: Policy | null): Evidence {
  const call = "callId" in event ? chain.calls[event.callId] : undefined;
  if (call === undefined) return chain;
  if (isUndone(event, call)) return undone(chain, call);
  const done = doneOf(event, call);
  if (done === null) {
    const untrusted = call.answered === "" ? carriedOn(chain, event, policy) : chain.untrusted;
    return untrusted === chain.untrusted ? chain : { ...chain, untrusted };
  }
  const { claims, losing, said, untrusted } = told(chain, done, own(policy?.tools ?? {}, call.name));
  const committed = { ...chain.committed, [call.name]: (own(chain.committed, call.name) ?? 0) + 1 };
  return { claims, losing, said, task: chain.task, committed, untrusted };
}
