/**
 * What follows an acknowledged event: the inbox of the chain's agent, sub-tasks and their reports, halts of children.
 * Everything here is at-least-once and idempotent at its receiver; it runs in log order, one event after the other, so
 * that a journal never overtakes or falls behind the outcomes around it (PROTOCOL 4.6, 8.1).
 */
import { type BusEvent, HEADER, type MessageOf } from "@busbar/events";
import type { Codec } from "@busbar/events/codec";
import { type BusbarError, reasonOf } from "@busbar/kernel";
import type { EventLog, NewRecord, Publication } from "@busbar/log";
import { type Policy, ROLLBACK_AGENT } from "@busbar/policy";
import type { Logger } from "@busbar/telemetry";
import { type Clock, type Keyring, pause, type Timers } from "../ports.ts";
import type { TopicNames } from "../topic-names.ts";
import { childTask, haltOfChildren, knownChild, reportOf, rollbackOf } from "./gateway-messages.ts";

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
  "EffectDisputed",
  "ModelCallCompleted",
  "ModelCallFailed",
  "SubtaskFinished",
  "StatementChecked",
  "HandOffAnswered",
  "ConfidenceReported",
  "ScopeNarrowed",
  "TimerFired",
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
  /** In force now. */
  policy(): Policy | null;
  hasChildren(chainId: string): boolean;
  /** Parent of a chain, open or closed; null where it has none. */
  parentOf(chainId: string): { readonly chainId: string; readonly callId: string; readonly tokensUsed: number } | null;
}

type Task =
  | { readonly kind: "event"; readonly acked: AckedEvent }
  | { readonly kind: "again"; readonly offset: bigint };

/** First and longest wait before something is tried again, ms; it doubles, and is short again after a success. */
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 5000;
/** Tasks that are published together. */
const BATCH = 256;

export interface ProjectionStatus {
  /** Events that wait to be projected. */
  readonly waiting: number;
  /** Attempts that failed in a row; 0: it goes on. */
  readonly failures: number;
  /** Why the last one failed; "" while it goes on. */
  readonly reason: string;
  /** Records that an inbox's topic refused, and that no agent will see unless it asks for its journal. */
  readonly refused: number;
  readonly lastRefusal: string;
}

export class Projector {
  readonly #options: ProjectorOptions;
  #failures = 0;
  #reason = "";
  #refused = 0;
  #lastRefusal = "";
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

  status(): ProjectionStatus {
    const [failures, reason] = [this.#failures, this.#reason];
    return { waiting: this.#queue.length, failures, reason, refused: this.#refused, lastRefusal: this.#lastRefusal };
  }

  /**
   * The partition's memory is about to be dropped: what was read from it, or would be, is not published. A load starts
   * over from what the log says.
   */
  suspend(): void {
    this.#run += 1;
    this.#queue = [];
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
        const { logger, partition } = this.#options;
        logger.error({ err: error, partition }, "projection failed: it is tried again");
        return this.#backOff(reasonOf(error));
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
        // Reading a journal takes time, and the memory may have gone meanwhile.
        if (!this.#isCurrent(run)) return;
      }
      await this.#publish(publications);
      if (!this.#isCurrent(run)) return;
      this.#queue.splice(0, batch.length);
      const last = batch.findLast((task) => task.kind === "event");
      if (last?.kind === "event") this.#through = last.acked.offset + 1n;
    }
  }

  async #publish(publications: readonly Publication[]): Promise<void> {
    const { log } = this.#options;
    let rest = publications;
    while (rest.length > 0 && !this.#isStopped) {
      const outcomes = await log.publish(rest);
      for (const outcome of outcomes) if (outcome.kind === "refused") this.#refusal(outcome.error);
      // Unknown: sent again, since every receiver drops what it has seen. Refused cannot get better.
      const unknown = outcomes.find((outcome) => outcome.kind === "unknown");
      rest = rest.filter((_, index) => outcomes[index]?.kind === "unknown");
      if (unknown?.kind === "unknown") await this.#backOff(reasonOf(unknown.cause));
    }
    this.#failures = 0;
    this.#reason = "";
  }

  #refusal(error: BusbarError): void {
    const { logger, partition } = this.#options;
    this.#refused += 1;
    this.#lastRefusal = error.message;
    logger.error({ partition, err: error }, "a projected record was refused by the log");
  }

  #backOff(reason: string): Promise<void> {
    const waitMs = Math.min(FIRST_RETRY_MS * 2 ** Math.min(this.#failures, 16), LONGEST_RETRY_MS);
    this.#failures += 1;
    this.#reason = reason;
    return pause(this.#options.timers, waitMs);
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
      return haltedOf(options, task.acked, event);
    case "TaskCompleted":
    case "TaskFailed":
      return [...inbox(options, task.acked), ...reportOf(options, task.acked)];
    case "TaskAlreadyKnown":
      return knownChild(options, event);
    default:
      return PROJECTED.has(event.type) ? inbox(options, task.acked) : [];
  }
}

/** A halt reaches agent and children; where the policy says so, what the chain has done is undone. */
function haltedOf(options: ProjectorOptions, acked: AckedEvent, event: MessageOf<"ChainHalted">): Publications {
  const told = [...inbox(options, acked), ...haltOfChildren(options, event)];
  const policy = options.policy();
  const from = options.submittedAt(event.meta.chainId);
  const isOurs = event.directive === "" && event.meta.agent !== ROLLBACK_AGENT;
  if (policy?.rollbackOnHalt !== true || from === null || !isOurs) return told;
  return options.journal(event.meta.chainId, from, acked.offset).then((events) => {
    const order = rollbackOf(options, policy, event, events);
    return order === null ? told : [...told, order];
  });
}

function inbox(
  options: ProjectorOptions,
  acked: AckedEvent,
  more: Readonly<Record<string, string>> = {},
): Publication[] {
  const { event, bytes } = acked;
  const { agent, chainId } = event.meta;
  // A rollback is carried out by the door: nobody waits for its records.
  if (agent === "" || chainId === "" || agent === ROLLBACK_AGENT) return [];
  const claimed = event.meta.claimCheck === null ? {} : { [HEADER.claimCheck]: "1" };
  const pinned = event.meta.codeVersion === "" ? {} : { [HEADER.version]: event.meta.codeVersion };
  const headers = { [HEADER.type]: event.type, [HEADER.source]: event.meta.eventId, ...claimed, ...pinned, ...more };
  const record: NewRecord = { key: event.meta.chainId, value: bytes, headers };
  return [{ topic: options.topics.inbox(event.meta.agent), partition: options.partition, record }];
}

/** A run needs to know its task, its calls and their answers, and which of these a person's resume came after. */
const isJournalled = (event: BusEvent): boolean =>
  event.type === "TaskSubmitted" || event.type === "ChainResumed" || "callId" in event;

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
  // Gone, so nobody runs it any more. An assignment without its journal could not be run either.
  if (from === null) return [];
  const events = await options.journal(event.meta.chainId, from, acked.offset);
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
