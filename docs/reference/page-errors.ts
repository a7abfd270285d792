/** errors.md: one section per row of the error table. */
import { ERRORS } from "@busbar/kernel";

const DISPOSITIONS: Readonly<Record<string, string>> = {
  transient: "Nothing happened; the same thing may be tried again.",
  "in-doubt": "It may have happened; it is never simply tried again.",
  refused: "A rule said no; the caller was right to ask.",
  invalid: "The input can never succeed.",
  conflict: "Two statements of one fact disagree.",
  exhausted: "A bounded resource or retry is used up.",
  fatal: "An invariant or the configuration is broken; the process ends.",
};

function sections(): string {
  const rows = Object.entries(ERRORS).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const texts = rows.map(([code, row]) => {
    const facts = `${row.disposition} · exit code ${row.exitCode} · HTTP ${row.httpStatus}`;
    return `## ${code}\n\n${facts}\n\nSays: \`${row.message}\`. ${DISPOSITIONS[row.disposition] ?? ""}\n\nNext: \`${row.next}\`\n`;
  });
  return texts.join("\n");
}

/** The page, from the error table. */
export function errorsPage(): string {
  return [
    "# Errors",
    "",
    "Generated from the error table; `npx busbar explain <code>` prints one of them. Words in braces stand for the values of the case.",
    "",
    "Exit codes: 1 error, 2 usage, 3 not found, 4 check failed or unproven, 5 refused by policy or halt, 6 unreachable, 124 timeout.",
    "",
    sections(),
  ].join("\n");
}
