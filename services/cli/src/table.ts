/**
 * Tables for a terminal. What stands in the log was said by anyone, so nothing of it may steer the reader's terminal:
 * control characters come out as escapes, and a cell is one line.
 */

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  /** Default left. */
  readonly align?: "left" | "right";
}

export interface TableOptions {
  /** Columns of the terminal; lines are cut there. Null: never. */
  readonly width: number | null;
}

const GAP = "  ";

// What a terminal acts on: C0 and C1 controls, and the marks that turn the direction of writing.
const STEERING = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
const NAMED: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** One printable line of any text. */
export function plain(text: string): string {
  return text.replaceAll(STEERING, (character) => {
    return NAMED[character] ?? `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
  });
}

const lengthOf = (text: string): number => [...text].length;

/** At most `length` characters, the last one an ellipsis where something was cut. */
export function cut(text: string, length: number): string {
  if (lengthOf(text) <= length) return text;
  return `${[...text].slice(0, Math.max(0, length - 1)).join("")}…`;
}

function pad(text: string, length: number, align: "left" | "right"): string {
  const space = " ".repeat(Math.max(0, length - lengthOf(text)));
  return align === "right" ? space + text : text + space;
}

/** Title line and one line per row, without a trailing newline; columns without any content are left out. */
export function renderTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  options: TableOptions = { width: null },
): string {
  const filled = columns
    .map((column) => ({ ...column, cells: rows.map((row) => plain(column.value(row))) }))
    .filter(({ cells }) => cells.some((cell) => cell !== "") || rows.length === 0);
  const laidOut = filled.map(({ title, cells, align = "left" }) => {
    const length = Math.max(lengthOf(title), ...cells.map(lengthOf));
    return [title, ...cells].map((cell) => pad(cell, length, align));
  });
  const lines = Array.from({ length: rows.length + 1 }, (_, line) => {
    const text = laidOut
      .map((column) => column[line] ?? "")
      .join(GAP)
      .trimEnd();
    return options.width === null ? text : cut(text, options.width);
  });
  return lines.join("\n");
}
