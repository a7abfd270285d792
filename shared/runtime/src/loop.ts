/**
 * The one loop (after Kafka's coordinator runtime): per partition one state machine, its lifecycle a small table.
 *
 * P1 Nothing of one partition runs concurrently with itself: load, turn and unload never overlap.
 * P2 A turn that throws a fatal BusbarError fails the loop: tried again it would end the same way. A turn that says `lost` drops the memory: load comes again after a jittered wait, if the partition is still ours.
 * P3 A state is entered only from the states that the table names; `failed` is left only by `closed`.
 */
import { assert, type BusbarError, isBusbarError, reasonOf } from "@busbar/kernel";
import type { Logger } from "@busbar/telemetry";
import { pause, type Timers } from "./ports.ts";

export type Lifecycle = "initial" | "loading" | "active" | "failed" | "closed";

const ENTERED_FROM: Readonly<Record<Lifecycle, readonly Lifecycle[]>> = {
  initial: [],
  loading: ["initial", "active"],
  active: ["loading"],
  failed: ["loading", "active"],
  closed: ["initial", "loading", "active", "failed"],
};

/** `lost`: memory may no longer match the log. */
export type TurnResult = "done" | "lost";

export interface LoopWork {
  readonly name: string;
  /** Brings the memory up to the log. A fatal BusbarError fails the loop; anything else is tried again. */
  load(): Promise<void>;
  /** True while inputs wait. */
  hasWork(): boolean;
  /** Takes what waits, decides, commits. */
  turn(): Promise<TurnResult>;
  /** Whether the partition may be loaded (again) now; else it is asked again later. */
  mayLoad(): boolean;
  unload(): Promise<void>;
}

export interface LoopOptions {
  readonly logger: Logger;
  /** Lowest and highest wait before a load is tried again, ms. */
  readonly reloadWaitMs?: readonly [number, number];
  readonly timers: Pick<Timers, "after" | "turn">;
  /** [0, 1). */
  readonly random: () => number;
  readonly onState?: (state: Lifecycle) => void;
}

const isFatal = (error: unknown): error is BusbarError => isBusbarError(error) && error.disposition === "fatal";

const RELOAD_WAIT_MS: readonly [number, number] = [20, 200];

export class Loop {
  readonly #work: LoopWork;
  readonly #options: LoopOptions;
  #lifecycle: Lifecycle = "initial";
  #running: Promise<void> | null = null;
  #isStopping = false;
  #lostBy: string | null = null;
  #failBy: BusbarError | null = null;
  #failure: BusbarError | null = null;

  constructor(work: LoopWork, options: LoopOptions) {
    this.#work = work;
    this.#options = options;
  }

  state(): Lifecycle {
    return this.#lifecycle;
  }

  /** Why the loop failed; null while it has not. */
  failure(): BusbarError | null {
    return this.#failure;
  }

  /** True while a load or a turn runs. */
  isTurning(): boolean {
    return this.#running !== null;
  }

  start(): void {
    this.#run(async () => {
      await this.#load();
      await this.#turns();
    });
  }

  /** There may be work. Cheap; call it after every enqueue. */
  poke(): void {
    if (this.#lifecycle === "active") this.#run(() => this.#turns());
  }

  /** Memory is stale by other evidence (a higher claim was seen). */
  lose(reason: string): void {
    this.#lostBy ??= reason;
    this.poke();
  }

  /** Fails closed by other evidence (an input topic lost records): no turn begins any more. A person acts. */
  fail(error: BusbarError): void {
    this.#failBy ??= error;
    this.poke();
  }

  /** Ends after the turn at hand; `unload` has run when it resolves. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
    if (this.#lifecycle === "closed") return;
    this.#enter("closed");
    await this.#work.unload();
  }

  #enter(next: Lifecycle): void {
    const from = this.#lifecycle;
    assert(ENTERED_FROM[next].includes(from), `${this.#work.name}: ${from} -> ${next} is no transition`);
    this.#lifecycle = next;
    this.#options.onState?.(next);
  }

  #wait(): Promise<void> {
    const [lowMs, highMs] = this.#options.reloadWaitMs ?? RELOAD_WAIT_MS;
    const { random, timers } = this.#options;
    return pause(timers, lowMs + random() * (highMs - lowMs));
  }

  async #load(): Promise<void> {
    if (this.#lifecycle !== "loading") this.#enter("loading");
    while (!this.#isStopping) {
      const result = this.#work.mayLoad() ? await this.#tryLoad() : "again";
      if (result === "failed") return this.#enter("failed");
      if (result === "loaded") return this.#activate();
      await this.#wait();
    }
  }

  #activate(): void {
    this.#lostBy = null;
    if (!this.#isStopping) this.#enter("active");
  }

  async #tryLoad(): Promise<"loaded" | "again" | "failed"> {
    try {
      await this.#work.load();
      return "loaded";
    } catch (error) {
      this.#options.logger.warn({ err: error, loop: this.#work.name }, `load failed: ${reasonOf(error)}`);
      // A log that contradicts our memory is for a person: this partition stays shut.
      if (!isFatal(error)) return "again";
      this.#failure = error;
      return "failed";
    }
  }

  async #turns(): Promise<void> {
    while (!this.#isStopping && this.#lifecycle === "active") {
      // What the same turn of the event loop brings (a delivery's records, outcomes of one append) is decided together.
      await new Promise<void>((resolve) => this.#options.timers.turn(resolve));
      if (this.#isStopping) return;
      if (this.#failBy !== null) {
        this.#failure = this.#failBy;
        this.#options.logger.error({ err: this.#failure, loop: this.#work.name }, this.#failure.message);
        return this.#enter("failed");
      }
      if (this.#lostBy === null && !this.#work.hasWork()) return;
      const result = this.#lostBy === null ? await this.#safeTurn() : "lost";
      if (result === "done") continue;
      if (result === "failed") return this.#enter("failed");
      const reason = this.#lostBy ?? "an append was not acknowledged at its offset";
      this.#options.logger.warn({ loop: this.#work.name, reason }, "memory dropped");
      this.#enter("loading");
      await this.#wait();
      await this.#load();
    }
  }

  async #safeTurn(): Promise<TurnResult | "failed"> {
    try {
      return await this.#work.turn();
    } catch (error) {
      this.#options.logger.error({ err: error, loop: this.#work.name }, `turn failed: ${reasonOf(error)}`);
      if (!isFatal(error)) return "lost";
      this.#failure = error;
      return "failed";
    }
  }

  #run(task: () => Promise<void>): void {
    if (this.#running !== null || this.#isStopping) return;
    this.#running = task().finally(() => {
      this.#running = null;
      // What came in after the last look.
      if (this.#lifecycle === "active" && (this.#work.hasWork() || this.#lostBy !== null || this.#failBy !== null))
        this.#run(() => this.#turns());
    });
  }
}
