/** What the demo shows: plain lines on standard output, progress for whatever takes over a second on standard error. */
import { styleText } from "node:util";

const startedMs = performance.now();
const color = process.stdout.isTTY && process.env["NO_COLOR"] === undefined;
const paint = (style: Parameters<typeof styleText>[0], text: string): string => (color ? styleText(style, text) : text);

export const bold = (text: string): string => paint("bold", text);
export const red = (text: string): string => paint("red", text);
export const green = (text: string): string => paint("green", text);
export const dim = (text: string): string => paint("dim", text);

export function say(text = ""): void {
  process.stdout.write(`${text}\n`);
}

export function chapter(title: string): void {
  say();
  say(bold(title));
}

/** Runs a piece of work; after a second it says what is being waited for, and when it was done. */
export async function during<T>(what: string, work: Promise<T>): Promise<T> {
  const beganMs = performance.now();
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - beganMs) / 1000);
    process.stderr.write(`  … ${what} (${seconds} s)\n`);
  }, 1000);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}

/** Rows under a header, columns as wide as their widest cell. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = header.map((cell, column) => Math.max(cell.length, ...rows.map((row) => (row[column] ?? "").length)));
  const line = (cells: readonly string[]): string =>
    `  ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd();
  say(dim(line(header)));
  for (const row of rows) say(line(row));
}

export function elapsedSeconds(): string {
  return ((performance.now() - startedMs) / 1000).toFixed(1);
}
