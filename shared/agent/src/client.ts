/**
 * The client: submits tasks, idempotent by key, and awaits how they end (PROTOCOL 4.3).
 *
 * K1 The chain of a key is a hash of it: a task that is submitted again is the same task, in whatever process.
 * K2 A position of the partition is noted before the task is sent, so its outcome cannot lie before `from`.
 * K3 What is sent again (an unknown append, a deferral, no answer) are the same bytes.
 */
import { type BusEvent, type MessageOf, parseOffset, partitionOf } from "@busbar/events";
import type { Codec } from "@busbar/events/codec";
import {
  type BusbarError,
  busbarError,
  canonicalJson,
  type ChainId,
  chainId,
  isErrorCode,
  type Json,
  shortHash,
} from "@busbar/kernel";
import type { EventLog, NewRecord } from "@busbar/log";
import { commandRecord } from "./command-record.ts";
import { EventsWatch } from "./events-watch.ts";
import { observe, type TaskOutcome, type Track, track } from "./task-tracks.ts";
import { systemTimers, type Timers } from "./timers.ts";

export interface ClientOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  /** Of the topics; default `busbar`. */
  readonly prefix?: string;
  /** Of this client, in `principal`. */
  readonly name: string;
  /** HMAC key, where the deployment authenticates clients. */
  readonly key?: Uint8Array;
  readonly timers?: Timers;
  /** First pause before an unanswered submission is sent again; default 3000. */
  readonly answerTimeoutMs?: number;
}

export interface Submission {
  readonly agent: string;
  readonly input: Json;
  /** The task's idempotency key. */
  readonly key: string;
  /** Ms since the epoch; 0 or absent = none. */
  readonly deadlineAtMs?: number;
  /** 0 or absent = the policy's bound. */
  readonly maxSteps?: number;
  /** 0 or absent = none. */
  readonly budgetTokens?: number;
  /** The input holds text of third parties (a ticket, a mail): what derives from it is put to a person; default false. */
  readonly untrusted?: boolean;
  readonly traceparent?: string;
  /** How long to wait for the door's answer; default 30000. */
  readonly timeoutMs?: number;
}

/** Plain data; any client can await it. */
export interface TaskHandle {
  readonly chainId: ChainId;
  readonly partition: number;
  /** Position in the events partition from which the outcome is to be looked for. */
  readonly from: bigint;
  readonly agent: string;
  /** The task was submitted before, under the same key. */
  readonly isKnown: boolean;
}

export interface Client {
  /** Resolves when the door has taken the task (or knew it). Throws BusbarError: rejected, refused, BUSBAR_TIMEOUT. */
  submit(submission: Submission): Promise<TaskHandle>;
  /** Throws BUSBAR_TIMEOUT. A halted chain is an outcome for now: a person may resume it. */
  awaitOutcome(
    handle: Pick<TaskHandle, "chainId" | "partition" | "from" | "agent">,
    options: { readonly timeoutMs: number },
  ): Promise<TaskOutcome>;
  close(): Promise<void>;
}

/** Answers to a submission, and whatever changes how a chain ended (task-tracks.ts). */
const TYPES: ReadonlySet<BusEvent["type"]> = new Set([
  "TaskSubmitted",
  "TaskAlreadyKnown",
  "CommandDeferred",
  "CommandRejected",
  "TaskAssigned",
  "TaskCompleted",
  "TaskFailed",
  "ChainHalted",
  "ChainResumed",
  "HaltAcknowledged",
]);
const UNKNOWN_PAUSE_MS = 200;
const ACCEPT_TIMEOUT_MS = 30_000;
/** Chain of a task's key. */
export function chainOfTaskKey(key: string): ChainId {
  return chainId(shortHash("task", key));
}

export function createClient(options: ClientOptions): Client {
  return new BusClient(options);
}

interface OpenWatch {
  readonly watch: EventsWatch;
  readonly tracks: Map<string, Track>;
}

