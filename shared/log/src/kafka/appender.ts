/**
 * The one writer of one partition (PROTOCOL 1.1 to 1.4).
 *
 * P1 One request in flight. Calls that wait meanwhile share the next request, in order and each contiguous, as long
 *    as it stays one batch below the topic's limit.
 * P2 `unknown` is final: the producer is dead, all calls that wait and all later ones are `unknown` too.
 * P3 Nothing is sent twice by us; inside one request kafkajs may retry with the same sequence until the deadline.
 */
import { busbarError } from "@busbar/kernel";
import type { Appender, AppendOutcome, NewRecord } from "../event-log.ts";
import { BATCH_OVERHEAD_BYTES, batchBytes, flawOfRecords } from "../record-size.ts";
import type { DisposableProducer } from "./producer.ts";

export interface AppenderTarget {
  readonly topic: string;
  readonly partition: number;
  readonly maxBatchBytes: number;
  /** Called once, when no append will be sent any more. */
  readonly onDead: (appender: KafkaAppender) => void;
}

interface Call {
  readonly records: readonly NewRecord[];
  readonly bytes: number;
  readonly settle: (outcome: AppendOutcome) => void;
}

const MAX_WAITING = 10_000;
const MAX_RECORDS_PER_REQUEST = 1_024;

export class KafkaAppender implements Appender {
  readonly #producer: DisposableProducer;
  readonly #target: AppenderTarget;
  #waiting: Call[] = [];
  #sending: Promise<void> | null = null;
  #dead: { readonly cause: unknown } | null = null;

  constructor(producer: DisposableProducer, target: AppenderTarget) {
    this.#producer = producer;
    this.#target = target;
  }

  get maxBatchBytes(): number {
    return this.#target.maxBatchBytes;
  }

  append(records: readonly NewRecord[]): Promise<AppendOutcome> {
    const error = flawOfRecords(records, this.#target.maxBatchBytes);
    if (error !== null) return Promise.resolve({ kind: "refused", error });
    if (this.#dead !== null) return Promise.resolve({ kind: "unknown", cause: this.#dead.cause });
    if (this.#waiting.length >= MAX_WAITING) {
      return Promise.resolve({ kind: "refused", error: busbarError("BUSBAR_OVERLOADED", { retryAfterMs: 100 }) });
    }
    return new Promise((settle) => {
      this.#waiting.push({ records, bytes: batchBytes(records) - BATCH_OVERHEAD_BYTES, settle });
      this.#sending ??= this.#drain();
    });
  }

  /** Waits for what was appended, then lets the producer go. */
  async close(): Promise<void> {
    await this.#sending;
    this.#die(busbarError("BUSBAR_LOG_UNAVAILABLE", { reason: "the appender is closed" }));
  }

  async #drain(): Promise<void> {
    // Gathers what is appended in one go; a caller that wants more of it together gathers before it appends.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#send(this.#takeBatch());
    this.#sending = null;
  }

  #takeBatch(): readonly Call[] {
    let count = 0;
    let records = 0;
    let bytes = BATCH_OVERHEAD_BYTES;
    for (const call of this.#waiting) {
      bytes += call.bytes;
      records += call.records.length;
      const full = bytes > this.#target.maxBatchBytes || records > MAX_RECORDS_PER_REQUEST;
      if (count > 0 && full) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #send(calls: readonly Call[]): Promise<void> {
    const { topic, partition } = this.#target;
    const records = calls.flatMap((call) => call.records);
    try {
      const [answer] = await this.#producer.send([{ topic, partition, records }]);
      if (answer === null || answer === undefined) throw new Error("not exactly one answer for the partition");
      let baseOffset = answer.baseOffset;
      for (const call of calls) {
        call.settle({ kind: "appended", baseOffset, appendedAtMs: answer.appendedAtMs });
        baseOffset += BigInt(call.records.length);
      }
    } catch (cause) {
      for (const call of calls) call.settle({ kind: "unknown", cause });
      this.#die(cause);
    }
  }

  #die(cause: unknown): void {
    if (this.#dead === null) this.#target.onDead(this);
    this.#dead ??= { cause };
    this.#producer.kill();
    for (const call of this.#waiting.splice(0)) call.settle({ kind: "unknown", cause });
  }
}
