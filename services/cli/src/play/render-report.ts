/** The report as a person reads it. Pure. */
import type { Output } from "../output.ts";
import { cut, plain } from "../table.ts";
import type { PlayReport, PlayTotals, RuleRow } from "./report.ts";

/** A stopped run, as it is listed. */
export interface StoppedRun {
  readonly line: number;
  readonly id: string;
  readonly rule: string;
  readonly reason: string;
  readonly call: number;
  readonly tool: string;
  readonly counterfactual: number;
  readonly label: string;
}

/** Stopped runs that are listed; more are counted. */
export const LISTED_MAX = 20;

const percent = (share: number | null): string => (share === null ? "-" : `${Math.round(share * 100)} %`);

const RULE_COLUMNS = [
  { title: "RULE", value: (row: RuleRow) => row.rule },
  { title: "STOPPED", value: (row: RuleRow) => String(row.stopped), align: "right" },
  { title: "FAILING", value: (row: RuleRow) => String(row.failing), align: "right" },
  { title: "PASSING", value: (row: RuleRow) => String(row.passing), align: "right" },
  { title: "NO LABEL", value: (row: RuleRow) => String(row.unlabelled), align: "right" },
  { title: "PRECISION", value: (row: RuleRow) => percent(row.precision), align: "right" },
  { title: "RECALL", value: (row: RuleRow) => percent(row.recall), align: "right" },
  { title: "FALSE HALTS", value: (row: RuleRow) => percent(row.falseHalts), align: "right" },
  {
    title: "WRONG WRITES STOPPED",
    value: (row: RuleRow) => (row.wrongWrites === 0 ? "-" : `${row.wrongWritesStopped} of ${row.wrongWrites}`),
    align: "right",
  },
] as const;

const STOPPED_COLUMNS = [
  { title: "LINE", value: (run: StoppedRun) => String(run.line), align: "right" },
  { title: "RUN", value: (run: StoppedRun) => cut(run.id, 40) },
  { title: "LABEL", value: (run: StoppedRun) => run.label },
  { title: "STOPPED BY", value: (run: StoppedRun) => run.rule },
  { title: "AT CALL", value: (run: StoppedRun) => `${run.call} ${cut(plain(run.tool), 40)}` },
  { title: "NOT ISSUED", value: (run: StoppedRun) => String(run.counterfactual), align: "right" },
] as const;

const counted = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

/** Totals in words, one fact a line. */
function totalLines(report: PlayReport, totals: PlayTotals): readonly string[] {
  const { runs, skipped, calls, stopped } = report;
  const labels = `${totals.failing} labelled fail, ${totals.passing} pass, ${totals.unlabelled} without a trusted label`;
  const lines = [
    `${counted(runs, "run")} (${labels}), ${counted(skipped, "line")} skipped, ${stopped} stopped`,
    `${counted(calls, "recorded call")}: ${totals.issued} issued, ${totals.refused} refused, ${totals.counterfactual} not issued because their run was stopped`,
  ];
  if (totals.alreadyDone > 0) {
    lines.push(
      `${counted(totals.alreadyDone, "issued call")} asked for an effect that was done before: answered from the ledger, not done again`,
    );
  }
  if (totals.unanswered > 0) {
    lines.push(`${counted(totals.unanswered, "call")} without a recorded answer: not played`);
  }
  if (totals.failed > 0) lines.push(`${counted(totals.failed, "run")} could not be played to an end`);
  if (stopped > 0) {
    lines.push(
      "A run is judged up to its first stop. What its recording did afterwards is counterfactual and counts for nothing.",
    );
  }
  return lines;
}

/** The whole screen. `listed` are the first stopped runs, in the order of the file's lines. */
export function renderReport(
  report: PlayReport,
  totals: PlayTotals,
  anyRule: RuleRow,
  listed: readonly StoppedRun[],
  table: Output["table"],
): string {
  const parts: string[] = [];
  if (listed.length > 0) {
    const more = report.stopped - listed.length;
    const rest = more > 0 ? `\n… and ${more} more: -o jsonl prints all` : "";
    parts.push(table(listed, STOPPED_COLUMNS) + rest);
  }
  parts.push(table([...report.byRule, anyRule], RULE_COLUMNS));
  parts.push(totalLines(report, totals).join("\n"));
  return parts.join("\n\n");
}
