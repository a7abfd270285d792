/**
 * What follows an acknowledged event: the inbox of the chain's agent, sub-tasks and their reports, halts of children.
 * Everything here is at-least-once and idempotent at its receiver; it runs in log order, one event after the other, so
 * that a journal never overtakes or falls behind the outcomes around it (PROTOCOL 4.6, 8.1).
 */
import { type BusEvent, HEADER, type MessageOf, partitionOf } from "@busbar/events";
import type { Codec } from "@busbar/events/codec";
import { signCommand } from "@busbar/events/codec";
import type { EventLog, NewRecord, Publication } from "@busbar/log";
import type { Logger } from "@busbar/telemetry";
import { metaWith } from "../meta.ts";
import { type Clock, type Keyring, pause, type Timers } from "../ports.ts";
import type { TopicNames } from "../topic-names.ts";

/** An acknowledged event with its bytes. */
export interface AckedEvent {
  readonly offset: bigint;
  readonly event: BusEvent;
  readonly bytes: Uint8Array;
}

/** Events that an agent sees as they happen; the others are in its journal, or none of its business. */
export const PROJECTED: ReadonlySet<string> = new Set([
  "TaskAssigned",
  "EffectCommitted",
  "EffectCommittedInvalid",
  "EffectFailed",
  "EffectInDoubt",
  "EffectSettled",
  "EffectAbandoned",
  "EffectAlreadyDone",
  "EffectRefused",
  "EffectContradicted",
  "ModelCallCompleted",
  "ModelCallFailed",
  "SubtaskFinished",
  "StatementChecked",
  "CommandDeferred",
  "CommandRejected",
  "Diverged",
  "ChainDegraded",
  "ChainHalted",
  "ChainResumed",
  "TaskCompleted",
  "TaskFailed",
]);

export interface ProjectorOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topics: TopicNames;
  readonly partition: number;
  readonly partitionCount: number;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly timers: Pick<Timers, "after">;
  readonly logger: Logger;
  readonly owner: string;
  readonly namespace: string;
  /** Valid events of one chain from an offset on, up to (not including) another. */
  journal(chainId: string, from: bigint, to: bigint): Promise<readonly AckedEvent[]>;
  /** Where the chain's TaskSubmitted stands, null for a chain that is gone. */
  submittedAt(chainId: string): bigint | null;
  hasChildren(chainId: string): boolean;
  /** Parent of a chain, open or closed; null where it has none. */
  parentOf(chainId: string): { readonly chainId: string; readonly callId: string; readonly tokensUsed: number } | null;
}

type Task =
  | { readonly kind: "event"; readonly acked: AckedEvent }
  | { readonly kind: "again"; readonly offset: bigint };

const RETRY_MS = 50;
/** Tasks that are published together. */
const BATCH = 256;

export class Projector {
  readonly #options: ProjectorOptions;
  #queue: Task[] = [];
  #through = 0n;
  #running: Promise<void> | null = null;
  #isStopped = false;
  /** Work of an older run ends without a trace: after a load the queue is another one. */
  #run = 0;

  constructor(options: ProjectorOptions) {
    this.#options = options;
  }

  enqueue(events: readonly AckedEvent[]): void {
    for (const acked of events) this.#queue.push({ kind: "event", acked });
    this.#kick();
  }

  /** Answers a repeated command again, from the record. */
  answerAgain(offset: bigint): void {
    this.#queue.push({ kind: "again", offset });
    this.#kick();
  }

  /** Events projected, exclusive. */
  through(): bigint {
    return this.#through;
  }

  /** Starts over from an offset (after a load). */
  reset(through: bigint): void {
    this.#run += 1;
    this.#queue = [];
    this.#through = through;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  #isCurrent(run: number): boolean {
    return this.#run === run && !this.#isStopped;
  }

