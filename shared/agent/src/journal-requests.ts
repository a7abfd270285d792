/** Requests for journals: one per chain until it is answered, sent again after growing pauses, given up in the end. */
import type { Timers } from "./timers.ts";

export interface JournalRequestOptions {
  readonly timers: Pick<Timers, "after">;
  /** First pause, in ms; doubles each time. */
  readonly pauseMs: number;
  /** Sends one request; may fail. */
  send(partition: number, chainId: string, incarnation: number, reason: string): Promise<void>;
}

const SENDINGS_MAX = 5;

export class JournalRequests {
  readonly #options: JournalRequestOptions;
  /** By chain: cancels the next sending. */
  readonly #open = new Map<string, () => void>();

  constructor(options: JournalRequestOptions) {
    this.#options = options;
  }

  ask(partition: number, chainId: string, incarnation: number, reason: string): void {
    if (this.#open.has(chainId)) return;
    const send = (sending: number): void => {
      if (sending > SENDINGS_MAX) {
        this.#open.delete(chainId);
        return;
      }
      // A failure to send is covered by the next sending.
      this.#options.send(partition, chainId, incarnation, reason).catch(() => undefined);
      const pauseMs = this.#options.pauseMs * 2 ** (sending - 1);
      this.#open.set(
        chainId,
        this.#options.timers.after(pauseMs, () => send(sending + 1)),
      );
    };
    send(1);
  }

  /** The chain was assigned, or its owner said no. */
  answered(chainId: string): void {
    this.#open.get(chainId)?.();
    this.#open.delete(chainId);
  }

  stop(): void {
    for (const cancel of this.#open.values()) cancel();
    this.#open.clear();
  }
}
