/** Waiting for a condition, with a bound. */
import { setTimeout as delay } from "node:timers/promises";

export interface WaitOptions {
  readonly timeoutMs: number;
  readonly everyMs: number;
}

/** Asks `condition` until it holds; false when it did not within the bound. The condition is asked at least once. */
export async function waitUntil(condition: () => boolean | Promise<boolean>, options: WaitOptions): Promise<boolean> {
  const until = performance.now() + options.timeoutMs;
  for (;;) {
    if (await condition()) return true;
    if (performance.now() >= until) return false;
    await delay(options.everyMs);
  }
}
