import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isoMs, timeOf } from "./iso-time.ts";

describe("a time in ISO 8601", () => {
  it.each([
    ["2024-05-20", Date.UTC(2024, 4, 20)],
    ["2024-05-20T15:04", Date.UTC(2024, 4, 20, 15, 4)],
    ["2024-05-20 15:04:05", Date.UTC(2024, 4, 20, 15, 4, 5)],
    ["2024-05-20T15:04:05.25Z", Date.UTC(2024, 4, 20, 15, 4, 5, 250)],
    ["2024-05-20T15:04:05-05:00", Date.UTC(2024, 4, 20, 20, 4, 5)],
    ["2024-02-29", Date.UTC(2024, 1, 29)],
  ])("%s [evidence:claims]", (text, ms) => expect(isoMs(text)).toBe(ms));

  it.each(["", "today", "2024-13-01", "2024-00-10", "2024-04-31", "2024-05-20T25:00", "20.5.2024"])(
    "%j is none [evidence:claims]",
    (text) => expect(isoMs(text)).toBeNull(),
  );

  it("is what the platform's calendar says, for any date [evidence:claims]", () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date("0400-01-01"), max: new Date("9999-12-31"), noInvalidDate: true }),
        (date) => {
          expect(isoMs(date.toISOString())).toBe(date.getTime());
        },
      ),
    );
  });

  it("stands as a number or a text, and 0 is none [evidence:claims]", () => {
    expect([timeOf(12.7), timeOf("1970-01-02"), timeOf("soon"), timeOf(null), timeOf(undefined)]).toEqual([
      12, 86_400_000, 0, 0, 0,
    ]);
  });
});
