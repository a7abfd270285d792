/**
 * What a tool or a model throws to say how an attempt ended, where an exception alone would leave that open. Whoever
 * throws anything else says: it failed, finally.
 */
import { type Json, reasonOf } from "@busbar/kernel";
import type { ModelUsage } from "./model.ts";

const BRAND = Symbol.for("dev.busbar.attempt-error");

export type AttemptEnd =
  /** Nothing has happened: the bus may try again with a new admission. */
  | { readonly kind: "not-started" }
  /** The request had gone out and its answer was lost: it may have happened. */
  | { readonly kind: "unknown" }
  /** It happened, and what came back is unusable. */
  | { readonly kind: "invalid"; readonly result: Json }
  /** Nothing has happened; it asks to be called later. */
  | { readonly kind: "throttled"; readonly retryAfterMs: number }
  /** Nothing has happened: another version is there than the chain has read. */
  | { readonly kind: "stale"; readonly now: Json }
  /** A model brought no answer, and may if it is asked again. */
  | { readonly kind: "no-reply"; readonly usage: ModelUsage };

export class AttemptError extends Error {
  override readonly name: string = "AttemptError";
  readonly end: AttemptEnd;
  readonly [BRAND] = true;

  constructor(end: AttemptEnd, reason: unknown) {
    super(reasonOf(reason));
    this.end = end;
  }
}

/** How an attempt ended that was thrown out of; null for any other error. Works across copies of the package. */
export function attemptEndOf(value: unknown): AttemptEnd | null {
  return typeof value === "object" && value !== null && BRAND in value ? (value as AttemptError).end : null;
}

/**
 * `throw notStarted("no connection")` inside a tool's `run` says: nothing has happened yet, so the bus may try again
 * with a new admission. A read may say it at any time, since it changes nothing.
 */
export function notStarted(reason: unknown): AttemptError {
  return new AttemptError({ kind: "not-started" }, reason);
}

/** True for what {@link notStarted} made, across copies of the package. */
export function isNotStarted(value: unknown): boolean {
  return attemptEndOf(value)?.kind === "not-started";
}

/**
 * `throw outcomeUnknown("the connection was cut")`: the request had gone out. An at-most-once effect is then in doubt;
 * an exact one is fired again under its key; a read has failed.
 */
export function outcomeUnknown(reason: unknown): AttemptError {
  return new AttemptError({ kind: "unknown" }, reason);
}

/** `throw invalidResult("not JSON", text)`: it happened, and this is what there is of its result. It is never repeated. */
export function invalidResult(reason: unknown, result: Json): AttemptError {
  return new AttemptError({ kind: "invalid", result }, reason);
}

/** `throw throttled("429", 2000)`: nothing has happened; the next attempt comes after so many ms, and no error is counted. */
export function throttled(reason: unknown, retryAfterMs: number): AttemptError {
  return new AttemptError({ kind: "throttled", retryAfterMs }, reason);
}

/**
 * `throw stale("version 8 is there", row)`: what the change depends on is not as the chain has read it
 * (`context.expected`), and nothing has happened. The agent is told what is there now.
 */
export function stale(reason: unknown, now: Json): AttemptError {
  return new AttemptError({ kind: "stale", now }, reason);
}

const NO_USAGE: ModelUsage = { inputTokens: 0, outputTokens: 0 };

/** `throw noReply("the stream was cut", usage)` inside a model: it may be asked again; what it used is counted. */
export function noReply(reason: unknown, usage: ModelUsage = NO_USAGE): AttemptError {
  return new AttemptError({ kind: "no-reply", usage }, reason);
}