class BusClient implements Client {
  readonly #options: ClientOptions;
  readonly #prefix: string;
  readonly #timers: Timers;
  readonly #watches = new Map<number, Promise<OpenWatch>>();
  #partitions: Promise<number> | null = null;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#prefix = options.prefix ?? "busbar";
    this.#timers = options.timers ?? systemTimers;
  }

  async submit(submission: Submission): Promise<TaskHandle> {
    const chain = chainOfTaskKey(submission.key);
    this.#partitions ??= this.#options.log.partitionCount(`${this.#prefix}.commands`);
    const partition = partitionOf(chain, await this.#partitions);
    const record = this.#recordOf(submission, chain, partition);
    const { watch, tracks } = await this.#watch(partition);
    const from = watch.position();
    track(tracks, chain, submission.agent);
    const known = await this.#sendUntilTaken(watch, record, {
      chain,
      partition,
      timeoutMs: submission.timeoutMs ?? ACCEPT_TIMEOUT_MS,
    });
    const outcomeAt = known === null ? null : parseOffset(known.outcomeOffset);
    if (outcomeAt !== null) tracks.delete(chain);
    return { chainId: chain, partition, from: outcomeAt ?? from, agent: submission.agent, isKnown: known !== null };
  }

  async awaitOutcome(
    handle: Pick<TaskHandle, "chainId" | "partition" | "from" | "agent">,
    { timeoutMs }: { readonly timeoutMs: number },
  ): Promise<TaskOutcome> {
    const open = await this.#watches.get(handle.partition);
    const tracked = open?.tracks.get(handle.chainId);
    if (tracked !== undefined && tracked.outcome !== null) return tracked.outcome;
    return tracked === undefined ? this.#awaitApart(handle, timeoutMs) : this.#awaitTracked(tracked, handle, timeoutMs);
  }

  async close(): Promise<void> {
    const open = await Promise.allSettled(this.#watches.values());
    this.#watches.clear();
    for (const result of open) if (result.status === "fulfilled") await result.value.watch.stop();
  }

  get #eventsTopic(): string {
    return `${this.#prefix}.events`;
  }

  #recordOf(submission: Submission, chain: ChainId, partition: number): NewRecord {
    const { codec, key, name } = this.#options;
    const {
      agent,
      input,
      deadlineAtMs = 0,
      maxSteps = 0,
      budgetTokens = 0,
      traceparent = "",
      untrusted = false,
    } = submission;
    const body = { taskKey: submission.key, agent, input: canonicalJson(input), deadlineAtMs, maxSteps, budgetTokens };
    const meta = { chainId: chain, lineage: [chain], agent, incarnation: 0, sequence: 0, causationId: "", traceparent };
    return commandRecord(
      { codec, prefix: this.#prefix, principal: `client:${name}`, key: key ?? null },
      partition,
      { type: "SubmitTask", ...body, parentChainId: "", parentCallId: "", untrusted },
      { ...meta, atMs: this.#timers.now(), codeVersion: "" },
    );
  }

  /** The partition's watch, opened at its present end by the first submission. */
  #watch(partition: number): Promise<OpenWatch> {
    const open = this.#watches.get(partition) ?? this.#openWatch(partition);
    this.#watches.set(partition, open);
    open.catch(() => this.#watches.delete(partition));
    return open;
  }

  async #openWatch(partition: number): Promise<OpenWatch> {
    const { log, codec } = this.#options;
    const topic = this.#eventsTopic;
    const from = (await log.offsets(topic, partition)).end;
    const tracks = new Map<string, Track>();
    const watch = await EventsWatch.open({
      log,
      codec,
      topic,
      partition,
      from,
      types: TYPES,
      onBroken: () => this.#watches.delete(partition),
    });
    watch.listen((watched) => {
      observe(tracks, watched);
    });
    return { watch, tracks };
  }

  /** Null when the task is new, else what the door knew of it. K3. */
  #sendUntilTaken(watch: EventsWatch, record: NewRecord, what: Sending): Promise<MessageOf<"TaskAlreadyKnown"> | null> {
    const timers = this.#timers;
    return new Promise((resolve, reject) => {
      let cancelNext: () => void = () => undefined;
      let pauseMs = this.#options.answerTimeoutMs ?? 3000;
      let isSettled = false;
      const settle = (finish: () => void): void => {
        isSettled = true;
        cancelNext();
        cancelTimeout();
        unlisten();
        finish();
      };
      const sendAgain = (afterMs: number): void => {
        cancelNext();
        cancelNext = timers.after(afterMs, () => void send());
      };
      const send = async (): Promise<void> => {
        const refused = await this.#publish(record, what.partition);
        // The answer may be there before the log's acknowledgement is.
        if (isSettled) return;
        if (refused instanceof Error) return settle(() => reject(refused));
        sendAgain(refused === "unknown" ? UNKNOWN_PAUSE_MS : pauseMs);
        if (refused === null) pauseMs = Math.min(pauseMs * 2, 30_000);
      };
      const cancelTimeout = timers.after(what.timeoutMs, () => {
        settle(() => reject(timeout(`the submission of ${what.chain}`, what)));
      });
      const unlisten = watch.listen(({ event }) => {
        if (event.meta.chainId !== what.chain) return;
        const answer = answerToSubmit(event);
        if (answer === null) return;
        if (answer.kind === "deferred") sendAgain(answer.retryAfterMs);
        else settle(() => (answer.kind === "rejected" ? reject(answer.error) : resolve(answer.known)));
      });
      void send();
    });
  }

  /** Null: in the log. */
  async #publish(record: NewRecord, partition: number): Promise<BusbarError | "unknown" | null> {
    const [outcome] = await this.#options.log.publish([{ topic: `${this.#prefix}.commands`, partition, record }]);
    if (outcome?.kind === "refused") return outcome.error;
    return outcome?.kind === "appended" ? null : "unknown";
  }

  #awaitTracked(
    tracked: Track,
    handle: Pick<TaskHandle, "chainId" | "partition">,
    timeoutMs: number,
  ): Promise<TaskOutcome> {
    return new Promise((resolve, reject) => {
      const cancel = this.#timers.after(timeoutMs, () => {
        tracked.waiting.delete(done);
        reject(timeout(`chain ${handle.chainId}`, { ...handle, chain: handle.chainId, timeoutMs }));
      });
      const done = (outcome: TaskOutcome): void => {
        cancel();
        resolve(outcome);
      };
      tracked.waiting.add(done);
    });
  }

  /** A handle of another client, or of long ago: a watch of its own, from where it says. */
  async #awaitApart(
    handle: Pick<TaskHandle, "chainId" | "partition" | "from" | "agent">,
    timeoutMs: number,
  ): Promise<TaskOutcome> {
    const { log, codec } = this.#options;
    const { partition, from } = handle;
    const tracks = new Map<string, Track>();
    const tracked = track(tracks, handle.chainId, handle.agent);
    const watch = await EventsWatch.open({
      log,
      codec,
      topic: this.#eventsTopic,
      partition,
      from,
      types: TYPES,
      onBroken: () => undefined,
    });
    watch.listen((watched) => {
      observe(tracks, watched);
    });
    try {
      return await this.#awaitTracked(tracked, handle, timeoutMs);
    } finally {
      await watch.stop();
    }
  }
}

