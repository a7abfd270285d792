import { describe, expect, test } from "vitest";
import { formatEventId, parseEventId, parseOffset } from "./index.ts";

describe("event ids", () => {
  test("an event id is topic, partition and offset [placement:event-id]", () => {
    const position = { topic: "busbar.inbox.support-1", partition: 3, offset: 2n ** 62n };
    expect(formatEventId(position)).toBe("busbar.inbox.support-1/3/4611686018427387904");
    expect(parseEventId(formatEventId(position))).toEqual(position);
    expect(parseEventId("t/0/0")).toEqual({ topic: "t", partition: 0, offset: 0n });
  });

  test("any other spelling is no event id [placement:event-id]", () => {
    const flawed = [
      "",
      "t",
      "t/0",
      "t/0/",
      "/0/0",
      "t/00/0",
      "t/0/00",
      "t/0/-1",
      "t/0/1.0",
      "a/b/0/0",
      "t/0/0 ",
      "t/123456/0",
    ];
    for (const text of flawed) expect([text, parseEventId(text)]).toEqual([text, null]);
  });

  test("an offset in a body has one spelling [placement:event-id]", () => {
    expect(parseOffset("0")).toBe(0n);
    expect(parseOffset("9007199254740993")).toBe(9007199254740993n);
    for (const text of ["", "-1", "+1", "01", "1.0", "1e3", " 1", "0x1"])
      expect([text, parseOffset(text)]).toEqual([text, null]);
  });
});
