import { afterEach, describe, expect, it, vi } from "vitest";
import { offsetOfPoint, parsePoint, pointOption } from "./point.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("points in the log", () => {
  it("are offsets, times, times ago and the end", () => {
    expect(parsePoint("o10", NOW)).toEqual({ kind: "offset", offset: 10n });
    expect(parsePoint("o0", NOW)).toEqual({ kind: "offset", offset: 0n });
    expect(parsePoint("end", NOW)).toEqual({ kind: "end" });
    expect(parsePoint("@-15m", NOW)).toEqual({ kind: "time", atMs: NOW - 900_000 });
    expect(parsePoint("@2026-11-21T07:00:00Z", NOW)).toEqual({ kind: "time", atMs: NOW - 5 * 3_600_000 });
  });

  it("are in UTC unless they say otherwise, on any machine", () => {
    vi.stubEnv("TZ", "Asia/Tokyo");
    const eight = { kind: "time", atMs: NOW - 4 * 3_600_000 };
    expect(parsePoint("@2026-11-21T08:00", NOW)).toEqual(eight);
    expect(parsePoint("@2026-11-21T09:00+01:00", NOW)).toEqual(eight);
    expect(parsePoint("@2026-11-21", NOW)).toEqual({ kind: "time", atMs: NOW - 12 * 3_600_000 });
  });

  it("are nothing else", () => {
    for (const text of ["", "10", "o", "o-1", "o01", "o1.5", "@", "@15m", "@-", "@yesterday", "@2026-13-01", "END"]) {
      expect(parsePoint(text, NOW), text).toBeNull();
    }
    expect(() => pointOption("--from")("10")).toThrow('--from: "10" is no point in the log');
  });

  it("lie within what the partition holds", async () => {
    const log = {
      offsets: () => Promise.resolve({ low: 5n, end: 9n }),
      offsetAt: (_topic: string, _partition: number, atMs: number) => Promise.resolve(atMs < NOW ? 7n : 9n),
    };
    const at = (text: string) => offsetOfPoint(log, "t", 0, parsePoint(text, NOW) ?? { kind: "end" });
    expect(await Promise.all([at("o1"), at("o6"), at("o99"), at("end"), at("@-1s")])).toEqual([5n, 6n, 9n, 9n, 7n]);
  });
});
