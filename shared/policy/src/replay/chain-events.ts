/** How one event changes its chain: a pure function (chain, event) -> chain. Unknown events change nothing. */
import {
  asideOf,
  type BusEvent,
  type ConversationPart,
  type MessageOf,
  partOfAnswer,
  partOfRequest,
  TIMER_NAME,
} from "@busbar/events";
import { OPEN_GATE, stepGate } from "../gate/gate.ts";
import { stepVerdicts } from "../quorum/quorum.ts";
import { GROUND, ladderAfter } from "../degradation/ladder.ts";
import { withVersion } from "../freshness.ts";
import { nextChainStatus } from "../machines/chain.ts";
import type { CallState, ChainState } from "../partition-state.ts";
import type { Policy } from "../policy-document.ts";
import { INITIAL_RULES, stepRules } from "../rules/index.ts";
import { evidenceAfter, openEvidence } from "./evidence.ts";
import { addCall, answer, newCall, settled, withCall, withEntry } from "./calls.ts";
import { factOf } from "./facts.ts";
import { confidenceReported, granted, handedOff, held, taken } from "./held-calls.ts";
import { offsetOf } from "./offsets.ts";

export function openChain(event: MessageOf<"TaskSubmitted">): ChainState {
  const { meta } = event;
  return {
    chainId: meta.chainId,
    status: "working",
    agent: event.agent,
    version: "",
    incarnation: 0,
    assignedAtMs: meta.atMs,
    sequence: 0,
    streamSeq: meta.streamSeq,
    lineage: meta.lineage,
    parentChainId: event.parentChainId,
    parentCallId: event.parentCallId,
    taskKey: event.taskKey,
    correlationId: meta.correlationId,
    traceparent: meta.traceparent,
    openedAtMs: meta.atMs,
    submitted: offsetOf(meta.eventId),
    deadlineAtMs: event.deadlineAtMs,
    maxSteps: event.maxSteps,
    budgetTokens: event.budgetTokens,
    tokensUsed: 0,
    calls: {},
    ledger: {},
    subjectChanges: {},
    seen: {},
    ...openEvidence(event),
    children: {},
    conversations: {},
    rules: INITIAL_RULES,
    trip: null,
    shadows: [],
    gate: OPEN_GATE,
    verdicts: {},
    rollback: null,
    ladder: GROUND,
    narrowing: null,
    halted: null,
    freed: false,
    haltSpread: false,
  };
}

function withConversation(chain: ChainState, part: ConversationPart | null, offset: string): ChainState {
  if (part === null || part.after.head === part.previous) return chain;
  const { head, messages, bytes } = part.after;
  const entry = { offset, previous: part.previous, messages, bytes };
  return { ...chain, conversations: { ...chain.conversations, [head]: entry } };
}

/** The model's answer is a message of the conversation that it was asked in. */
function answered(chain: ChainState, event: MessageOf<"ModelCallCompleted">, offset: string): ChainState {
  const asked = partOfRequest(chain.calls[event.callId]?.args ?? "");
  return asked === null ? chain : withConversation(chain, partOfAnswer(asked.after, event), offset);
}

type On<T extends BusEvent["type"]> = (chain: ChainState, event: MessageOf<T>, offset: string) => ChainState;
type Handlers = { readonly [T in BusEvent["type"]]?: On<T> };

/** Where the record is that says that it was done. */
const committedAt = (chain: ChainState, callId: string, offset: string): string =>
  chain.calls[callId]?.answered || offset;

/** Done, as far as the tool says. Where a read-back is due the effect stays taken until it shows. */
function committed(
  chain: ChainState,
  event: MessageOf<"EffectCommitted"> | MessageOf<"EffectSettled">,
  offset: string,
): ChainState {
  const next = answer(chain, event.callId, offset);
  if (event.readBack === "") return settled(next, event.effectKey, "committed", offset);
  return withCall(next, event.callId, { status: "unverified", look: event.readBack, dueAtMs: event.meta.atMs });
}

/** Nothing of the call is under way, and its next attempt has a time. The effect stays taken: others wait for it. */
function delayed(
  chain: ChainState,
  event: MessageOf<"EffectFailed" | "ModelCallFailed" | "EffectAbandoned">,
): ChainState {
  const call = chain.calls[event.callId];
  if (call === undefined) return chain;
  const change = { status: "delayed", dueAtMs: event.retryAtMs } as const;
  if (event.type !== "EffectAbandoned" && event.code !== "BUSBAR_THROTTLED")
    return withCall(chain, event.callId, change);
  const throttledSinceMs = call.throttledSinceMs === 0 ? event.meta.atMs : call.throttledSinceMs;
  return withCall(chain, event.callId, { ...change, throttled: call.throttled + 1, throttledSinceMs });
}

