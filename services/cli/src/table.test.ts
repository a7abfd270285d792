import { describe, expect, it } from "vitest";
import { type Column, cut, plain, renderTable } from "./table.ts";

interface Row {
  readonly name: string;
  readonly count: number;
  readonly note: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: "name", value: ({ name }) => name },
  { title: "count", value: ({ count }) => String(count), align: "right" },
  { title: "note", value: ({ note }) => note },
];

describe("tables", () => {
  it("are aligned, without empty columns and without trailing spaces", () => {
    const rows = [
      { name: "a", count: 7, note: "" },
      { name: "grüße", count: 1234, note: "" },
    ];
    expect(renderTable(rows, COLUMNS)).toBe("name   count\na          7\ngrüße   1234");
  });

  it("show their titles when there is no row", () => {
    expect(renderTable([], COLUMNS)).toBe("name  count  note");
  });

  it("are cut at the terminal's edge", () => {
    const rows = [{ name: "a", count: 1, note: "a long remark" }];
    expect(renderTable(rows, COLUMNS, { width: 18 }).split("\n")).toEqual(["name  count  note", "a         1  a lo…"]);
    expect(cut("abc", 3)).toBe("abc");
  });

  it("hold nothing that a terminal acts on, whatever the data says", () => {
    const rows = [{ name: "\u001b[31mred\u0007", count: 0, note: "two\nlines\u202eback" }];
    expect(renderTable(rows, COLUMNS).split("\n")[1]).toBe("\\u001b[31mred\\u0007      0  two\\nlines\\u202eback");
    expect(plain("\u009b2J")).toBe("\\u009b2J");
  });
});
