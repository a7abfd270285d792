/**
 * The report of a play: counts only, so that a file of any length fits. What a recording did after its run was stopped
 * is counterfactual: it was not issued, and nothing of it is held for or against the run.
 */
import { consecutiveErrors, contradiction, destructiveRun } from "@busbar/policy";
import type { RecordedRun } from "./recorded-run.ts";
import type { Verdict } from "./verdict.ts";

/** One rule against the labels. Shares are null where there is nothing to divide by. */
export interface RuleRow {
  readonly rule: string;
  readonly stopped: number;
  /** Of the stopped runs: labelled fail, labelled pass, without a trusted label. */
  readonly failing: number;
  readonly passing: number;
  readonly unlabelled: number;
  /** Labelled fail among the labelled runs that it stopped. */
  readonly precision: number | null;
  /** Stopped among all runs labelled fail. */
  readonly recall: number | null;
  /** Stopped among all runs labelled pass. */
  readonly falseHalts: number | null;
  /** Labelled wrong writes that never reached the tool because of the stop. */
  readonly wrongWritesStopped: number;
  /** Labelled wrong writes of all runs. */
  readonly wrongWrites: number;
  /** Recorded calls after its stops. */
  readonly counterfactualCalls: number;
}

/** The object that `-o json` ends with. `calls`: of the recordings; those after a stop are in the rows. */
export interface PlayReport {
  readonly runs: number;
  readonly skipped: number;
  readonly calls: number;
  readonly stopped: number;
  readonly byRule: readonly RuleRow[];
}

/** What the report says to a person besides. */
export interface PlayTotals {
  readonly failing: number;
  readonly passing: number;
  readonly unlabelled: number;
  /** Commands of the agent that reached the door. */
  readonly issued: number;
  readonly refused: number;
  readonly alreadyDone: number;
  readonly counterfactual: number;
  /** Calls whose answer the recording lacks. */
  readonly unanswered: number;
  /** Runs that could not be played to an end. */
  readonly failed: number;
}

type Count = "stopped" | "failing" | "passing" | "unlabelled" | "wrongWritesStopped" | "counterfactualCalls";
type Counts = Record<Count, number>;

const RULES = [consecutiveErrors.name, contradiction.name, destructiveRun.name] as const;

const noCounts = (): Counts => ({
  stopped: 0,
  failing: 0,
  passing: 0,
  unlabelled: 0,
  wrongWritesStopped: 0,
  counterfactualCalls: 0,
});

const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);

/** Labelled wrong writes of a run that its stop kept from the tool. */
export function wrongWritesStopped(run: RecordedRun, verdict: Verdict): number {
  if (verdict.end !== "stopped") return 0;
  const { admitted, call } = verdict;
  return (run.label?.wrongWrites ?? []).filter((index) => index >= call && !admitted.has(index)).length;
}

/** Recorded calls that a stop left unissued. */
export function counterfactualCalls(run: RecordedRun, verdict: Verdict): number {
  return verdict.end === "stopped" ? run.calls.length - verdict.call - 1 : 0;
}

export class ReportBuilder {
  readonly #rows = new Map<string, Counts>(RULES.map((rule) => [rule, noCounts()]));
  readonly #all = noCounts();
  #runs = 0;
  #calls = 0;
  #wrongWrites = 0;
  #labelled = { failing: 0, passing: 0, unlabelled: 0 };
  #totals = { issued: 0, refused: 0, alreadyDone: 0, unanswered: 0, failed: 0 };

  add(run: RecordedRun, verdict: Verdict): void {
    const kind = run.label === null ? "unlabelled" : run.label.outcome === "fail" ? "failing" : "passing";
    this.#runs += 1;
    this.#calls += run.calls.length;
    this.#wrongWrites += run.label?.wrongWrites.length ?? 0;
    this.#labelled[kind] += 1;
    this.#totals.issued += verdict.admitted.size + verdict.refused + verdict.alreadyDone;
    this.#totals.refused += verdict.refused;
    this.#totals.alreadyDone += verdict.alreadyDone;
    this.#totals.unanswered += run.unanswered;
    if (verdict.end === "failed") this.#totals.failed += 1;
    if (verdict.end !== "stopped") return;
    const row = this.#rows.get(verdict.rule) ?? noCounts();
    this.#rows.set(verdict.rule, row);
    for (const counts of [row, this.#all]) {
      counts.stopped += 1;
      counts[kind] += 1;
      counts.wrongWritesStopped += wrongWritesStopped(run, verdict);
      counts.counterfactualCalls += counterfactualCalls(run, verdict);
    }
  }

  get runs(): number {
    return this.#runs;
  }

  get totals(): PlayTotals {
    return { ...this.#labelled, ...this.#totals, counterfactual: this.#all.counterfactualCalls };
  }

  /** All rules as one row. */
  get anyRule(): RuleRow {
    return this.#row("any rule", this.#all);
  }

  report(skipped: number): PlayReport {
    const byRule = [...this.#rows].map(([rule, counts]) => this.#row(rule, counts));
    return { runs: this.#runs, skipped, calls: this.#calls, stopped: this.#all.stopped, byRule };
  }

  #row(rule: string, counts: Counts): RuleRow {
    const { stopped, failing, passing, unlabelled, counterfactualCalls: after } = counts;
    return {
      rule,
      stopped,
      failing,
      passing,
      unlabelled,
      precision: share(failing, failing + passing),
      recall: share(failing, this.#labelled.failing),
      falseHalts: share(passing, this.#labelled.passing),
      wrongWritesStopped: counts.wrongWritesStopped,
      wrongWrites: this.#wrongWrites,
      counterfactualCalls: after,
    };
  }
}
