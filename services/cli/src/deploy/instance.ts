/**
 * One process of a deployed version, kept running.
 *
 * N1 It is ready when it has printed its ready line and /readyz says so; it is alive while /livez answers.
 * N2 One that ends, or does not answer three times in a row, is started again after a pause that doubles from 250 ms
 *    to 5 s. Three starts in a row that never become ready, or more than five ends within a minute, are its end.
 */
import type { JsonObject } from "@busbar/kernel";
import { reasonOf } from "@busbar/kernel";

/** A running process as an instance needs it. */
export interface RunningProcess {
  readonly ready: JsonObject;
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;
  kill(): void;
  /** SIGTERM, then SIGKILL. */
  stop(): Promise<void>;
}

export interface InstanceOptions {
  readonly name: string;
  /** Starts the process; rejects when it ends before its ready line. */
  launch(): Promise<RunningProcess>;
  /** Whether a page answers with success, within a bound. */
  ask(url: string): Promise<boolean>;
  pause(delayMs: number): Promise<void>;
  nowMs(): number;
  readonly note: (line: string) => void;
}

export const INSTANCE_STATES = ["starting", "ready", "unready", "waiting", "failed", "stopped"] as const;
export type InstanceState = (typeof INSTANCE_STATES)[number];

export interface InstanceStatus {
  readonly name: string;
  readonly state: InstanceState;
  readonly pid: number;
  readonly http: string;
  readonly restarts: number;
  /** How it ended last; empty where it did not. */
  readonly reason: string;
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5000;
const PROBE_MS = 500;
const MISSES_MAX = 3;
const READY_BOUND_MS = 60_000;
export const FAILED_STARTS_MAX = 3;
export const RESTARTS_MAX = 5;
const WINDOW_MS = 60_000;

export class Instance {
  readonly #options: InstanceOptions;
  readonly #ends: number[] = [];
  #process: RunningProcess | null = null;
  #state: InstanceState = "starting";
  #restarts = 0;
  #failedStarts = 0;
  #reason = "";
  #isStopping = false;
  #announceStop: () => void = () => undefined;
  readonly #stopped: Promise<void>;
  readonly #work: Promise<void>;

  constructor(options: InstanceOptions) {
    this.#options = options;
    this.#stopped = new Promise((resolve) => (this.#announceStop = resolve));
    this.#work = this.#run();
  }

  status(): InstanceStatus {
    const ready = this.#process?.ready ?? {};
    const http = typeof ready["http"] === "string" ? ready["http"] : "";
    const pid = typeof ready["pid"] === "number" ? ready["pid"] : 0;
    return { name: this.#options.name, state: this.#state, pid, http, restarts: this.#restarts, reason: this.#reason };
  }

  /** Ends the process. Idempotent. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#announceStop();
    await this.#process?.stop();
    await this.#work;
    this.#state = "stopped";
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      this.#state = "starting";
      this.#reason = await this.#live();
      if (this.#isStopping) return;
      if (this.#isOver()) {
        this.#state = "failed";
        this.#options.note(`${this.#options.name} is given up: ${this.#reason}`);
        return;
      }
      this.#state = "waiting";
      this.#restarts += 1;
      this.#options.note(`${this.#options.name} ended (${this.#reason}); starting it again`);
      const pauses = Math.max(this.#failedStarts, this.#ends.length);
      await this.#pause(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (pauses - 1)));
    }
  }

  /** Ends early when the instance is stopped. */
  #pause(delayMs: number): Promise<void> {
    return Promise.race([this.#options.pause(delayMs), this.#stopped]);
  }

  /** N2. */
  #isOver(): boolean {
    const nowMs = this.#options.nowMs();
    while ((this.#ends[0] ?? nowMs) < nowMs - WINDOW_MS) this.#ends.shift();
    return this.#failedStarts >= FAILED_STARTS_MAX || this.#ends.length > RESTARTS_MAX;
  }

  /** One life of the process; resolves with how it ended. */
  async #live(): Promise<string> {
    const { launch, nowMs } = this.#options;
    let wasReady = false;
    let how: string;
    try {
      const process = await launch();
      this.#process = process;
      if (this.#isStopping) await process.stop();
      const probing = { isOver: false };
      void this.#probe(process, probing, () => {
        wasReady = true;
        this.#failedStarts = 0;
      });
      how = await process.ended;
      probing.isOver = true;
    } catch (error) {
      how = reasonOf(error);
    }
    this.#process = null;
    this.#ends.push(nowMs());
    if (!wasReady) this.#failedStarts += 1;
    return how;
  }

  /** Asks until the process ends, is told to stop, or is not to be helped. */
  async #probe(process: RunningProcess, probing: { isOver: boolean }, onReady: () => void): Promise<void> {
    const sinceMs = this.#options.nowMs();
    let misses = 0;
    while (!probing.isOver && !this.#isStopping) {
      const { isAlive, isReady } = await this.#ask(process);
      // The process may have ended while it was asked.
      if (this.#process !== process || probing.isOver) return;
      misses = isAlive ? 0 : misses + 1;
      if (isReady) onReady();
      this.#state = isReady ? "ready" : this.#state === "starting" ? "starting" : "unready";
      const problem = this.#problem(misses, sinceMs);
      if (problem !== "") {
        this.#options.note(`${this.#options.name} ${problem}`);
        process.kill();
        return;
      }
      await this.#pause(PROBE_MS);
    }
  }

  async #ask({ ready }: RunningProcess): Promise<{ readonly isAlive: boolean; readonly isReady: boolean }> {
    const http = typeof ready["http"] === "string" ? ready["http"] : "";
    const { ask } = this.#options;
    const [isAlive, isReady] = await Promise.all([ask(`${http}/livez`), ask(`${http}/readyz`)]);
    return { isAlive, isReady };
  }

  #problem(misses: number, sinceMs: number): string {
    if (misses >= MISSES_MAX) return "does not answer on /livez";
    const isLate = this.#state === "starting" && this.#options.nowMs() - sinceMs > READY_BOUND_MS;
    return isLate ? "does not become ready" : "";
  }
}
