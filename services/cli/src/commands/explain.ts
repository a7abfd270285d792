/** `busbar explain <code>`: one row of the error table, or all of them. */
import { busbarError, ERRORS, type ErrorCode, isErrorCode } from "@busbar/kernel";
import { Command } from "commander";
import { outputOf } from "../command-output.ts";
import type { Output } from "../output.ts";

const DISPOSITIONS: Readonly<Record<(typeof ERRORS)[ErrorCode]["disposition"] | "exhausted", string>> = {
  transient: "Nothing happened; the same thing may be tried again.",
  "in-doubt": "It may have happened; it is never simply tried again.",
  refused: "A rule said no; the caller was right to ask.",
  invalid: "The input can never succeed.",
  conflict: "Two statements of one fact disagree.",
  exhausted: "A bounded resource or retry is used up.",
  fatal: "An invariant or the configuration is broken.",
};

const CODES = Object.keys(ERRORS).sort() as readonly ErrorCode[];

/** A code as it may be typed: any case, `-` for `_`, with or without its first part. */
export function findCode(text: string): ErrorCode | null {
  const code = text.trim().toUpperCase().replaceAll("-", "_");
  const whole = code.startsWith("BUSBAR_") ? code : `BUSBAR_${code}`;
  return isErrorCode(whole) ? whole : null;
}

/** Codes that share a word with what was typed. */
function similar(text: string): readonly ErrorCode[] {
  const words = text
    .toUpperCase()
    .split(/[^A-Z]+/)
    .filter((word) => word.length > 2 && word !== "BUSBAR");
  return CODES.filter((code) => words.some((word) => code.includes(word))).slice(0, 5);
}

function explain(output: Output, code: ErrorCode): void {
  const { disposition, message, next, exitCode, httpStatus } = ERRORS[code];
  const text = (): string =>
    [
      output.bold(code),
      `  what happened: ${message}`,
      `  why it is so:  ${disposition}: ${DISPOSITIONS[disposition]}`,
      `  exit code:     ${exitCode}   HTTP status: ${httpStatus}`,
      `  type next:     ${next}`,
      output.dim("  Words in braces stand for the values of the case."),
    ].join("\n");
  output.answer({ value: { code, disposition, message, next, exitCode, httpStatus }, text });
}

export function explainCommand(): Command {
  return new Command("explain")
    .description("Says what an error code means and what to type next; without a code, lists all.")
    .argument("[code]", "a code like BUSBAR_FREEZE_ACTIVE, or its second part")
    .action((text: string | undefined, _options: object, command: Command) => {
      const output = outputOf(command);
      if (text === undefined) {
        const rows = CODES.map((code) => ({ code, ...ERRORS[code] }));
        const columns = [
          { title: "code", value: (row: (typeof rows)[number]) => row.code },
          { title: "disposition", value: (row: (typeof rows)[number]) => row.disposition },
          { title: "exit", value: (row: (typeof rows)[number]) => String(row.exitCode), align: "right" as const },
          { title: "says", value: (row: (typeof rows)[number]) => row.message },
        ];
        output.answer({ value: rows, lines: rows, text: () => output.table(rows, columns) });
        return;
      }
      const code = findCode(text);
      if (code !== null) {
        explain(output, code);
        return;
      }
      const close = similar(text);
      throw busbarError("BUSBAR_INPUT_INVALID", {
        what: "explain",
        reason: `no error has the code ${text}`,
        next:
          close.length === 0 ? "npx busbar explain" : close.map((one) => `npx busbar explain ${one}`).join("  or  "),
      });
    });
}
