/**
 * `npm run chaos`: faults by the hundred against a bus of real processes on a real Kafka, judged by checkers that share
 * no code with it. Specs are data (specs.ts); an episode is a spec, a seed and so many rounds, on a broker of its own.
 *
 *   npm run chaos                              one episode of each spec
 *   npm run chaos -- kills halts --rounds 500  so many rounds of these, in episodes
 *   npm run chaos -- --full                    the counts that docs/reliability.md promises, each spec in episodes
 *   npm run chaos -- --minutes 20              episodes of all specs in turn until the time is over
 *   npm run chaos -- kills --seed 7 --rounds 60  that episode again, as a finding prints it
 *   npm run chaos -- --report a.json,b.json    what several runs with --json have counted, together
 *   npm run chaos -- --mutants                 each guard taken out once: its spec must find that
 *   npm run chaos -- --list                    the specs, and what each promises
 *
 * --jobs 2 plays two episodes beside each other, --json <file> keeps every episode, --write puts the counts into
 * docs/reliability.md. Exit code 1 where anything was found.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { loadNow } from "../bench/machine.ts";
import { type Episode, type EpisodeResult, playEpisode } from "./episode.ts";
import { MUTANTS } from "./mutants.ts";
import { publish, runSection } from "./publish.ts";
import { failures, replayCommand, reportOf, table } from "./report.ts";
import type { ChaosSpec } from "./spec.ts";
import { specNamed, SPECS } from "./specs.ts";
import { mutantTable, tryMutants } from "./try-mutants.ts";

const say = (line: string): void => void process.stderr.write(`chaos: ${line}\n`);

interface Wanted {
  readonly specs: readonly ChaosSpec[];
  /** Of each spec; null: one episode each, or as many as fit the time. */
  readonly rounds: number | null;
  /** As many as a full run of each spec has, where `rounds` says nothing. */
  readonly isFull: boolean;
  readonly seed: number;
  readonly minutes: number | null;
  readonly jobs: number;
}

function whole(name: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^\d{1,9}$/.test(text) || (name !== "seed" && Number(text) === 0))
    throw new Error(`--${name} wants a whole number, not ${text}`);
  return Number(text);
}

/** The next episode, spec by spec in turn; null when all that was asked for has been begun. */
function createQueue({ specs, rounds, isFull, seed, minutes }: Wanted, endMs: number): () => Episode | null {
  const begun = new Map<string, { rounds: number; episodes: number }>(
    specs.map(({ name }) => [name, { rounds: 0, episodes: 0 }]),
  );
  const goalOf = (spec: ChaosSpec): number => {
    if (rounds !== null || isFull) return rounds ?? spec.fullRounds;
    return minutes === null ? spec.rounds : Number.POSITIVE_INFINITY;
  };
  return () => {
    if (performance.now() >= endMs) return null;
    const left = (spec: ChaosSpec): number => goalOf(spec) - (begun.get(spec.name)?.rounds ?? 0);
    const [next] = specs
      .filter((spec) => left(spec) > 0)
      .toSorted((a, b) => (begun.get(a.name)?.episodes ?? 0) - (begun.get(b.name)?.episodes ?? 0));
    if (next === undefined) return null;
    const own = begun.get(next.name) ?? { rounds: 0, episodes: 0 };
    const count = Math.min(next.rounds, left(next));
    begun.set(next.name, { rounds: own.rounds + count, episodes: own.episodes + 1 });
    return { spec: next, seed: seed + own.episodes, rounds: count };
  };
}

/** A machine that could not even start the brokers says nothing about the bus: the run goes on without that episode. */
const notPlayed =
  (name: string) =>
  (cause: unknown): null => {
    say(`${name} was not played: ${cause instanceof Error ? cause.message : String(cause)}`);
    process.exitCode = 1;
    return null;
  };

