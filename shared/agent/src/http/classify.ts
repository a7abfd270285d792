/**
 * What the end of an HTTP attempt says about the world: the heart of every HTTP tool. Pure, total, one table.
 *
 * C1 Nothing that may have changed the world is called a failure: an at-most-once change whose answer is lost, or that
 *    the server broke off (5xx, a redirect after a POST), is in doubt.
 * C2 A read changes nothing, so whatever broke it off may be tried again.
 * C3 Being asked to come later is no error.
 */
import { notStarted, outcomeUnknown, stale, throttled } from "../attempt-errors.ts";
import { parseDateMs } from "../timers.ts";
import type { ToolClass, ToolEffect } from "../tool.ts";

/** What the table needs to know of the tool. */
export interface HttpTraits {
  readonly effect: ToolEffect;
  readonly toolClass: ToolClass;
  /** What a 5xx of this endpoint means for a change: `unknown` unless its makers promise that nothing was done. */
  readonly serverErrors: "unknown" | "not-done";
  /** The call carried a version that the server compares: 412 says that another one is there. */
  readonly isConditional?: boolean;
}

export type HttpEnd =
  | { readonly kind: "lost"; readonly sent: boolean; readonly reason: string }
  | {
      readonly kind: "status";
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly attempt: number;
      readonly reason: string;
      /** Wall clock, ms, for a Retry-After that is a date. */
      readonly nowMs: number;
    };

type AnsweredEnd = Extract<HttpEnd, { kind: "status" }>;

const RETRY_AFTER_DEFAULT_MS = 1000;
const RETRY_AFTER_LONGEST_MS = 24 * 3600 * 1000;

/** Retry-After (RFC 9110, 10.2.3) in ms from now; null where there is none, or one that nobody can read. */
export function retryAfterMs(headers: Readonly<Record<string, string>>, nowMs: number): number | null {
  const value = headers["retry-after"]?.trim() ?? "";
  if (value === "") return null;
  const dateMs = /[A-Za-z]{3}/.test(value) ? parseDateMs(value) : Number.NaN;
  const ms = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : dateMs - nowMs;
  return Number.isNaN(ms) ? null : Math.min(Math.max(0, ms), RETRY_AFTER_LONGEST_MS);
}

/** The error to throw for an attempt that ended so; null where the server answered that it did what was asked. */
export function failureOf(traits: HttpTraits, end: HttpEnd): Error | null {
  if (end.kind === "lost") return end.sent ? broken(traits, end.reason) : notStarted(end.reason);
  const { status, reason, headers, nowMs } = end;
  if (status < 300) return null;
  if (status < 400) return redirected(traits, end);
  const waitMs = retryAfterMs(headers, nowMs);
  if (status === 429 || (status === 503 && waitMs !== null)) return throttled(reason, waitMs ?? RETRY_AFTER_DEFAULT_MS);
  // RFC 9110 15.5.9 and RFC 8470: the server did not take the request up.
  if (status === 408 || status === 425) return notStarted(reason);
  return status >= 500 ? serverFailed(traits, reason) : refused(traits, end);
}

/** 301 to 303 after a change are how many servers say "done, look there"; other redirects did nothing. */
function redirected({ effect }: HttpTraits, { status, reason }: AnsweredEnd): Error {
  const mayBeDone = effect !== "read" && status >= 301 && status <= 303;
  return mayBeDone ? outcomeUnknown(reason) : new Error(reason);
}

function serverFailed(traits: HttpTraits, reason: string): Error {
  const didNothing = traits.effect !== "read" && traits.serverErrors === "not-done";
  return didNothing ? new Error(reason) : broken(traits, reason);
}

/** After the request had gone out, without a word on what came of it. */
function broken(traits: HttpTraits, reason: string): Error {
  return traits.effect === "read" ? notStarted(reason) : outcomeUnknown(reason);
}

/** A 4xx is final, but for the 412 that tells of another version, and the 409 that tells that an earlier attempt under the same key is still being worked on. */
function refused(traits: HttpTraits, end: AnsweredEnd): Error {
  // RFC 9110 15.5.13: the precondition was evaluated before the request's method.
  if (end.status === 412 && traits.isConditional === true) return stale(end.reason, null);
  const isSecond = traits.effect !== "read" && traits.toolClass === "exact" && end.attempt > 1;
  return isSecond && end.status === 409 ? outcomeUnknown(end.reason) : new Error(end.reason);
}
