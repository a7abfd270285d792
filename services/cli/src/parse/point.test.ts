import { afterEach, describe, expect, it, vi } from "vitest";
import {
  offsetOfPoint,
  offsetsOfRange,
  parsePoint,
  parseRange,
  partitionNamed,
  pointOption,
  rangeOption,
} from "./point.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");

afterEach(() => {
  vi.unstubAllEnvs();
});

const point = (text: string): unknown => {
  const parsed = parsePoint(text, NOW);
  return parsed.ok ? parsed.value : null;
};
const fault = (text: string): string => {
  const parsed = parsePoint(text, NOW);
  return parsed.ok ? "" : `${parsed.at}: ${parsed.why}`;
};
const time = (atMs: number) => ({ kind: "time", atMs });
const MINUTE = 60_000;

describe("points in the log", () => {
  it("are ends, counts, offsets, places and times [cli:point-grammar]", () => {
    expect([point("earliest"), point("latest"), point("end")]).toEqual([
      { kind: "earliest" },
      { kind: "latest" },
      { kind: "latest" },
    ]);
    expect(point("-100")).toEqual({ kind: "last", count: 100n });
    expect(point("o0")).toEqual({ kind: "offset", offset: 0n, partition: null });
    expect(point("3/1500")).toEqual({ kind: "offset", offset: 1500n, partition: 3 });
    expect(point("3/o1500")).toEqual(point("3/1500"));
    expect([point("-15m"), point("@-15m"), point("-1h30m")]).toEqual(
      [15, 15, 90].map((minutes) => time(NOW - minutes * MINUTE)),
    );
    expect(point("@2026-11-21T07:00:00Z")).toEqual(time(NOW - 300 * MINUTE));
  });

  it("are in UTC unless they say otherwise, on any machine [cli:point-grammar]", () => {
    vi.stubEnv("TZ", "Asia/Tokyo");
    expect(point("@2026-11-21T08:00")).toEqual(time(NOW - 240 * MINUTE));
    expect(point("@2026-11-21T08:00:00.500")).toEqual(time(NOW - 240 * MINUTE + 500));
    expect(point("@2026-11-21T09:00+01:00")).toEqual(time(NOW - 240 * MINUTE));
    expect(point("@2026-11-21")).toEqual(time(NOW - 720 * MINUTE));
    expect(point("@2028-02-29")).not.toBeNull();
  });

  it("are nothing else, and the place and reason of the fault are known [cli:point-grammar]", () => {
    expect(fault("10")).toBe("0: a bare number says too little: o10 is an offset, -10 the last ones");
    expect(fault("yesterday")).toMatch(/^0: a point is earliest/);
    expect(fault("")).toMatch(/^0: /);
    expect(fault("END")).toMatch(/^0: /);
    expect([fault("o"), fault("o-1"), fault("o01"), fault("o1.5")].every((one) => one.startsWith("1: "))).toBe(true);
    expect(fault("3/x")).toBe("2: after the slash stands an offset");
    expect(fault("x/3")).toBe("0: before the slash stands the number of a partition");
    expect(fault("-15x")).toMatch(/^3: after a minus/);
    expect(fault("-")).toMatch(/^1: after a minus/);
    expect(fault("@-15")).toBe("4: a unit is missing: ms, s, m, h or d");
    expect(fault("@2026-13-01")).toBe("6: the month is from 1 to 12");
    expect(fault("@2026-02-29")).toBe("9: the day is from 1 to 28");
    expect(fault("@2026-11-21T25:00Z")).toBe("12: the hour is from 0 to 23");
    expect(fault("@2026-11-21 10:00")).toMatch(/^11: a time is written like/);
    expect(fault("@2026-11-21T10:00:00 Z")).toMatch(/^20: a time/);
    expect(fault("@yesterday")).toMatch(/^1: a time/);
    expect(fault("@15m")).toMatch(/^3: a time/);
  });

  it("are shown with a caret under what is wrong [cli:error-says-next]", () => {
    expect(() => pointOption("--from")("3/x")).toThrow(
      '--from: "3/x" is no point in the log: after the slash stands an offset\n--from 3/x\n         ^',
    );
    expect(() => rangeOption("--range")("3/1..3/y")).toThrow("--range 3/1..3/y\n               ^");
  });
});

describe("ranges of the log", () => {
  const range = (text: string): unknown => {
    const parsed = parseRange(text, NOW);
    return parsed.ok ? [parsed.value.from, parsed.value.to] : `${parsed.at}: ${parsed.why}`;
  };

  it("are two points, of which each may be left out [cli:point-grammar]", () => {
    expect(range("3/10..3/20")).toEqual([point("3/10"), point("3/20")]);
    expect(range("-15m..-5m")).toEqual([point("-15m"), point("-5m")]);
    expect(range("..latest")).toEqual([point("earliest"), point("latest")]);
    expect(range("-100..")).toEqual([point("-100"), point("latest")]);
    expect(range("..")).toEqual([point("earliest"), point("latest")]);
    expect(range("-100")).toEqual([point("-100"), point("latest")]);
    expect(range("earliest..soon")).toMatch(/^10: a point is/);
    expect(range("")).toMatch(/^0: a point is/);
  });

  it("name at most one partition [cli:point-grammar]", () => {
    const named = (text: string, chosen?: number): number | null => {
      const parsed = parseRange(text, NOW);
      return parsed.ok ? partitionNamed(parsed.value, chosen) : null;
    };
    expect([named("-15m.."), named("3/1.."), named("..3/1"), named("-15m..", 2), named("2/1..", 2)]).toEqual([
      null,
      3,
      3,
      2,
      2,
    ]);
    expect(() => named("3/1..2/5")).toThrow("it names partitions 3 and 2");
    expect(() => named("3/1..", 0)).toThrow("it names partitions 0 and 3");
  });

  it("lie within what the partition holds [cli:point-grammar]", async () => {
    const log = {
      offsets: () => Promise.resolve({ low: 5n, end: 9n }),
      offsetAt: (_topic: string, _partition: number, atMs: number) => Promise.resolve(atMs < NOW ? 7n : 9n),
    };
    const at = (text: string): Promise<bigint> => {
      const parsed = parsePoint(text, NOW);
      return parsed.ok ? offsetOfPoint(log, "t", 0, parsed.value) : Promise.reject(new Error(parsed.why));
    };
    expect(await Promise.all(["o1", "o6", "0/99", "earliest", "latest", "-1s", "-3", "-100"].map(at))).toEqual([
      5n,
      6n,
      9n,
      5n,
      9n,
      7n,
      6n,
      5n,
    ]);
    const parsed = parseRange("o8..o6", NOW);
    expect(parsed.ok ? await offsetsOfRange(log, "t", 0, parsed.value) : null).toEqual({ from: 8n, to: 8n });
  });
});