interface Sending {
  readonly chain: string;
  readonly partition: number;
  readonly timeoutMs: number;
}

const timeout = (what: string, { chain, timeoutMs }: Sending): BusbarError =>
  busbarError("BUSBAR_TIMEOUT", { what, timeoutMs, next: `npx busbar trace ${chain}` });

type SubmitAnswer =
  | { readonly kind: "taken"; readonly known: MessageOf<"TaskAlreadyKnown"> | null }
  | { readonly kind: "deferred"; readonly retryAfterMs: number }
  | { readonly kind: "rejected"; readonly error: BusbarError };

function answerToSubmit(event: BusEvent): SubmitAnswer | null {
  switch (event.type) {
    case "TaskSubmitted":
      return { kind: "taken", known: null };
    case "TaskAlreadyKnown":
      return { kind: "taken", known: event };
    case "CommandDeferred":
      return event.commandType === "SubmitTask" ? { kind: "deferred", retryAfterMs: event.retryAfterMs } : null;
    case "CommandRejected":
      return event.commandType === "SubmitTask" ? { kind: "rejected", error: rejection(event) } : null;
    default:
      return null;
  }
}

function rejection(event: MessageOf<"CommandRejected">): BusbarError {
  const code = isErrorCode(event.code) ? event.code : "BUSBAR_INPUT_INVALID";
  return busbarError(code, {
    what: "the task",
    reason: event.reason,
    chain: event.meta.chainId,
    next: "npx busbar status",
  });
}
