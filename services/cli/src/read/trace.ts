/**
 * A chain as a tree: its steps with their evidence, its sub-tasks below the step that sent them, and what stopped it.
 * A pure fold over the valid events of the chain and its descendants; a claim stands beside the fact it was checked by.
 */
import { type AppliedDirective, type BusEvent, ConversationReader, covers, type MessageOf } from "@busbar/events";
import { type Json, parseJson } from "@busbar/kernel";

export interface TracedEvent {
  readonly partition: number;
  readonly offset: bigint;
  readonly event: BusEvent;
}

export type StepKind = "tool" | "model" | "task" | "statement" | "timer" | "handoff" | "report";

export interface TraceStep {
  readonly step: number;
  readonly callId: string;
  readonly kind: StepKind;
  /** Tool, model, agent or subject. */
  readonly name: string;
  /** Arguments, input or statement, JSON. */
  readonly asked: string;
  /** Of a model call: the whole request, messages that its record refers to included; else null. */
  readonly request: Json | null;
  readonly attempts: number;
  /** `open`, `committed`, `refused`, `failed`, `in doubt` … */
  readonly outcome: string;
  readonly reason: string;
  readonly durationMs: number;
  /** Ids of the events that say so, in log order. */
  readonly evidence: readonly string[];
  /** Of a statement that was checked. */
  readonly check: { readonly agrees: boolean; readonly fact: string; readonly source: string } | null;
  readonly child: ChainTrace | null;
}

/** What happened to the chain as a whole, between its steps. */
export interface TraceNote {
  readonly kind: "assigned" | "degraded" | "halted" | "resumed" | "rejected" | "deferred" | "diverged" | "contradicted";
  readonly text: string;
  /** What a resume of this halt names: its scope and its fence; empty elsewhere. */
  readonly scope: string;
  readonly fence: string;
  readonly evidence: readonly string[];
}

export type TraceItem =
  | { readonly step: TraceStep; readonly note?: never }
  | { readonly note: TraceNote; readonly step?: never };

export interface ChainTrace {
  readonly chainId: string;
  readonly agent: string;
  readonly partition: number;
  readonly state: "working" | "degraded" | "halted" | "completed" | "failed" | "unknown";
  readonly input: string;
  readonly output: string;
  readonly incarnations: number;
  readonly events: number;
  /** Commands that had to be sent again. */
  readonly deferred: number;
  readonly startedAtMs: number;
  readonly lastAtMs: number;
  readonly items: readonly TraceItem[];
}

type Draft = { -readonly [K in keyof Omit<TraceStep, "child">]: TraceStep[K] } & { childChainId: string };
type Item = { readonly draft: Draft } | { readonly note: TraceNote };

interface Fold {
  readonly chain: { -readonly [K in keyof Omit<ChainTrace, "items">]: ChainTrace[K] };
  readonly items: Item[];
  readonly drafts: Map<string, Draft>;
  readonly conversations: ConversationReader;
  /** Calls end in another state than they were left in only by an event of theirs. */
  lineage: readonly string[];
  /** Calls whose wait for a person was told. */
  readonly waits: Set<string>;
}

const KINDS: Readonly<Record<string, StepKind>> = {
  EffectAdmitted: "tool",
  EffectRefused: "tool",
  EffectAlreadyDone: "tool",
  EffectAwaited: "tool",
  ApprovalRequested: "tool",
  ModelCallAdmitted: "model",
  TaskSent: "task",
  StatementRecorded: "statement",
  TimerSet: "timer",
  HandedOff: "handoff",
  ConfidenceReported: "report",
};

type Change = Partial<Omit<Draft, "evidence">>;
type Changes = { readonly [T in BusEvent["type"]]?: (event: MessageOf<T>, draft: Draft) => Change };

const failed = ({ code, reason }: { readonly code: string; readonly reason: string }): Change => ({
  outcome: "failed",
  reason: reason === "" ? code : `${code}: ${reason}`,
});

