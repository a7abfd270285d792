/**
 * The scheduler: in which order and when answers reach a handler (PROTOCOL 8.3).
 *
 * S1 Answers are delivered in the order in which they were pushed, which is log order.
 * S2 At most one per turn of the event loop: all that a handler does in reaction to one answer, calls included, is done
 *    before the next one arrives.
 * S3 An answer waits until every call that stands before it in the log has been made. Live this holds by itself, in a
 *    replay it makes the handler's own pace irrelevant.
 * So the order of calls, and with it each step number, is a function of the journal. Without S1 or S2 `Promise.all`
 * over two branches numbers its steps by latency (see scheduler.test.ts).
 */
import type { Answer } from "./journal.ts";
import type { Timers } from "./timers.ts";

export interface SchedulerPorts {
  readonly turn: Timers["turn"];
  /** Whether all calls that the log has before this answer were made. */
  isDue(answer: Answer): boolean;
  deliver(answer: Answer): void;
}

export class Scheduler {
  readonly #ports: SchedulerPorts;
  readonly #queue: Answer[] = [];
  #isScheduled = false;
  #isClosed = false;

  constructor(ports: SchedulerPorts) {
    this.#ports = ports;
  }

  /** The answer that waits for a call that was not made yet, or null. */
  get head(): Answer | null {
    return this.#queue[0] ?? null;
  }

  get length(): number {
    return this.#queue.length;
  }

  push(answer: Answer): void {
    this.#queue.push(answer);
    this.poke();
  }

  /** Something changed: a call was made, or an answer came. */
  poke(): void {
    if (this.#isScheduled || this.#isClosed || this.#queue.length === 0) return;
    this.#isScheduled = true;
    this.#ports.turn(() => {
      this.#isScheduled = false;
      this.#deliverOne();
    });
  }

  /** What waits is dropped. */
  clear(): void {
    this.#queue.length = 0;
  }

  /** Nothing is delivered any more. */
  close(): void {
    this.#isClosed = true;
    this.#queue.length = 0;
  }

  #deliverOne(): void {
    const answer = this.#queue[0];
    if (this.#isClosed || answer === undefined || !this.#ports.isDue(answer)) return;
    this.#queue.shift();
    this.#ports.deliver(answer);
    this.poke();
  }
}
