/** A handler's timer as agent and door name it: both hash the delay, so that a re-run is compared with the record. */
import { sha256Hex } from "@busbar/kernel";

/** Under which name the calls of timers are recorded. */
export const TIMER_NAME = "sleep";

/** Longest time that a handler may wait for, ms: 366 days. */
export const MAX_TIMER_MS = 366 * 24 * 3600 * 1000;

/** Whether the door takes a timer of so many whole ms. */
export function isTimerDelay(delayMs: number): boolean {
  return Number.isSafeInteger(delayMs) && delayMs >= 0 && delayMs <= MAX_TIMER_MS;
}

/** SHA-256 hex of a delay. */
export function timerHash(delayMs: number): string {
  return sha256Hex(String(delayMs));
}
