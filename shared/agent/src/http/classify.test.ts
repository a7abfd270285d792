import { describe, expect, it } from "vitest";
import { attemptEndOf } from "../attempt-errors.ts";
import { failureOf, type HttpTraits, retryAfterMs } from "./classify.ts";

const READ: HttpTraits = { effect: "read", toolClass: "at-most-once", serverErrors: "unknown" };
const ONCE: HttpTraits = { effect: "write", toolClass: "at-most-once", serverErrors: "unknown" };
const EXACT: HttpTraits = { effect: "destructive", toolClass: "exact", serverErrors: "unknown" };
const HONEST: HttpTraits = { ...ONCE, serverErrors: "not-done" };

/** In one word: `done`, `failed` (final), or the kind that the tool throws. */
function word(error: Error | null): string {
  if (error === null) return "done";
  return attemptEndOf(error)?.kind ?? "failed";
}
const lost = (traits: HttpTraits, sent: boolean) => word(failureOf(traits, { kind: "lost", sent, reason: "cut" }));
const status = (traits: HttpTraits, code: number, headers = {}, attempt = 1) =>
  word(failureOf(traits, { kind: "status", status: code, headers, attempt, reason: "r", nowMs: 0 }));

describe("an attempt without an answer", () => {
  it.each([
    ["before a byte was sent", false, ["not-started", "not-started", "not-started"]],
    ["after the request had gone out", true, ["not-started", "unknown", "unknown"]],
  ])("%s: read, at most once, exact [http:lost-before-or-after]", (_, sent, expected) => {
    expect([READ, ONCE, EXACT].map((traits) => lost(traits, sent))).toEqual(expected);
  });
});

describe("an answered attempt", () => {
  it.each([
    [200, "done", "done", "done"],
    [201, "done", "done", "done"],
    [204, "done", "done", "done"],
    [301, "failed", "unknown", "unknown"],
    [302, "failed", "unknown", "unknown"],
    [303, "failed", "unknown", "unknown"],
    [304, "failed", "failed", "failed"],
    [307, "failed", "failed", "failed"],
    [308, "failed", "failed", "failed"],
    [400, "failed", "failed", "failed"],
    [401, "failed", "failed", "failed"],
    [404, "failed", "failed", "failed"],
    [408, "not-started", "not-started", "not-started"],
    [409, "failed", "failed", "failed"],
    [422, "failed", "failed", "failed"],
    [425, "not-started", "not-started", "not-started"],
    [429, "throttled", "throttled", "throttled"],
    [500, "not-started", "unknown", "unknown"],
    [502, "not-started", "unknown", "unknown"],
    [503, "not-started", "unknown", "unknown"],
    [504, "not-started", "unknown", "unknown"],
  ])("%d means for read, at most once, exact: %s, %s, %s [http:status-classified]", (code, read, once, exact) => {
    expect([READ, ONCE, EXACT].map((traits) => status(traits, code))).toEqual([read, once, exact]);
  });

  it("a 503 that names a time asks to be called later; without one it is in doubt [http:status-classified]", () => {
    expect(status(ONCE, 503, { "retry-after": "2" })).toBe("throttled");
    expect(status(ONCE, 503, { "retry-after": "soon" })).toBe("unknown");
    expect(status(ONCE, 500, { "retry-after": "2" })).toBe("unknown");
  });

  it("a 5xx is a failure only where the endpoint's makers promise that it did nothing [http:server-errors-declared]", () => {
    expect([500, 503].map((code) => status(HONEST, code))).toEqual(["failed", "failed"]);
    expect(lost(HONEST, true)).toBe("unknown");
  });

  it("a 409 to a second attempt under a key means that the first is still at work [http:status-classified]", () => {
    expect(status(EXACT, 409, {}, 2)).toBe("unknown");
    expect(status(ONCE, 409, {}, 2)).toBe("failed");
  });
});

describe("Retry-After", () => {
  const nowMs = Date.parse("2026-01-01T00:00:00Z");
  it.each([
    ["2", 2000],
    ["0", 0],
    ["0.5", 500],
    ["Thu, 01 Jan 2026 00:00:07 GMT", 7000],
    ["Wed, 31 Dec 2025 23:59:00 GMT", 0],
    ["999999999999", 86_400_000],
    ["-5", null],
    ["soon", null],
    ["", null],
  ])("%j is %s ms [http:retry-after-read]", (value, expected) => {
    expect(retryAfterMs({ "retry-after": value }, nowMs)).toBe(expected);
  });

  it("that is missing waits a second after a 429 [http:retry-after-read]", () => {
    const error = failureOf(ONCE, { kind: "status", status: 429, headers: {}, attempt: 1, reason: "", nowMs });
    expect(attemptEndOf(error)).toEqual({ kind: "throttled", retryAfterMs: 1000 });
  });
});
