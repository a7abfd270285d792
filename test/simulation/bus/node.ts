/**
 * A process of the simulated bus: its clock, its timers and its chance, all in the scheduler's hands. It can be
 * killed, frozen, cut off from the broker, and its wall clock can be moved.
 */
import type { Chance, Clock, Timers } from "@busbar/runtime";
import type { Scheduler } from "./scheduler.ts";

/** Wall clock of the virtual time 0, ms since the epoch. */
export const EPOCH_MS = 1_700_000_000_000;
/** How long a turn of a node's event loop takes, ms. */
const TURN_MS = 0.01;

export type NodeKind = "gateway" | "supervisor" | "agent" | "client" | "operator" | "intruder";

export class SimNode implements Clock, Timers, Chance {
  readonly name: string;
  readonly kind: NodeKind;
  /** What a kind runs: the agent's name; empty elsewhere. */
  readonly role: string;
  readonly held: (() => void)[] = [];
  state: "up" | "frozen" | "dead" = "up";
  /** Since when it cannot reach the broker, virtual ms; null: it can. */
  cutSinceMs: number | null = null;
  /** Difference of its wall clock, ms. */
  clockOffMs = 0;
  /** Ends what the node must not leave behind when it is stopped in order. */
  stop: () => Promise<void> = () => Promise.resolve();
  readonly #scheduler: Scheduler;
  #nonces = 0;

  constructor(scheduler: Scheduler, kind: NodeKind, name: string, role = "") {
    this.#scheduler = scheduler;
    this.kind = kind;
    this.name = name;
    this.role = role;
  }

  get isReachable(): boolean {
    return this.state === "up" && this.cutSinceMs === null;
  }

  /** Schedules something that only this node does. */
  later(delayMs: number, what: string, run: () => void): () => void {
    return this.#scheduler.schedule(delayMs, this, what, run);
  }

  nowMs(): number {
    return EPOCH_MS + Math.floor(this.#scheduler.nowMs) + this.clockOffMs;
  }

  now(): number {
    return this.nowMs();
  }

  monotonicMs(): number {
    return this.#scheduler.nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    return this.later(Math.max(1, delayMs), "timer", run);
  }

  every(periodMs: number, run: () => void): () => void {
    let isOver = false;
    const again = (): void => {
      this.later(periodMs, "interval", () => {
        if (isOver) return;
        run();
        again();
      });
    };
    again();
    return () => {
      isOver = true;
    };
  }

  turn(run: () => void): void {
    this.later(TURN_MS, "turn", run);
  }

  random(): number {
    return this.#scheduler.random();
  }

  nonce(): string {
    this.#nonces += 1;
    return `${this.name}-${this.#nonces}`;
  }

  kill(): void {
    this.state = "dead";
    this.held.length = 0;
  }

  freeze(): void {
    if (this.state === "up") this.state = "frozen";
  }

  thaw(): void {
    if (this.state !== "frozen") return;
    this.state = "up";
    for (const go of this.held.splice(0)) go();
  }
}
