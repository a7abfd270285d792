/** Plays each mutant until its guard's absence is found by the check that is named for it, a few times at most. */
import { type EpisodePorts, playEpisode } from "./episode.ts";
import type { Mutant } from "./mutants.ts";
import { specNamed } from "./specs.ts";

export interface MutantResult {
  readonly mutant: Mutant;
  /** Rounds that struck until it was found, over all tries. */
  readonly rounds: number;
  /** The first finding; null: nobody found it. */
  readonly finding: string | null;
}

const TRIES = 3;

async function tryOne(mutant: Mutant, seed: number, ports: EpisodePorts): Promise<MutantResult> {
  let rounds = 0;
  for (let n = 0; n < TRIES && !ports.signal.aborted; n += 1) {
    const { patches } = mutant;
    const episode = { spec: specNamed(mutant.spec), seed: seed + n, rounds: mutant.rounds, patches };
    const { findings, struck } = await playEpisode(episode, ports);
    rounds += struck;
    // A process that cannot start with the patch has shown nothing.
    const found = findings.find(({ check, text }) => mutant.foundBy.includes(check) && !text.includes("does not hold"));
    if (found !== undefined) return { mutant, rounds, finding: `${found.check}: ${found.text.split("\n")[0] ?? ""}` };
  }
  return { mutant, rounds, finding: null };
}

export async function tryMutants(
  mutants: readonly Mutant[],
  seed: number,
  ports: EpisodePorts,
): Promise<readonly MutantResult[]> {
  const results: MutantResult[] = [];
  for (const mutant of mutants) {
    if (ports.signal.aborted) break;
    ports.say(`without: ${mutant.without}`);
    const result = await tryOne(mutant, seed, ports);
    ports.say(`${mutant.name}: ${result.finding === null ? "NOT FOUND" : `found, ${result.finding}`}`);
    results.push(result);
  }
  return results;
}

export function mutantTable(results: readonly MutantResult[]): readonly string[] {
  return [
    "| what is taken out | spec | rounds until found | found by |",
    "| --- | --- | ---: | --- |",
    ...results.map(({ mutant: { without, spec }, rounds, finding }) => {
      const text = (finding ?? "**not found**").replaceAll("|", "/").slice(0, 160);
      return `| ${without} | ${spec} | ${rounds} | ${text} |`;
    }),
  ];
}