const HANDLERS: Handlers = {
  TaskAssigned: (chain, event) => ({
    ...chain,
    version: event.version,
    incarnation: event.incarnation,
    freed: false,
    assignedAtMs: event.meta.atMs,
    sequence: 0,
  }),
  EffectAdmitted: (chain, event, offset) => {
    const known = chain.calls[event.callId];
    const call = newCall({
      ...known,
      step: event.step,
      kind: "tool",
      name: event.tool,
      argsHash: event.argsHash,
      status: "open",
      admitted: offset,
      attempt: event.attempt,
      effectKey: event.effectKey,
      effectClass: event.effectClass as CallState["effectClass"],
      args: event.args,
      expects: event.expects,
      aside: asideOf(event, "args"),
      dueAtMs: 0,
      unresolved: known?.unresolved === true || (known?.status === "in-doubt" && known.effectClass !== "read"),
    });
    const next = addCall(chain, event.callId, call);
    if (event.effectKey === "") return next;
    const generation = chain.ledger[event.effectKey]?.generation ?? 0;
    const { callId, attempt, subject, keySinceMs: sinceMs } = event;
    return withEntry(next, event.effectKey, { status: "open", callId, offset, sinceMs, attempt, subject, generation });
  },
  EffectCommitted: (chain, event, offset) => committed(chain, event, offset),
  EffectVerified: (chain, event, offset) => {
    const next = withCall(chain, event.callId, { status: "answered", look: "", dueAtMs: 0 });
    return settled(next, event.effectKey, "committed", committedAt(chain, event.callId, offset));
  },
  // Who asks for it again waits for a person's word.
  EffectDisputed: (chain, event, offset) =>
    settled(withCall(chain, event.callId, { status: "disputed", dueAtMs: 0 }), event.effectKey, "in-doubt", offset),
  EffectCommittedInvalid: (chain, event, offset) =>
    settled(answer(chain, event.callId, offset), event.effectKey, "committed", offset),
  EffectFailed: (chain, event, offset) => {
    if (!event.final && event.retryAtMs > 0) return delayed(chain, event);
    const next = settled(chain, event.effectKey, "failed", offset);
    return event.final ? answer(next, event.callId, offset) : next;
  },
  EffectAbandoned: (chain, event, offset) =>
    event.retryAtMs > 0
      ? delayed(chain, event)
      : answer(settled(chain, event.effectKey, "failed", offset), event.callId, offset),
  EffectInDoubt: (chain, event, offset) =>
    settled(
      withCall(chain, event.callId, { status: "in-doubt", dueAtMs: event.settleAtMs }),
      event.effectKey,
      "in-doubt",
      offset,
    ),
  EffectSettled: (chain, event, offset) => {
    if (event.outcome === "unknown") return withCall(chain, event.callId, { dueAtMs: 0 });
    if (event.outcome === "committed") return committed(chain, event, offset);
    return answer(settled(chain, event.effectKey, "failed", offset), event.callId, offset);
  },
  // It happened after all: the same effect is not fired again.
  EffectContradicted: (chain, event, offset) => settled(chain, event.effectKey, "committed", offset),
  EffectAlreadyDone: (chain, event, offset) =>
    addCall(
      chain,
      event.callId,
      newCall({
        step: event.step,
        kind: "tool",
        name: event.tool,
        argsHash: event.argsHash,
        status: "answered",
        answered: offset,
      }),
    ),
  EffectRefused: (chain, event, offset) =>
    addCall(
      // Of a call that waited for a person the effect was taken: it is free again.
      chain.calls[event.callId]?.status === "held" ? settled(chain, event.effectKey, "failed", offset) : chain,
      event.callId,
      newCall({
        step: event.step,
        kind: "tool",
        name: event.tool,
        argsHash: event.argsHash,
        status: "answered",
        answered: offset,
      }),
    ),
  RollbackStarted: (chain, { target, undos, by }) => {
    const isByPerson = by.startsWith("operator:");
    return { ...chain, rollback: { target, undos, isByPerson } };
  },
  ApprovalRequested: held,
  ApprovalGranted: granted,
  HandedOff: handedOff,
  HandOffTaken: taken,
  HandOffAnswered: (chain, event, offset) => answer(chain, event.callId, offset),
  ConfidenceReported: confidenceReported,
  EffectAwaited: (chain, event) =>
    addCall(
      chain,
      event.callId,
      newCall({
        step: event.step,
        kind: "tool",
        name: event.tool,
        argsHash: event.argsHash,
        status: "waiting",
        effectKey: event.effectKey,
      }),
    ),
  ModelCallAdmitted: (chain, event, offset) =>
    addCall(
      withConversation(chain, partOfRequest(event.request), offset),
      event.callId,
      newCall({
        ...chain.calls[event.callId],
        step: event.step,
        kind: "model",
        name: event.model,
        argsHash: event.requestHash,
        status: "open",
        admitted: offset,
        attempt: event.attempt,
        args: event.request,
        dueAtMs: 0,
      }),
    ),
  ModelCallCompleted: (chain, event, offset) => ({
    ...answer(answered(chain, event, offset), event.callId, offset),
    tokensUsed: chain.tokensUsed + event.inputTokens + event.outputTokens,
  }),
  ModelCallFailed: (chain, event, offset) => {
    const tokensUsed = chain.tokensUsed + event.inputTokens + event.outputTokens;
    return { ...(event.final ? answer(chain, event.callId, offset) : delayed(chain, event)), tokensUsed };
  },
  TaskSent: (chain, event, offset) => {
    const call = newCall({
      step: event.step,
      kind: "task",
      name: event.agent,
      argsHash: event.argsHash,
      admitted: offset,
      attempt: 1,
      args: event.input,
    });
    const child = {
      childChainId: event.childChainId,
      agent: event.agent,
      open: true,
      budgetTokens: event.budgetTokens,
      untrusted: event.untrusted,
    };
    const tokensUsed = chain.tokensUsed + event.budgetTokens;
    return {
      ...addCall(chain, event.callId, call),
      tokensUsed,
      children: { ...chain.children, [event.callId]: child },
    };
  },
  SubtaskFinished: (chain, event, offset) => {
    const child = chain.children[event.callId];
    // Told again, or told of nobody: the budget is settled once.
    if (child?.open !== true) return answer(chain, event.callId, offset);
    const children = { ...chain.children, [event.callId]: { ...child, open: false } };
    // What was carved out and not used returns, and no more than that; what was used beyond it is charged as well.
    const tokensUsed = chain.tokensUsed - child.budgetTokens + Math.max(0, event.tokensUsed);
    return { ...answer(chain, event.callId, offset), tokensUsed, children };
  },
  StatementRecorded: (chain, event, offset) =>
    addCall(
      chain,
      event.callId,
      newCall({
        step: event.step,
        kind: "statement",
        name: event.subject,
        argsHash: event.argsHash,
        admitted: offset,
        attempt: 1,
        args: event.statement,
      }),
    ),
  TimerSet: (chain, event, offset) =>
    addCall(
      chain,
      event.callId,
      newCall({
        step: event.step,
        kind: "timer",
        name: TIMER_NAME,
        argsHash: event.argsHash,
        admitted: offset,
        attempt: 1,
        dueAtMs: event.dueAtMs,
      }),
    ),
  TimerFired: (chain, event, offset) => answer(chain, event.callId, offset),
  StatementChecked: (chain, event, offset) => answer(chain, event.callId, offset),
  ChainHalted: (chain, event) => ({
    ...chain,
    trip: null,
    halted: {
      fence: event.directive === "" ? event.meta.eventId : event.directive,
      rule: event.rule,
      reason: event.reason,
    },
    haltSpread: event.directive !== "",
    freed: false,
  }),
  // What a rule in shadow has told is told.
  RuleShadowed: (chain, { rule }) => ({ ...chain, shadows: chain.shadows.filter((one) => one.rule !== rule) }),
  ChainResumed: (chain) => ({ ...chain, halted: null, trip: null, haltSpread: false, rules: INITIAL_RULES }),
};

