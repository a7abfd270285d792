/** Timers of a play: nothing that is scheduled with them outlives it, whoever scheduled it and forgot. */
import { systemTimers, type Timers } from "@busbar/agent";

export interface EndingTimers extends Timers {
  /** Cancels what waits; what is scheduled later never runs. */
  end(): void;
}

export function endingTimers(timers: Timers = systemTimers): EndingTimers {
  const waiting = new Set<() => void>();
  let isOver = false;
  return {
    ...timers,
    after: (delayMs, run) => {
      if (isOver) return () => undefined;
      const cancel = timers.after(delayMs, () => {
        waiting.delete(cancel);
        run();
      });
      waiting.add(cancel);
      return () => {
        waiting.delete(cancel);
        cancel();
      };
    },
    end: () => {
      isOver = true;
      for (const cancel of waiting) cancel();
      waiting.clear();
    },
  };
}
