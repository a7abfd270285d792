/**
 * `npm run simulate`: the bus under seeded interleavings of virtual time, judged by checkers (docs/simulation.md).
 *
 *   npm run simulate -- --seeds 10000 [--from n] [--workers n]   many seeds; exit 1 when one is red
 *   npm run simulate -- --seed n [--trace]                       one seed, with its story
 *   npm run simulate -- --mutants [--seeds n] [--only name]      every guard taken out once: each has to be found
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { checkSeed, type Verdict } from "./check-seed.ts";
import { runSeeds } from "./fleet.ts";
import { applyToSources, MUTANTS } from "./mutants.ts";
import { tracer } from "./trace.ts";

const SEEDS = 1000;
const SEEDS_PER_MUTANT = 5000;
const PROGRESS_MS = 5000;
const FINDINGS_SHOWN = 5;

const out = (line: string): void => void process.stdout.write(`${line}\n`);

const { values } = parseArgs({
  options: {
    seeds: { type: "string" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    trace: { type: "boolean", default: false },
    mutants: { type: "boolean", default: false },
    only: { type: "string" },
    workers: { type: "string", default: String(availableParallelism()) },
  },
});

const from = number("from", values.from);
const workers = number("workers", values.workers);

function number(name: string, text: string): number {
  const found = Number(text);
  if (Number.isSafeInteger(found) && found > 0) return found;
  process.stderr.write(`simulate: --${name} is a positive whole number, not ${text}\n`);
  process.exit(2);
}

function showFindings({ findings }: Verdict): void {
  for (const { check, what } of findings.slice(0, FINDINGS_SHOWN)) out(`    ${check}: ${what}`);
  if (findings.length > FINDINGS_SHOWN) out(`    and ${findings.length - FINDINGS_SHOWN} more`);
}

async function one(seed: number): Promise<number> {
  const verdict = await checkSeed(seed, values.trace ? tracer(out) : {});
  const isGreen = verdict.findings.length === 0;
  out(`seed ${seed}: ${isGreen ? "green" : "red"}, ${verdict.counts["steps"] ?? 0} steps, digest ${verdict.digest}`);
  showFindings(verdict);
  return isGreen ? 0 : 1;
}

async function many(count: number): Promise<number> {
  const totals: Record<string, number> = {};
  const startMs = performance.now();
  let done = 0;
  let red = 0;
  const progress = (): void => {
    const seconds = (performance.now() - startMs) / 1000;
    out(`${done} of ${count} seeds, ${red} red, ${(done / seconds).toFixed(1)} seeds/s, ${seconds.toFixed(0)} s`);
  };
  const timer = setInterval(progress, PROGRESS_MS);
  const onVerdict = (verdict: Verdict): boolean => {
    done += 1;
    for (const [name, found] of Object.entries(verdict.counts)) totals[name] = (totals[name] ?? 0) + found;
    if (verdict.findings.length === 0) return false;
    red += 1;
    out(`seed ${verdict.seed} is red; its story: npm run simulate -- --seed ${verdict.seed} --trace`);
    showFindings(verdict);
    return false;
  };
  await runSeeds({ from, count, workers, mutant: "", onVerdict });
  clearInterval(timer);
  progress();
  const lines = Object.entries(totals).map(([name, total]) => `${name} ${total}`);
  out(`what happened in them: ${lines.join(", ")}`);
  return red === 0 ? 0 : 1;
}

async function mutants(most: number): Promise<number> {
  let unseen = 0;
  const chosen = MUTANTS.filter(({ name }) => values.only === undefined || name === values.only);
  for (const { name, without, edits } of chosen) {
    applyToSources({ name, without, edits });
    let seen = 0;
    let by: Verdict | null = null;
    const onVerdict = (verdict: Verdict): boolean => {
      seen += 1;
      if (verdict.findings.length === 0) return false;
      by = verdict;
      return true;
    };
    await runSeeds({ from, count: most, workers, mutant: name, onVerdict });
    const found = by as Verdict | null;
    if (found === null) unseen += 1;
    const [first] = found?.findings ?? [];
    const result = first === undefined ? `NOT FOUND in ${seen} seeds` : `found after ${seen}, by ${first.check}`;
    out(`${name.padEnd(30)} ${result.padEnd(36)} (without: ${without})`);
    if (first !== undefined) out(`    ${first.what.split("\n")[0]}`);
  }
  out(`${chosen.length - unseen} of ${chosen.length} mutants found`);
  return unseen === 0 ? 0 : 1;
}

function main(): Promise<number> {
  if (values.seed !== undefined) return one(number("seed", values.seed));
  if (values.mutants) return mutants(number("seeds", values.seeds ?? String(SEEDS_PER_MUTANT)));
  return many(number("seeds", values.seeds ?? String(SEEDS)));
}

process.exitCode = await main();