  #kick(): void {
    if (this.#running !== null || this.#isStopped) return;
    this.#running = this.#work(this.#run)
      .catch((error: unknown) => {
        const { logger, partition, timers } = this.#options;
        logger.error({ err: error, partition }, "projection failed: it is tried again");
        return pause(timers, RETRY_MS);
      })
      .finally(() => {
        this.#running = null;
        if (this.#queue.length > 0) this.#kick();
      });
  }

  async #work(run: number): Promise<void> {
    while (this.#queue.length > 0 && this.#isCurrent(run)) {
      // It stays in the queue until it is published: what fails on the way is tried again whole.
      const batch = this.#queue.slice(0, BATCH);
      const publications: Publication[] = [];
      for (const [index, task] of batch.entries()) {
        const made = publicationsOf(this.#options, task, batch[index - 1]);
        publications.push(...(made instanceof Promise ? await made : made));
      }
      await this.#publish(publications);
      if (!this.#isCurrent(run)) return;
      this.#queue.splice(0, batch.length);
      const last = batch.findLast((task) => task.kind === "event");
      if (last?.kind === "event") this.#through = last.acked.offset + 1n;
    }
  }

  async #publish(publications: readonly Publication[]): Promise<void> {
    const { log, logger, partition, timers } = this.#options;
    let rest = publications;
    while (rest.length > 0 && !this.#isStopped) {
      const outcomes = await log.publish(rest);
      const refused = outcomes.filter((outcome) => outcome.kind === "refused").length;
      if (refused > 0) logger.error({ partition }, `${refused} projected record(s) refused by the log`);
      // Unknown: sent again, since every receiver drops what it has seen. Refused cannot get better.
      rest = rest.filter((_, index) => outcomes[index]?.kind === "unknown");
      if (rest.length > 0) await pause(timers, RETRY_MS);
    }
  }
}

type Publications = readonly Publication[] | Promise<readonly Publication[]>;

function publicationsOf(options: ProjectorOptions, task: Task, before: Task | undefined): Publications {
  if (task.kind === "again") return answerOf(options, task.offset);
  const { event } = task.acked;
  switch (event.type) {
    case "TaskAssigned":
      return firstAssignment(options, task.acked, event, before) ?? assignmentOf(options, task.acked, event);
    case "TaskSent":
      return [childTask(options, event)];
    case "ChainHalted":
      return [...inbox(options, task.acked), ...haltOfChildren(options, event)];
    case "TaskCompleted":
    case "TaskFailed":
      return [...inbox(options, task.acked), ...reportOf(options, task.acked)];
    case "TaskAlreadyKnown":
      return knownChild(options, event);
    default:
      return PROJECTED.has(event.type) ? inbox(options, task.acked) : [];
  }
}

function inbox(
  options: ProjectorOptions,
  acked: AckedEvent,
  more: Readonly<Record<string, string>> = {},
): Publication[] {
  const { event, bytes } = acked;
  if (event.meta.agent === "" || event.meta.chainId === "") return [];
  const claimed = event.meta.claimCheck === null ? {} : { [HEADER.claimCheck]: "1" };
  const pinned = event.meta.codeVersion === "" ? {} : { [HEADER.version]: event.meta.codeVersion };
  const headers = { [HEADER.type]: event.type, [HEADER.source]: event.meta.eventId, ...claimed, ...pinned, ...more };
  const record: NewRecord = { key: event.meta.chainId, value: bytes, headers };
  return [{ topic: options.topics.inbox(event.meta.agent), partition: options.partition, record }];
}

const isJournalled = (event: BusEvent): boolean => event.type === "TaskSubmitted" || "callId" in event;

/** Right behind its submission an assignment has that one record for a journal: nothing needs to be read. */
function firstAssignment(
  options: ProjectorOptions,
  acked: AckedEvent,
  event: MessageOf<"TaskAssigned">,
  before: Task | undefined,
): readonly Publication[] | null {
  if (before?.kind !== "event") return null;
  const { type, meta } = before.acked.event;
  const isSubmission = type === "TaskSubmitted" && meta.chainId === event.meta.chainId;
  return isSubmission ? assignment(options, acked, event, [before.acked]) : null;
}

async function assignmentOf(
  options: ProjectorOptions,
  acked: AckedEvent,
  event: MessageOf<"TaskAssigned">,
): Promise<readonly Publication[]> {
  const from = options.submittedAt(event.meta.chainId);
  const events = from === null ? [] : await options.journal(event.meta.chainId, from, acked.offset);
  return assignment(options, acked, event, events);
}

function assignment(
  options: ProjectorOptions,
  acked: AckedEvent,
  event: MessageOf<"TaskAssigned">,
  events: readonly AckedEvent[],
): readonly Publication[] {
  const journal = events.filter((found) => isJournalled(found.event) && !isNotice(found.event));
  // The submission was recorded before the chain was pinned; its copy goes where the assignment goes.
  const pinned: Record<string, string> = event.version === "" ? {} : { [HEADER.version]: event.version };
  const journalHeader = { [HEADER.journal]: String(event.incarnation), ...pinned };
  const target = event.agent;
  const records = journal.flatMap((found) => inbox(options, withAgent(found, target), journalHeader));
  return [...inbox(options, acked, { [HEADER.journalCount]: String(records.length) }), ...records];
}

/** Deferrals and rejections are talk about commands, not part of what happened to the chain. */
const isNotice = (event: BusEvent): boolean => event.type === "CommandDeferred" || event.type === "CommandRejected";

function withAgent(acked: AckedEvent, agent: string): AckedEvent {
  const { event } = acked;
  return { ...acked, event: { ...event, meta: { ...event.meta, agent } } };
}

async function answerOf(options: ProjectorOptions, offset: bigint): Promise<readonly Publication[]> {
  const delivered = options.log.read(options.topics.events, options.partition, { from: offset, to: offset + 1n });
  for await (const { records } of delivered) {
    const record = records[0];
    if (record === undefined) continue;
    const decoded = options.codec.decode(record.value, "event");
    if (decoded.ok && record.value !== null) {
      return inbox(options, { offset, event: decoded.message, bytes: record.value });
    }
  }
  return [];
}

interface GatewayCommand {
  readonly type: "SubmitTask" | "ReportSubtask";
  readonly chainId: string;
  readonly lineage: readonly string[];
  readonly correlationId: string;
  readonly causationId: string;
  readonly traceparent: string;
  readonly body: Readonly<Record<string, unknown>>;
}

function gatewayCommand(options: ProjectorOptions, made: GatewayCommand): Publication {
  const { codec, topics, keyring, clock, owner } = options;
  const partition = partitionOf(made.chainId, options.partitionCount);
  const { chainId, lineage, correlationId, causationId, traceparent } = made;
  const eventId = `${owner}/${causationId}`;
  const { namespace } = options;
  const atMs = clock.nowMs();
  const meta = metaWith({ eventId, atMs, chainId, lineage, correlationId, causationId, traceparent, namespace });
  const value = codec.encode(made.type, { meta, ...made.body } as never);
  const [key] = keyring.commandKeys("gateway");
  const position = { topic: topics.commands, partition, chainId: made.chainId, incarnation: 0, sequence: 0, value };
  const auth = key === undefined ? "" : signCommand(key, position);
  const headers = { [HEADER.type]: made.type, [HEADER.principal]: "gateway", [HEADER.auth]: auth };
  return { topic: topics.commands, partition, record: { key: made.chainId, value, headers } };
}

/** The sub-task's own submission; its lineage is its parent's with itself at the end. */
export function childTask(options: ProjectorOptions, event: MessageOf<"TaskSent">): Publication {
  const { meta, childChainId, agent, input, deadlineAtMs, budgetTokens, callId } = event;
  const body = {
    taskKey: `${meta.chainId}/${event.step}`,
    agent,
    input,
    deadlineAtMs,
    maxSteps: 0,
    budgetTokens,
    parentChainId: meta.chainId,
    parentCallId: callId,
  };
  const { correlationId, traceparent, eventId } = meta;
  const lineage = [...meta.lineage, childChainId];
  return gatewayCommand(options, {
    type: "SubmitTask",
    chainId: childChainId,
    lineage,
    correlationId,
    causationId: eventId,
    traceparent,
    body,
  });
}

function report(options: ProjectorOptions, ended: BusEvent, offset: string): readonly Publication[] {
  const { meta } = ended;
  const parent = options.parentOf(meta.chainId);
  if (parent === null) return [];
  const isDone = ended.type === "TaskCompleted";
  const state = isDone ? "completed" : "failed";
  const output = isDone
    ? ended.output
    : ended.type === "TaskFailed"
      ? JSON.stringify({ code: ended.code, reason: ended.reason })
      : "";
  const body = {
    parentCallId: parent.callId,
    childChainId: meta.chainId,
    state,
    output,
    childOffset: offset,
    tokensUsed: parent.tokensUsed,
  };
  const { correlationId, traceparent, eventId } = meta;
  return [
    gatewayCommand(options, {
      type: "ReportSubtask",
      chainId: parent.chainId,
      lineage: [],
      correlationId,
      causationId: eventId,
      traceparent,
      body,
    }),
  ];
}

const reportOf = (options: ProjectorOptions, acked: AckedEvent): readonly Publication[] =>
  report(options, acked.event, acked.offset.toString());

/** A child that is asked for again and has ended: its report is sent again. */
async function knownChild(
  options: ProjectorOptions,
  event: MessageOf<"TaskAlreadyKnown">,
): Promise<readonly Publication[]> {
  if (event.outcomeOffset === "" || options.parentOf(event.meta.chainId) === null) return [];
  const offset = BigInt(event.outcomeOffset);
  for await (const { records } of options.log.read(options.topics.events, options.partition, {
    from: offset,
    to: offset + 1n,
  })) {
    const decoded = options.codec.decode(records[0]?.value ?? null, "event");
    if (decoded.ok) return report(options, decoded.message, event.outcomeOffset);
  }
  return [];
}

/** A chain halted by a rule also halts its descendants, in whatever partition: by a directive, named by its cause. */
function haltOfChildren(options: ProjectorOptions, event: MessageOf<"ChainHalted">): readonly Publication[] {
  if (event.directive !== "" || !options.hasChildren(event.meta.chainId)) return [];
  return [haltDirective(options, event)];
}

export function haltDirective(options: ProjectorOptions, event: MessageOf<"ChainHalted">): Publication {
  const { codec, topics, keyring, owner } = options;
  const scope = `chain:${event.meta.chainId}`;
  const principal = `gateway:${owner}`;
  const meta = { ...event.meta, causationId: event.meta.eventId, progress: null, commandSeq: 0, streamSeq: 0 };
  const reason = `${event.rule}: ${event.reason}`;
  const body = { scope, reason, by: principal, rule: event.rule, cause: event.meta.eventId };
  const value = codec.encode("Halt", { meta, ...body });
  const sig = keyring.signOrder({ topic: topics.directives, principal, value });
  const headers = { [HEADER.type]: "Halt", [HEADER.principal]: principal, [HEADER.sig]: sig };
  return { topic: topics.directives, partition: 0, record: { key: scope, value, headers } };
}
