/**
 * One follower of one partition: its position, its state, and the only way in which deliveries reach its handler.
 *
 * S1 A fetch is asked with a ticket; seek, pause and stop make all tickets void, so a late answer is dropped.
 * S2 One handler call at a time; while its promise is open the partition is not fetched.
 * S3 A handler that throws is a defect of the caller: the follower stops and the error surfaces as uncaught, since
 *    going on would skip records and trying again would run it twice.
 */
import type { Delivery, FollowOptions, FollowProblem, Follower } from "./event-log.ts";
import { Backoff } from "./wake.ts";

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;

export interface Ticket {
  readonly position: bigint;
  readonly turn: number;
}

export class Subscription implements Follower {
  readonly topic: string;
  readonly partition: number;
  /** Set while an answer is awaited or decoded. */
  inFlight = false;
  /** Between attempts while its broker is away. */
  readonly backoff = new Backoff(FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
  readonly #options: FollowOptions;
  readonly #onChange: (subscription: Subscription) => void;
  #position: bigint;
  #turn = 0;
  #paused = false;
  #stopped = false;
  #unreachable = false;
  #running: Promise<void> | null = null;

  constructor(options: FollowOptions, onChange: (subscription: Subscription) => void) {
    this.topic = options.topic;
    this.partition = options.partition;
    this.#options = options;
    this.#onChange = onChange;
    this.#position = options.from;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  get busy(): boolean {
    return this.#running !== null;
  }

  /** May be fetched now. */
  get ready(): boolean {
    return !this.#stopped && !this.#paused && !this.inFlight && this.#running === null;
  }

  position(): bigint {
    return this.#position;
  }

  ticket(): Ticket {
    return { position: this.#position, turn: this.#turn };
  }

  holds(ticket: Ticket): boolean {
    return !this.#stopped && !this.#paused && ticket.turn === this.#turn;
  }

  seek(offset: bigint): void {
    this.#position = offset;
    this.#changed();
  }

  pause(): void {
    this.#paused = true;
    this.#changed();
  }

  resume(): void {
    this.#paused = false;
    this.#changed();
  }

  /** Not to be awaited inside the handler, which it waits for. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#changed();
    await this.#running;
  }

  /** Hands a delivery over unless its ticket is void. */
  deliver(ticket: Ticket, delivery: Delivery): void {
    if (!this.holds(ticket)) return;
    this.#reached();
    if (delivery.next === this.#position) return;
    this.#position = delivery.next;
    const outcome = this.#guard(() => this.#options.onDelivery(delivery));
    if (outcome === undefined) return;
    this.#running = outcome
      .catch((cause: unknown) => this.#defect(cause))
      .finally(() => {
        this.#running = null;
        this.#onChange(this);
      });
  }

  #reached(): void {
    if (!this.#unreachable) return;
    this.#unreachable = false;
    void this.#guard(() => this.#options.onReached?.());
  }

  /** Reports what ends this follower, or that its broker is away: once until it was reached again. */
  problem(problem: FollowProblem): void {
    if (this.#stopped || (problem.kind === "unreachable" && this.#unreachable)) return;
    this.#unreachable = problem.kind === "unreachable";
    if (problem.kind !== "unreachable") {
      this.#stopped = true;
      this.#changed();
    }
    void this.#guard(() => this.#options.onProblem(problem));
  }

  #changed(): void {
    this.#turn += 1;
    this.#onChange(this);
  }

  #guard(call: () => void | Promise<void>): Promise<void> | undefined {
    try {
      return call() ?? undefined;
    } catch (cause) {
      this.#defect(cause);
      return undefined;
    }
  }

  #defect(cause: unknown): void {
    this.#stopped = true;
    this.#changed();
    queueMicrotask(() => {
      throw cause;
    });
  }
}
