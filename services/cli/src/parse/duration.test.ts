import { isBusbarError } from "@busbar/kernel";
import { describe, expect, it } from "vitest";
import { durationOption, formatDuration, parseDuration } from "./duration.ts";

describe("durations", () => {
  it("are counts with units, added up", () => {
    expect(parseDuration("500ms")).toBe(500);
    expect(parseDuration("30s")).toBe(30_000);
    expect(parseDuration("1h30m")).toBe(5_400_000);
    expect(parseDuration("2d")).toBe(172_800_000);
  });

  it("are nothing else", () => {
    for (const text of ["", "h", "1", "1 h", "-1h", "1.5h", "1w", "1hh", "999999999999d"]) {
      expect(parseDuration(text), text).toBeNull();
    }
  });

  it("as an option take a plain number as milliseconds and say how to write one [cli:error-says-next]", () => {
    const option = durationOption("--timeout");
    expect(option("250")).toBe(250);
    try {
      option("soon");
      expect.unreachable();
    } catch (error) {
      expect(isBusbarError(error) && [error.code, error.message, error.next]).toEqual([
        "BUSBAR_INPUT_INVALID",
        '--timeout: "soon" is no duration',
        "write it like 500ms, 30s, 15m, 1h30m or 2d",
      ]);
    }
  });

  it("are shown in their two largest units", () => {
    expect([12, 1234, 61_000, 3_660_000, 200_000_000].map(formatDuration)).toEqual([
      "12 ms",
      "1.2 s",
      "1 min 1 s",
      "1 h 1 min",
      "2 d 7 h",
    ]);
  });
});
