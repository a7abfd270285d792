/** The section of docs/reliability.md that a run writes: what ran, where, how often, and what was found. */
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { describeMachine, loadNow } from "../bench/machine.ts";
import { failures, type SpecReport, table } from "./report.ts";

const PAGE = resolve(import.meta.dirname, "../../docs/reliability.md");

/** What is true of the run as a whole. */
export interface RunFacts {
  readonly command: string;
  readonly minutes: number;
  /** Load average when it began; null: episodes of several runs. */
  readonly loadBefore: number | null;
}

/** The section of a run of specs. */
export function runSection(reports: readonly SpecReport[], { command, minutes, loadBefore }: RunFacts): string {
  const found = failures(reports);
  return [
    `- Command: \`${command}\`, ${minutes.toFixed(0)} min of episodes.`,
    ...describeMachine().map((text) => `- ${text}`),
    loadBefore === null
      ? "- Put together from several runs of this command on this commit, other programs beside them."
      : `- Load average before and after: ${loadBefore.toFixed(1)} and ${loadNow().toFixed(1)}.`,
    "",
    ...table(reports),
    "",
    ...(found.length === 0 ? ["No findings."] : ["Findings:", "", "```", ...found, "```"]),
  ].join("\n");
}

/** Replaces a section of the page. Throws where its markers are gone. */
export function publish(section: "chaos" | "mutants", text: string): void {
  const [begin, end] = [`<!-- ${section}:begin -->`, `<!-- ${section}:end -->`];
  const page = readFileSync(PAGE, "utf8");
  const [head = "", rest = ""] = page.split(begin);
  const tail = rest.split(end)[1];
  if (tail === undefined) throw new Error(`${PAGE} has lost its markers ${begin} and ${end}`);
  writeFileSync(PAGE, `${head}${begin}\n${text}\n${end}${tail}`);
}
