/**
 * A play: the file is read twice, first for its tools and its bad lines, then to be played, so that only the runs in
 * flight are in memory.
 */
import type { EffectClass } from "@busbar/policy";
import { heavier } from "./effect-of-tool.ts";
import { parseLine } from "./parse-line.ts";
import { LINE_LIMIT_BYTES, readLines } from "./read-lines.ts";
import type { RecordedRun } from "./recorded-run.ts";
import type { Verdict } from "./verdict.ts";

/** What a first look at a file finds. */
export interface Scan {
  readonly runs: number;
  readonly skipped: number;
  readonly tools: ReadonlyMap<string, EffectClass>;
}

export interface NumberedRun {
  readonly line: number;
  readonly run: RecordedRun;
}

type LineRun = NumberedRun | { readonly line: number; readonly reason: string };

async function* linesOf(file: string): AsyncGenerator<LineRun> {
  for await (const { number, text } of readLines(file)) {
    if (text === null) {
      yield { line: number, reason: `it is longer than ${LINE_LIMIT_BYTES} bytes` };
      continue;
    }
    const parsed = parseLine(text);
    yield parsed.ok ? { line: number, run: parsed.run } : { line: number, reason: parsed.reason };
  }
}

/** Tells of each bad line. Throws BUSBAR_INPUT_INVALID where the file cannot be read. */
export async function scan(file: string, onBadLine: (line: number, reason: string) => void): Promise<Scan> {
  const tools = new Map<string, EffectClass>();
  let runs = 0;
  let skipped = 0;
  for await (const found of linesOf(file)) {
    if ("reason" in found) {
      skipped += 1;
      onBadLine(found.line, found.reason);
      continue;
    }
    runs += 1;
    for (const { tool, effect } of found.run.calls) tools.set(tool, heavier(tools.get(tool), effect));
  }
  return { runs, skipped, tools };
}

async function* runsOf(file: string): AsyncGenerator<NumberedRun> {
  for await (const found of linesOf(file)) if ("run" in found) yield found;
}

export interface PlayAll<V extends Verdict> {
  readonly file: string;
  readonly concurrency: number;
  play(found: NumberedRun): Promise<V>;
  /** In the order in which runs end. */
  onVerdict(found: NumberedRun, verdict: V): void;
}

/** Plays every run, at most `concurrency` at once. The first error ends it, after the runs in flight. */
export async function playAll<V extends Verdict>(options: PlayAll<V>): Promise<void> {
  const { file, concurrency, play, onVerdict } = options;
  const runs = runsOf(file);
  let failure: { readonly error: unknown } | null = null;
  const work = async (): Promise<void> => {
    while (failure === null) {
      const next = await runs.next();
      if (next.done === true) return;
      onVerdict(next.value, await play(next.value));
    }
  };
  const guarded = async (): Promise<void> => {
    try {
      await work();
    } catch (error) {
      failure ??= { error };
    }
  };
  await Promise.all(Array.from({ length: concurrency }, guarded));
  await runs.return(undefined);
  // A worker sets it, which the compiler does not see.
  const failed = failure as { readonly error: unknown } | null;
  if (failed !== null) throw failed.error;
}
