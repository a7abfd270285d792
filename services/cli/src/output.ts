/**
 * Where a command's words go. Data goes to standard output, as a table for people or as JSON for programs; everything
 * else (progress, hints, errors) goes to standard error, so that a pipe carries data only.
 */
import { type Progress, SILENT, startProgress } from "./progress.ts";
import { renderTable, type Column } from "./table.ts";

export const OUTPUT_FORMS = ["table", "json", "jsonl"] as const;
export type OutputForm = (typeof OUTPUT_FORMS)[number];

export interface Streams {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Columns of the terminal on standard output; null where it is none. */
  readonly width: number | null;
  readonly hasColour: boolean;
  /** Columns of the terminal on standard error; absent or null where it is none. */
  readonly errWidth?: number | null;
}

/** One answer in its three forms. `lines` are the rows of `jsonl`; without them it is the value on one line. */
export interface Answer {
  readonly value: unknown;
  readonly lines?: readonly unknown[];
  readonly text: () => string;
}

export interface Output {
  readonly form: OutputForm;
  /** Columns of the terminal; null where there is none. */
  readonly width: number | null;
  answer(answer: Answer): void;
  /** One piece of a stream: a line of text, or one JSON line in both other forms. */
  item(value: unknown, text: () => string): void;
  table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string;
  /** For the reader, not for a program. */
  note(line: string): void;
  /** For long work: see `progress.ts`. A total of null is not known. */
  progress(what: string, total: number | null): Progress;
  bold(text: string): string;
  /** Something that is not as it should be. */
  red(text: string): string;
  green(text: string): string;
  dim(text: string): string;
}

// JSON escapes the other controls by itself; these may stand in it as they are, and a terminal acts on them.
const STEERING = /[\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** JSON as it is printed: offsets as decimal text, bytes as hex, and nothing that steers a terminal. */
export function toJsonText(value: unknown, indent = 0): string {
  // A Buffer has a `toJSON` of its own, which comes before: the value itself is looked up.
  const replace = function (this: Readonly<Record<string, unknown>>, key: string, found: unknown): unknown {
    if (typeof found === "bigint") return found.toString();
    const given = this[key];
    return given instanceof Uint8Array ? Buffer.from(given).toString("hex") : found;
  };
  const text = JSON.stringify(value, replace, indent);
  return text.replaceAll(STEERING, (one) => `\\u${(one.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`);
}

export function createOutput(form: OutputForm, streams: Streams): Output {
  const line = (text: string): void => streams.out(`${text}\n`);
  const colour = (code: number) => (text: string) => (streams.hasColour ? `\u001b[${code}m${text}\u001b[0m` : text);
  return {
    form,
    width: streams.width,
    answer: ({ value, lines, text }) => {
      if (form === "json") line(toJsonText(value, 2));
      else if (form === "jsonl") for (const one of lines ?? [value]) line(toJsonText(one));
      else line(text());
    },
    item: (value, text) => {
      line(form === "table" ? text() : toJsonText(value));
    },
    table: (rows, columns) => renderTable(rows, columns, { width: streams.width }),
    note: (text) => {
      streams.err(`${text}\n`);
    },
    progress: (what, total) =>
      form === "table"
        ? startProgress({ what, total, write: streams.err, terminal: streams.errWidth ?? null })
        : SILENT,
    bold: colour(1),
    red: colour(31),
    green: colour(32),
    dim: colour(2),
  };
}

/** The streams of this process. Colour only on a terminal, and never under NO_COLOR. */
export function processStreams(): Streams {
  const { stdout, stderr, env } = process;
  const isTerminal = stdout.isTTY;
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    width: isTerminal ? stdout.columns : null,
    errWidth: stderr.isTTY && env["TERM"] !== "dumb" ? stderr.columns : null,
    hasColour: isTerminal && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb",
  };
}
