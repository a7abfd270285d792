/** Time and turns of the event loop as a port, so that tests hold both in their hands. */

export interface Timers {
  /** Wall clock, ms since the epoch. */
  now(): number;
  /** Calls once after `delayMs`; the answer cancels. */
  after(delayMs: number, run: () => void): () => void;
  /** Calls in a later turn of the event loop, when all promise reactions of this one have run. */
  turn(run: () => void): void;
}

/** The process's own. What waits keeps the process alive until it is stopped. */
export const systemTimers: Timers = {
  now: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => {
      clearTimeout(timer);
    };
  },
  turn: (run) => {
    setImmediate(run);
  },
};

/** A date as HTTP writes it, in ms since the epoch; NaN for what is none. Reads no clock. */
export function parseDateMs(text: string): number {
  return Date.parse(text);
}