/** What each event changes of its step. */
const CHANGES: Changes = {
  EffectAdmitted: ({ tool, args, attempt }) => ({
    name: tool,
    asked: args,
    attempts: attempt,
    outcome: "open",
    reason: "",
  }),
  EffectAwaited: ({ tool }) => ({ name: tool, outcome: "waiting" }),
  ApprovalRequested: ({ tool, args, rule, reason }) => ({
    name: tool,
    asked: args,
    outcome: "waits for a person",
    reason: `${rule}: ${reason}`,
  }),
  ApprovalGranted: ({ by, reason }) => ({
    outcome: "approved",
    reason: reason === "" ? `by ${by}` : `by ${by}: ${reason}`,
  }),
  EffectCommitted: ({ durationMs }) => ({ outcome: "committed", reason: "", durationMs }),
  EffectVerified: ({ by }) => ({ outcome: "committed", reason: `verified by ${by}` }),
  EffectDisputed: ({ expected, seen, reason }) => ({
    outcome: "DISPUTED",
    reason: `${reason}; expected ${expected}, seen ${seen === "" ? "nothing" : seen}`,
  }),
  EffectCommittedInvalid: ({ reason, durationMs }) => ({ outcome: "committed, result invalid", reason, durationMs }),
  EffectFailed: (event) =>
    event.code === "BUSBAR_STALE"
      ? { ...failed(event), outcome: "refused as stale", reason: `${event.reason}; ${event.freshness}` }
      : event.final
        ? { ...failed(event), durationMs: event.durationMs }
        : { ...failed(event), outcome: "open" },
  EffectInDoubt: (event) => ({ ...failed(event), outcome: "in doubt" }),
  EffectSettled: ({ outcome, by, reason }) => {
    const settled = outcome === "unknown" ? "in doubt, for a person" : `settled as ${outcome}`;
    return { outcome: settled, reason: reason === "" ? `by ${by}` : `by ${by}: ${reason}` };
  },
  EffectAbandoned: ({ reason }) => ({ outcome: "abandoned, never started", reason }),
  EffectAlreadyDone: ({ tool, originalOffset }) => ({
    name: tool,
    outcome: "already done",
    reason: `at o${originalOffset}`,
  }),
  EffectRefused: (event) => ({ ...failed(event), name: event.tool, asked: event.args, outcome: "refused" }),
  ModelCallAdmitted: ({ model, attempt }) => ({ name: model, outcome: "open", attempts: attempt, reason: "" }),
  ModelCallCompleted: ({ durationMs, inputTokens, outputTokens, estimated }) => ({
    outcome: "answered",
    reason: `${estimated ? "about " : ""}${inputTokens}+${outputTokens} tokens`,
    durationMs,
  }),
  ModelCallFailed: (event) =>
    event.final ? { ...failed(event), durationMs: event.durationMs } : { ...failed(event), outcome: "open" },
  TaskSent: ({ agent, input, childChainId }) => ({ name: agent, asked: input, outcome: "open", childChainId }),
  SubtaskFinished: ({ state }) => ({ outcome: state }),
  StatementRecorded: ({ subject, statement }) => ({ name: subject, asked: statement, outcome: "recorded" }),
  TimerSet: ({ delayMs, dueAtMs }) => ({
    name: "sleep",
    asked: `${delayMs} ms`,
    outcome: `until ${new Date(dueAtMs).toISOString()}`,
  }),
  TimerFired: () => ({ outcome: "over" }),
  HandedOff: ({ question, rule }) => ({
    name: "person",
    asked: question,
    outcome: "waits for a person",
    reason: rule === "" ? "" : `by ${rule}`,
  }),
  HandOffTaken: ({ by }) => ({ outcome: "taken by a person", reason: `by ${by}` }),
  HandOffAnswered: ({ by, answer }) => ({ outcome: "answered", reason: `by ${by}: ${answer}` }),
  ConfidenceReported: ({ percent, about }) => ({ name: "confidence", asked: about, outcome: `${percent} %` }),
  StatementChecked: ({ agrees, fact, source }) => ({
    outcome: agrees ? "agrees with the fact" : "REFUTED by the fact",
    check: { agrees, fact, source },
  }),
};