/** Keeps every episode as it ends, so that a run that is broken off has told what it has seen. */
function keep(results: readonly EpisodeResult[]): void {
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 1)}\n`);
}

async function playAll(wanted: Wanted, signal: AbortSignal): Promise<readonly EpisodeResult[]> {
  const endMs = wanted.minutes === null ? Number.POSITIVE_INFINITY : performance.now() + wanted.minutes * 60_000;
  const next = createQueue(wanted, endMs);
  const results: EpisodeResult[] = [];
  const work = async (): Promise<void> => {
    for (let episode = next(); episode !== null && !signal.aborted; episode = next()) {
      const { spec, seed, rounds } = episode;
      const name = `${spec.name} seed ${seed}`;
      say(`${name}: ${rounds} rounds`);
      const result = await playEpisode(episode, { say: (line) => say(`${name}: ${line}`), signal }).catch(
        notPlayed(name),
      );
      if (result === null) continue;
      // What was broken off by hand is no result.
      if (signal.aborted) return;
      results.push(result);
      keep(results);
      const { findings, tally, ms } = result;
      const effects = tally["effects"] ?? 0;
      say(`${name}: ${findings.length} finding(s), ${effects} effects, ${Math.round(ms / 1000)} s`);
      if (findings.length > 0) say(`again: ${replayCommand(result)}`);
    }
  };
  await Promise.all(Array.from({ length: wanted.jobs }, work));
  return results;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: "boolean", default: false },
    rounds: { type: "string" },
    seed: { type: "string" },
    minutes: { type: "string" },
    jobs: { type: "string" },
    full: { type: "boolean", default: false },
    json: { type: "string" },
    report: { type: "string" },
    mutants: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
  },
});

const broken = new AbortController();

/** The first interrupt cleans up, the second one leaves that to the watchdogs. */
function endOnInterrupt(): void {
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (broken.signal.aborted) process.exit(130);
      say("broken off; cleaning up");
      broken.abort();
    });
  }
}

async function runSpecs(seed: number): Promise<boolean> {
  const loadBefore = loadNow();
  const beganMs = performance.now();
  const specs = positionals.length === 0 ? SPECS : positionals.map(specNamed);
  const rounds = whole("rounds", values.rounds);
  const minutes = whole("minutes", values.minutes);
  const jobs = whole("jobs", values.jobs) ?? 1;
  const results = await playAll({ specs, rounds, isFull: values.full, seed, minutes, jobs }, broken.signal);
  const reports = reportOf(results);
  process.stdout.write(`${[...table(reports), ...failures(reports)].join("\n")}\n`);
  if (values.write && !broken.signal.aborted) {
    const asked = ["minutes", "rounds", "jobs"] as const;
    const given = asked.flatMap((name) => (values[name] === undefined ? [] : [`--${name} ${values[name]}`]));
    const options = values.full ? ["--full", ...given] : given;
    const command = ["npm run chaos --", ...positionals, ...options, `--seed ${seed}`].join(" ");
    publish("chaos", runSection(reports, { command, minutes: (performance.now() - beganMs) / 60_000, loadBefore }));
  }
  return reports.every(({ failed }) => failed.length === 0);
}

/** Episodes of several runs as one. */
function reportRuns(files: readonly string[]): boolean {
  const results = files.flatMap((file) => JSON.parse(readFileSync(file, "utf8")) as readonly EpisodeResult[]);
  const reports = reportOf(results);
  process.stdout.write(`${[...table(reports), ...failures(reports)].join("\n")}\n`);
  const minutes = results.reduce((sum, { ms }) => sum + ms, 0) / 60_000;
  if (values.write)
    publish("chaos", runSection(reports, { command: "npm run chaos -- --full", minutes, loadBefore: null }));
  return reports.every(({ failed }) => failed.length === 0);
}

async function runMutants(seed: number): Promise<boolean> {
  const chosen = MUTANTS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const results = await tryMutants(chosen, seed, { say, signal: broken.signal });
  process.stdout.write(`${mutantTable(results).join("\n")}\n`);
  if (values.write && !broken.signal.aborted) publish("mutants", mutantTable(results).join("\n"));
  return results.every(({ finding }) => finding !== null);
}

if (values.list) {
  for (const { name, promise, rounds } of SPECS)
    process.stdout.write(`${name}  (${rounds} rounds an episode)\n    ${promise}\n`);
  for (const { name, without, spec } of MUTANTS) process.stdout.write(`--mutants ${name}  (${spec})\n    ${without}\n`);
} else {
  endOnInterrupt();
  const seed = whole("seed", values.seed) ?? Date.now() % 1_000_000;
  const played = (): Promise<boolean> => (values.mutants ? runMutants(seed) : runSpecs(seed));
  const isClean = values.report === undefined ? await played() : reportRuns(values.report.split(","));
  if (broken.signal.aborted) process.exitCode = 130;
  else if (!isClean) process.exitCode = 1;
}
