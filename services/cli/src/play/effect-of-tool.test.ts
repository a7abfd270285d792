import { isBusbarError } from "@busbar/kernel";
import { describe, expect, it } from "vitest";
import { effectOfMark, effectOfName, heavier, parseToolManifest, toolPolicies } from "./effect-of-tool.ts";

describe("what a tool does", () => {
  it("only a name that says so is a read; doubt counts as a change [play:messages-format]", () => {
    for (const name of [
      "get_order",
      "list",
      "searchFlights",
      "shop.find_user",
      "mcp__shop__read_file",
      "GetOrder",
      "think",
    ]) {
      expect([name, effectOfName(name)]).toEqual([name, "read"]);
    }
    for (const name of ["check_in", "getaway", "send_money", "update", "foo", "", "読む", "order.get.confirm"]) {
      expect([name, effectOfName(name)]).toEqual([name, "write"]);
    }
    for (const name of ["delete_file", "cancelOrder", "db.drop_table", "remove"]) {
      expect([name, effectOfName(name)]).toEqual([name, "destructive"]);
    }
  });

  it("a recording's mark is believed; a write is refined by its name [play:recorded-runs]", () => {
    for (const mark of ["r", "x", "n"]) expect(effectOfMark("delete_file", mark)).toBe("read");
    expect(effectOfMark("get_order", "w")).toBe("write");
    expect(effectOfMark("book", "w")).toBe("write");
    expect(effectOfMark("cancel_order", "w")).toBe("destructive");
    expect(effectOfMark("get_order", undefined)).toBe("read");
  });

  it("where lines disagree about a tool, the heavier effect holds [play:recorded-runs]", () => {
    expect(heavier("write", "read")).toBe("write");
    expect(heavier("write", "destructive")).toBe("destructive");
    expect(heavier(undefined, "read")).toBe("read");
  });

  it("a manifest states what would be guessed, as an object or a list [play:messages-format]", () => {
    const row = { effect: "read", volatile: true } as const;
    const expected = new Map([["clock", row]]);
    expect(parseToolManifest("f", JSON.stringify({ clock: row }))).toEqual(expected);
    expect(parseToolManifest("f", JSON.stringify([{ name: "clock", ...row }]))).toEqual(expected);
    const policies = toolPolicies(
      new Map([
        ["clock", "write"],
        ["book", "write"],
      ]),
      expected,
    );
    expect(policies["clock"]).toMatchObject(row);
    expect(policies["book"]).toMatchObject({ effect: "write", volatile: false });
  });

  it.each([
    ["it is neither a JSON object of tools nor a list of them", "7"],
    ["clock: effect is not read, write or destructive", '{"clock":"look"}'],
    ["clock: effect is not read, write or destructive", '{"clock":"__proto__"}'],
    ["clock: volatile is not true or false", '{"clock":{"effect":"read","volatile":1}}'],
    ["entry 0 has no name", '[{"effect":"read"}]'],
  ])("a manifest that is wrong is refused with its place: %s [play:messages-format]", (reason, text) => {
    try {
      parseToolManifest("tools.json", text);
      expect.unreachable();
    } catch (error) {
      expect(isBusbarError(error) && error.fields).toMatchObject({ file: "tools.json", reason });
    }
  });
});