function draftOf(fold: Fold, event: BusEvent, callId: string): Draft | null {
  const known = fold.drafts.get(callId);
  if (known !== undefined) return known;
  const kind = KINDS[event.type];
  if (kind === undefined || !("step" in event)) return null;
  const draft: Draft = {
    step: event.step,
    callId,
    kind,
    name: "",
    asked: "",
    request: null,
    attempts: 0,
    outcome: "open",
    reason: "",
    durationMs: 0,
    evidence: [],
    check: null,
    childChainId: "",
  };
  fold.drafts.set(callId, draft);
  fold.items.push({ draft });
  return draft;
}

/** Arguments, input or output that were too large for their record stand elsewhere. */
function putAside(event: BusEvent, field: string, text: string): string {
  const { claimCheck } = event.meta;
  return claimCheck?.field === field ? `(${claimCheck.bytes} bytes, kept apart)` : text;
}

const ASKED_FIELDS: Readonly<Record<string, string>> = {
  EffectAdmitted: "args",
  EffectRefused: "args",
  ApprovalRequested: "args",
  TaskSent: "input",
  StatementRecorded: "statement",
};

/** With the messages that it refers to; what is missing is named, and never left out in silence. */
function wholeRequest(conversations: ConversationReader, text: string): Json {
  const recorded = parseJson(text) ?? text;
  const resolved = conversations.resolve(recorded);
  return resolved.ok ? resolved.request : { missing: resolved.missing, recorded };
}

function foldStep(fold: Fold, event: BusEvent): boolean {
  const change = CHANGES[event.type] as ((one: BusEvent, draft: Draft) => Change) | undefined;
  if (change === undefined || !("callId" in event)) return false;
  const draft = draftOf(fold, event, event.callId);
  if (draft === null) return false;
  Object.assign(draft, change(event, draft));
  draft.asked = putAside(event, ASKED_FIELDS[event.type] ?? "", draft.asked);
  fold.conversations.observe(event);
  if (event.type === "ModelCallAdmitted") draft.request = wholeRequest(fold.conversations, event.request);
  draft.evidence = [...draft.evidence, event.meta.eventId];
  return true;
}

function note(fold: Fold, event: BusEvent, kind: TraceNote["kind"], text: string, more: Partial<TraceNote> = {}): void {
  fold.items.push({ note: { kind, text, scope: "", fence: "", evidence: [event.meta.eventId], ...more } });
}

const withReason = (text: string, reason: string): string => (reason === "" ? text : `${text}: ${reason}`);

function foldHalt(fold: Fold, event: MessageOf<"ChainHalted">): void {
  const { rule, reason, evidence, directive, meta } = event;
  fold.chain.state = "halted";
  // By an order: the scope stands in the order, and its acknowledgement has told it.
  const [scope, fence] = directive === "" ? [`chain:${meta.chainId}`, meta.eventId] : ["", directive];
  note(fold, event, "halted", withReason(`halted by ${rule}`, reason), {
    scope,
    fence,
    evidence: [...evidence, meta.eventId],
  });
}

function foldChain(fold: Fold, event: BusEvent): void {
  const { chain } = fold;
  switch (event.type) {
    case "TaskSubmitted":
      Object.assign(chain, {
        agent: event.agent,
        input: putAside(event, "input", event.input),
        state: "working",
        startedAtMs: event.meta.atMs,
      });
      return;
    case "TaskAssigned":
      chain.incarnations = event.incarnation;
      if (event.incarnation > 1)
        note(fold, event, "assigned", withReason(`assigned again, incarnation ${event.incarnation}`, event.reason));
      return;
    case "TaskCompleted":
      Object.assign(chain, { state: "completed", output: putAside(event, "output", event.output) });
      return;
    case "TaskFailed":
      Object.assign(chain, { state: "failed", output: withReason(event.code, event.reason) });
      return;
    case "ChainHalted":
      return foldHalt(fold, event);
    case "ChainDegraded":
      chain.state = "degraded";
      return note(fold, event, "degraded", withReason(`reads only, by ${event.rule}`, event.reason));
    case "ChainResumed":
      chain.state = "working";
      return note(fold, event, "resumed", withReason(`resumed by ${event.by}`, event.reason));
    default:
      foldTrouble(fold, event);
  }
}

