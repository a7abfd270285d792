/**
 * The commands of one run on their way to the door.
 *
 * C1 Sequence 1, 2, 3 … per (chain, incarnation); a command's bytes are made once and never change.
 * C2 A command is kept until an event shows that the door consumed it; until then it may be sent again.
 * C3 What is not consumed is sent again: at once from `expected` after a gap, after `retryAfterMs` when deferred, after
 *    a growing pause when nothing answers or the log could not tell.
 * C5 While a deferred command waits for its time nothing is sent: what follows it would only meet a gap.
 * C4 Records of one run go to the log in sequence order; one publication is under way at a time.
 * C5 Arguments that have no room in a record are acknowledged in the blobs topic before the command that refers to them
 *    is made; the commands behind it wait (PROTOCOL 5.8).
 */
import type { BusCommand, BusEvent, ClaimCheck, MessageOf } from "@busbar/events";
import { assert, type BusbarError, utf8Length } from "@busbar/kernel";
import type { AppendOutcome, BlobRef, NewRecord } from "@busbar/log";
import { PAYLOAD_LIMIT_BYTES } from "@busbar/policy";
import type { RunCommand } from "./run-context.ts";
import type { Timers } from "./timers.ts";

export interface SenderOptions {
  readonly incarnation: number;
  /** Makes the record of a command: encoded, framed and authenticated. May throw for what can never be sent. */
  encode(command: RunCommand, sequence: number, aside: ClaimCheck | null): NewRecord;
  /** One try to put a text aside. */
  putAside(text: string): Promise<PutAside>;
  publish(records: readonly NewRecord[]): Promise<readonly AppendOutcome[]>;
  readonly timers: Pick<Timers, "after">;
  /** First pause before an unanswered command is sent again, in ms; doubles up to eight times as much. */
  readonly answerTimeoutMs: number;
  /** The log or the door will never take a command of ours. Nothing of this run can be sent after it. */
  onRejected(code: string, reason: string): void;
  /** Told after each publication: whether the log took it. */
  onPublished?(isTaken: boolean): void;
}

/** Where a text stands; null: not known to be there, so it is put aside again. */
export type PutAside = BlobRef | null | { readonly refused: BusbarError };

interface Kept {
  readonly sequence: number;
  readonly type: BusCommand["type"];
  readonly step: number;
  /** Null while what it refers to is on its way. */
  record: NewRecord | null;
  /** Where the log has it, as far as we know; one per sending. */
  readonly offsets: Set<string>;
}

type Ready = Kept & { readonly record: NewRecord };
const isReady = (kept: Kept): kept is Ready => kept.record !== null;

type LargeCall = Extract<RunCommand, { type: "CallTool" }>;

/** A call whose arguments have no room in its record; null for all others. */
function largeArgumentsOf(command: RunCommand): LargeCall | null {
  if (command.type !== "CallTool") return null;
  return utf8Length(command.args) + utf8Length(command.tool) > PAYLOAD_LIMIT_BYTES ? command : null;
}

const UNKNOWN_PAUSE_MS = 200;
const PAUSE_FACTOR_MAX = 8;
const BATCH_MAX = 100;

export class CommandSender {
  readonly #options: SenderOptions;
  /** By ascending sequence. */
  readonly #kept = new Map<number, Kept>();
  #nextSequence = 1;
  /** The next sequence to hand to the log. */
  #cursor = 1;
  #isPublishing = false;
  #isStopped = false;
  #cancelTimer: (() => void) | null = null;
  #pauseFactor = 1;
  /** The command that was deferred and waits for its time; null: none does. */
  #deferred: number | null = null;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Commands that the door has not shown to have consumed. */
  get unconsumed(): number {
    return this.#kept.size;
  }

