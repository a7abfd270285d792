/**
 * What a run of episodes says: per spec the rounds that struck, what was counted, what was found, and how much zero
 * findings mean. Rule of three: n independent rounds without a failure bound its rate by 3/n, with 95 % confidence.
 */
import type { EpisodeResult } from "./episode.ts";

export interface SpecReport {
  readonly spec: string;
  readonly episodes: number;
  readonly seeds: readonly number[];
  readonly rounds: number;
  readonly tally: Readonly<Record<string, number>>;
  /** Episodes with findings. */
  readonly failed: readonly EpisodeResult[];
  readonly ms: number;
}

/** Upper bound of a rate after n rounds without a failure, as text; "-" where n is 0. */
export function upperBound(n: number): string {
  if (n === 0) return "-";
  return n < 3 ? "1" : (3 / n).toPrecision(2);
}

/** The one command that plays an episode again. */
export const replayCommand = ({ spec, seed, rounds }: Pick<EpisodeResult, "spec" | "seed" | "rounds">): string =>
  `npm run chaos -- ${spec} --seed ${seed} --rounds ${rounds}`;

function added(results: readonly EpisodeResult[]): Readonly<Record<string, number>> {
  const sum: Record<string, number> = {};
  for (const { tally } of results)
    for (const [what, count] of Object.entries(tally)) sum[what] = (sum[what] ?? 0) + count;
  return sum;
}

/** One report per spec, in the order in which they first ran. */
export function reportOf(results: readonly EpisodeResult[]): readonly SpecReport[] {
  return [...Map.groupBy(results, ({ spec }) => spec)].map(([spec, own]) => ({
    spec,
    episodes: own.length,
    seeds: own.map(({ seed }) => seed),
    rounds: own.reduce((sum, { struck }) => sum + struck, 0),
    tally: added(own),
    failed: own.filter(({ findings }) => findings.length > 0),
    ms: own.reduce((sum, { ms }) => sum + ms, 0),
  }));
}

/** Shown by itself in the table, so not among the other counts. */
const COLUMNS = new Set(["struck", "effects", "chains", "lost", "duplicated", "named in doubt", "late landings"]);

function seedText(seeds: readonly number[]): string {
  const [first = 0] = seeds;
  const last = seeds.at(-1) ?? first;
  return seeds.length === 1 ? String(first) : `${first}-${last}`;
}

/** The reports as a Markdown table, with the other counts of each spec in a list below it. */
export function table(reports: readonly SpecReport[]): readonly string[] {
  const head = [
    "| spec | rounds | findings | rate of failed rounds, at most | effects | lost | twice | rate of wrong effects, at most | named in doubt | landed late | episodes, seeds |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
  ];
  const rows = reports.map(({ spec, rounds, tally, failed, seeds, episodes }) => {
    const of = (what: string): number => tally[what] ?? 0;
    const found = failed.reduce((sum, { findings }) => sum + findings.length, 0);
    const isClean = found === 0;
    const cells = [
      spec,
      rounds,
      found,
      isClean ? upperBound(rounds) : "-",
      of("effects"),
      of("lost"),
      of("duplicated"),
      isClean ? upperBound(of("effects")) : "-",
      of("named in doubt"),
      of("late landings"),
      `${episodes}, ${seedText(seeds)}`,
    ];
    return `| ${cells.join(" | ")} |`;
  });
  const details = reports.map(({ spec, tally, ms }) => {
    const counts = Object.entries(tally).filter(([what, count]) => !COLUMNS.has(what) && count > 0);
    const text = counts.map(([what, count]) => `${what} ${count}`).join(", ");
    return `- ${spec} (${Math.round(ms / 1000)} s): chains ${tally["chains"] ?? 0}, ${text}`;
  });
  return [...head, ...rows, "", ...details];
}

/** Each failed episode: what was found, and how to play it again. */
export function failures(reports: readonly SpecReport[]): readonly string[] {
  return reports.flatMap(({ failed }) =>
    failed.flatMap((result) => [
      `${result.spec}, seed ${result.seed}: ${result.findings.length} finding(s); again: ${replayCommand(result)}`,
      ...result.findings.slice(0, 20).map(({ check, text }) => `  [${check}] ${text}`),
    ]),
  );
}
