/** One seed, run and judged. */
import { createHash } from "node:crypto";
import type { Placed } from "./bus/broker.ts";
import { type Observer, type Run, simulate } from "./bus/simulate.ts";
import { checkCaps } from "./checkers/caps.ts";
import { checkEffects } from "./checkers/effects.ts";
import { checkGates } from "./checkers/gates.ts";
import { checkHalts } from "./checkers/halts.ts";
import { checkLedger } from "./checkers/ledger.ts";
import { Lives } from "./checkers/lives.ts";
import { type Finding, LogView } from "./checkers/log-view.ts";
import { checkOrder } from "./checkers/order.ts";
import { checkReplayed } from "./checkers/replayed.ts";

export interface Verdict {
  readonly seed: number;
  readonly findings: readonly Finding[];
  /** SHA-256 over all records, what the world did and how many steps it took. */
  readonly digest: string;
  readonly counts: Readonly<Record<string, number>>;
}

/** What a trace is told besides. */
export interface Trace extends Pick<Observer, "step" | "say"> {
  landed?(record: Placed, isVoid: boolean): void;
}

/** Runs a seed under all checkers. What the simulated processes throw at nobody is a finding as well. */
export async function checkSeed(seed: number, trace: Trace = {}): Promise<Verdict> {
  const view = new LogView();
  const lives = new Lives();
  const digest = createHash("sha256");
  const observer: Observer = {
    ...trace,
    record: (record) => {
      const { topic, partition, offset, timestampMs, value, headers } = record;
      digest.update(`${topic}/${partition}/${offset} ${timestampMs} ${JSON.stringify(headers)}`).update(value ?? "");
      const { voids } = view;
      const fact = view.take(record);
      if (fact !== null) lives.take(fact);
      trace.landed?.(record, view.voids > voids);
    },
    isSettled: (keys, hostile) => lives.unsettled(keys, hostile).length === 0,
  };
  const { run, thrown } = await guarded(() => simulate(seed, observer));
  if (run === null) return { seed, findings: thrown, digest: "", counts: {} };
  digest.update(`${JSON.stringify(run.journal)} ${run.steps}`);
  const findings = [...thrown, ...judge(run, view, lives)];
  return { seed, findings, digest: digest.digest("hex"), counts: countsOf(run, view) };
}

function judge(run: Run, view: LogView, lives: Lives): readonly Finding[] {
  const open = run.isSettled ? [] : lives.unsettled(run.taskKeys, run.hostile);
  return [
    ...checkEffects(run, view),
    ...checkHalts(run, view),
    ...checkGates(run, view),
    ...checkOrder(run, view),
    ...checkLedger(run, view),
    ...checkReplayed(run, view),
    ...checkCaps(run, view),
    ...open.map((what) => ({ check: "liveness", what })),
    ...run.errors.map(({ node, step, message }) => ({ check: "error", what: `${node} in step ${step}: ${message}` })),
  ];
}

/** Rejections that nobody handles are findings of the seed during which they happen. */
async function guarded(
  run: () => Promise<Run>,
): Promise<{ readonly run: Run | null; readonly thrown: readonly Finding[] }> {
  const thrown: Finding[] = [];
  const note = (error: unknown): void => {
    thrown.push({ check: "thrown", what: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  };
  process.on("unhandledRejection", note);
  process.on("uncaughtException", note);
  try {
    return { run: await run(), thrown };
  } catch (error) {
    note(error);
    return { run: null, thrown };
  } finally {
    process.off("unhandledRejection", note);
    process.off("uncaughtException", note);
  }
}

function countsOf(run: Run, view: LogView): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {
    steps: run.steps,
    virtualMs: Math.round(run.virtualMs),
    records: run.records.length,
    voids: view.voids,
    effects: run.journal.filter(({ kind }) => kind === "effect").length,
    repeated: run.journal.filter(({ kind }) => kind === "repeated").length,
  };
  for (const { event } of view.facts) counts[event.type] = (counts[event.type] ?? 0) + 1;
  return counts;
}