  send(command: RunCommand): void {
    if (this.#isStopped) return;
    const sequence = this.#nextSequence;
    const large = largeArgumentsOf(command);
    const record = large === null ? this.#options.encode(command, sequence, null) : null;
    this.#nextSequence += 1;
    const { step } = command;
    const kept: Kept = { sequence, type: command.type, step, record, offsets: new Set() };
    this.#kept.set(sequence, kept);
    if (large === null) void this.#publish();
    else void this.#publishAside(kept, large);
  }

  async #publishAside(kept: Kept, command: LargeCall): Promise<void> {
    for (;;) {
      const put = await this.#options.putAside(command.args);
      if (this.#isStopped) return;
      if (put !== null && "refused" in put) return this.#reject(put.refused.code, put.refused.message);
      if (put !== null) {
        kept.record = this.#options.encode({ ...command, args: "" }, kept.sequence, { ...put, field: "args" });
        return void this.#publish();
      }
      await new Promise<void>((resolve) => this.#options.timers.after(UNKNOWN_PAUSE_MS, resolve));
    }
  }

  #reject(code: string, reason: string): void {
    this.stop();
    this.#options.onRejected(code, reason);
  }

  /** Leaves out a number: another run of this incarnation has sent that command. */
  skip(): void {
    this.#nextSequence += 1;
  }

  /** An event of this chain: what it says about the commands. Steps of call ids are already taken out. */
  observe(event: BusEvent, step: number | null): void {
    if (this.#isStopped) return;
    if (event.type === "CommandDeferred") this.#onDeferred(event, step);
    else if (event.type === "CommandRejected") this.#onRejected(event);
    else this.#onProgress(event, step);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer?.();
    this.#kept.clear();
  }

  #onProgress(event: BusEvent, step: number | null): void {
    const { commandSeq, incarnation } = event.meta;
    if (incarnation === this.#options.incarnation && commandSeq > 0) this.#consumed(commandSeq);
    const kept = step === null ? null : this.#find(step, "");
    if (kept !== null) this.#consumed(kept.sequence);
  }

  /** Anyone can send a bad command in our name: only a rejection of a record that we wrote concerns us. */
  #onRejected(event: MessageOf<"CommandRejected">): void {
    for (const kept of this.#kept.values()) {
      if (!kept.offsets.has(event.offset)) continue;
      return this.#reject(event.code, event.reason);
    }
  }

  #onDeferred(event: MessageOf<"CommandDeferred">, step: number | null): void {
    if (event.meta.incarnation !== this.#options.incarnation) return;
    const kept = this.#find(step, event.commandType);
    if (event.code === "BUSBAR_DUPLICATE") {
      this.#consumed(event.expected - 1);
    } else if (event.code === "BUSBAR_SEQUENCE_GAP" && event.expected > 0) {
      if (event.expected === this.#deferred) return;
      this.#consumed(event.expected - 1);
      this.#sendAgainFrom(event.expected, 0);
    } else if (kept !== null) {
      this.#sendAgainFrom(kept.sequence, event.retryAfterMs);
      this.#deferred = kept.sequence;
    }
  }

  #find(step: number | null, type: string): Kept | null {
    for (const kept of this.#kept.values()) {
      if (step !== null && kept.step === step) return kept;
      if (step === null && kept.type === type) return kept;
    }
    return null;
  }

  #consumed(through: number): void {
    for (const sequence of this.#kept.keys()) if (sequence <= through) this.#kept.delete(sequence);
    this.#cursor = Math.max(this.#cursor, through + 1);
    this.#pauseFactor = 1;
    if (this.#deferred !== null && this.#deferred > through) return;
    this.#deferred = null;
    this.#armTimer();
  }

  #sendAgainFrom(sequence: number, pauseMs: number): void {
    this.#cancelTimer?.();
    this.#deferred = null;
    this.#cancelTimer = this.#options.timers.after(pauseMs, () => {
      this.#cancelTimer = null;
      this.#deferred = null;
      this.#cursor = Math.min(this.#cursor, sequence);
      void this.#publish();
    });
  }

  #armTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    const oldest = this.#kept.keys().next().value;
    if (this.#isStopped || oldest === undefined) return;
    const pauseMs = this.#options.answerTimeoutMs * this.#pauseFactor;
    this.#cancelTimer = this.#options.timers.after(pauseMs, () => {
      this.#pauseFactor = Math.min(this.#pauseFactor * 2, PAUSE_FACTOR_MAX);
      this.#cursor = Math.min(this.#cursor, oldest);
      void this.#publish();
    });
  }

  async #publish(): Promise<void> {
    if (this.#isPublishing || this.#deferred !== null) return;
    this.#isPublishing = true;
    try {
      for (let batch = this.#nextBatch(); batch.length > 0; batch = this.#nextBatch()) {
        if (!(await this.#publishBatch(batch))) return;
      }
      if (this.#deferred === null) this.#armTimer();
    } finally {
      this.#isPublishing = false;
    }
  }

  #nextBatch(): readonly Ready[] {
    if (this.#isStopped || this.#deferred !== null) return [];
    const batch: Ready[] = [];
    for (const kept of this.#kept.values()) {
      if (!isReady(kept) || batch.length >= BATCH_MAX) break;
      if (kept.sequence >= this.#cursor) batch.push(kept);
    }
    const last = batch.at(-1);
    if (last !== undefined) this.#cursor = last.sequence + 1;
    return batch;
  }

  /** False when the rest has to wait. */
  async #publishBatch(batch: readonly Ready[]): Promise<boolean> {
    const outcomes = await this.#options.publish(batch.map((kept) => kept.record));
    assert(outcomes.length === batch.length, "CommandSender: one outcome for each record");
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.kind === "appended") {
        batch[index]?.offsets.add(String(outcome.baseOffset));
        continue;
      }
      this.#options.onPublished?.(false);
      if (outcome.kind === "refused") {
        this.#reject(outcome.error.code, outcome.error.message);
      } else {
        this.#sendAgainFrom(batch[index]?.sequence ?? 0, UNKNOWN_PAUSE_MS);
      }
      return false;
    }
    this.#options.onPublished?.(true);
    return !this.#isStopped;
  }
}