const effectClassOf = (event: BusEvent): string => (event.type === "EffectAdmitted" ? event.effectClass : "");

function versionsAfter(
  chain: ChainState,
  event: MessageOf<"EffectCommitted">,
  policy: Policy | null,
): ChainState["seen"] {
  const call = chain.calls[event.callId];
  if (call === undefined) return chain.seen;
  return withVersion(chain.seen, policy, call, { version: event.version, offset: offsetOf(event.meta.eventId) });
}

/** Steps machine, calls, ledger and rules of a chain over one of its events. */
export function replayChain(chain: ChainState, event: BusEvent, policy: Policy | null): ChainState {
  const handler = HANDLERS[event.type] as On<BusEvent["type"]> | undefined;
  const fact = factOf(chain, event, policy);
  const changed = handler === undefined ? chain : handler(chain, event as never, offsetOf(event.meta.eventId));
  const status = nextChainStatus(chain.status, event.type, effectClassOf(event));
  const seen = event.type === "EffectCommitted" ? versionsAfter(chain, event, policy) : chain.seen;
  const sequence = event.meta.commandSeq > 0 ? Math.max(changed.sequence, event.meta.commandSeq) : changed.sequence;
  const counted =
    fact?.kind === "error" && "callId" in event ? withCall(changed, event.callId, { erred: true }) : changed;
  const { claims, losing, said, committed, untrusted } = evidenceAfter(chain, event, policy);
  const known = { claims, losing, said, committed, untrusted };
  const gate = stepGate(counted.gate, event, fact);
  const verdicts = stepVerdicts(counted.verdicts, event, offsetOf(event.meta.eventId));
  const before = { ...counted, ...known, gate, verdicts, seen, status, sequence, streamSeq: event.meta.streamSeq };
  const stepped = { ...before, ...ladderAfter(before, event, policy) };
  // What undoes an effect is bounded by its plan.
  const isRuled = stepped.halted === null && stepped.rollback === null;
  if (fact === null || policy === null || !isRuled) return stepped;
  const { rules, trip, shadows } = stepRules(stepped.rules, fact, policy.rules);
  return { ...stepped, rules, trip: stepped.trip ?? trip, shadows: [...stepped.shadows, ...shadows] };
}