/** What waits for a person is told once for each call. */
function noteWait(fold: Fold, event: MessageOf<"CommandDeferred">): void {
  if (event.code !== "BUSBAR_CAP_ELSEWHERE" || fold.waits.has(event.callId)) return;
  fold.waits.add(event.callId);
  note(fold, event, "deferred", `${event.code}: ${event.reason}`);
}

function foldTrouble(fold: Fold, event: BusEvent): void {
  switch (event.type) {
    case "CommandDeferred":
      fold.chain.deferred += 1;
      return noteWait(fold, event);
    case "CommandRejected":
      return note(fold, event, "rejected", withReason(`${event.commandType} rejected, ${event.code}`, event.reason));
    case "Diverged":
      return note(fold, event, "diverged", `step ${event.step} was ${event.expected} and is now ${event.actual}`);
    case "EffectContradicted":
      return note(fold, event, "contradicted", event.reason);
    default:
  }
}

/** A halt or resume of a wider scope is said once for all the chains of a partition. */
function foldDirectives(fold: Fold, event: MessageOf<"HaltAcknowledged"> | MessageOf<"DirectivesApplied">): void {
  const { chain, lineage } = fold;
  const isOver = chain.state === "completed" || chain.state === "failed" || chain.state === "unknown";
  if (isOver) return;
  const concerns = ({ scope }: AppliedDirective): boolean => covers(scope, { agent: chain.agent, lineage });
  for (const directive of event.applied.filter(concerns)) {
    if (directive.kind === "Halt") {
      chain.state = "halted";
      note(fold, event, "halted", `halted by an order for ${directive.scope}`, {
        scope: directive.scope,
        fence: directive.offset,
      });
    }
    if (directive.kind === "Resume" && chain.state === "halted")
      note(fold, event, "resumed", `an order lifted fence ${directive.id}`);
  }
}

function emptyFold(chainId: string, first: TracedEvent): Fold {
  const chain = {
    chainId,
    agent: first.event.meta.agent,
    partition: first.partition,
    state: "unknown" as const,
    input: "",
    output: "",
    incarnations: 0,
    events: 0,
    deferred: 0,
    startedAtMs: first.event.meta.atMs,
    lastAtMs: first.event.meta.atMs,
  };
  return {
    chain,
    items: [],
    drafts: new Map(),
    conversations: new ConversationReader(),
    lineage: first.event.meta.lineage,
    waits: new Set(),
  };
}

/** Null where no event is of the chain. `events`: of the chain, its descendants and their partitions, in log order each. */
export function traceChain(chainId: string, events: readonly TracedEvent[]): ChainTrace | null {
  const first = events.find(({ event }) => event.meta.chainId === chainId);
  if (first === undefined) return null;
  const fold = emptyFold(chainId, first);
  for (const { event, partition } of events) {
    if (partition !== first.partition) continue;
    if (event.type === "HaltAcknowledged" || event.type === "DirectivesApplied") foldDirectives(fold, event);
    if (event.meta.chainId !== chainId) continue;
    fold.chain.events += 1;
    fold.chain.lastAtMs = event.meta.atMs;
    if (!foldStep(fold, event)) foldChain(fold, event);
  }
  const items = fold.items.map((item): TraceItem => {
    if ("note" in item) return item;
    const { childChainId, ...step } = item.draft;
    return { step: { ...step, child: childChainId === "" ? null : traceChain(childChainId, events) } };
  });
  return { ...fold.chain, items };
}

/** Sub-tasks named by the events, for a reader that has to find their partitions. */
export function childrenIn(events: readonly TracedEvent[]): readonly string[] {
  return events.flatMap(({ event }) => (event.type === "TaskSent" ? [event.childChainId] : []));
}
