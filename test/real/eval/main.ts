/**
 * `npm run eval`: plays recorded runs (folder in BUSBAR_REAL_DATA) through the door under the policies of their domains,
 * and writes docs/evaluation.md. `--only <text>`: the data sets whose name has it, printed and not written.
 */
import { relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { scoreAttacks } from "./attacks.ts";
import { type DataSet, readDataSets } from "./data-set.ts";
import { race } from "../concurrent/race.ts";
import { type Finding, MARKERS, type Races, render, writeBetween } from "./page.ts";
import { playLines } from "./play.ts";
import { baselines, foldsOf, scoreAll, scoreRules, scoreShadows } from "./score.ts";
import { countIncidents } from "./shared-state.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const PAGE = resolve(ROOT, "docs/evaluation.md");

const say = (line: string): void => void process.stderr.write(`eval: ${line}\n`);

async function find(set: DataSet): Promise<Finding> {
  say(`${set.name}: ${set.runs.length} runs`);
  const byDefault = await playLines(set.lines, null);
  const decisions = await playLines(set.lines, set.policy);
  return {
    name: set.name,
    domain: set.domain,
    runs: set.runs.length,
    unplayed: set.runs.filter((_, index) => decisions[index] === undefined).length,
    policy: relative(ROOT, set.policy),
    baselines: baselines(set),
    defaults: scoreAll("default rules, no policy", set, byDefault),
    all: scoreAll("**all rules**", set, decisions),
    rules: [...scoreRules(set, decisions), ...scoreShadows(set, decisions)],
    folds: foldsOf(set, decisions),
    attacks: scoreAttacks(set, decisions),
    incidents: countIncidents(set, decisions),
  };
}

const CHAINS = 1200;

async function runRaces(): Promise<Races> {
  const options = { chains: CHAINS, atOnce: 32, seed: 7 };
  say(`generated runs: ${CHAINS} chains at once on one database, with the guard and without`);
  return { on: await race({ ...options, guard: true }), off: await race({ ...options, guard: false }) };
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: "string" } } });
  const folder = process.env["BUSBAR_REAL_DATA"] ?? "";
  if (folder === "") {
    say("not run: data absent");
    say("next: BUSBAR_REAL_DATA=<folder of recorded runs> npm run eval");
    process.exitCode = 2;
    return;
  }
  const { sets, left } = readDataSets(folder);
  const chosen = sets.filter(({ name }) => name.includes(values.only ?? ""));
  const findings: Finding[] = [];
  for (const set of chosen) findings.push(await find(set));
  if (values.only !== undefined) return void process.stdout.write(`${render(findings, [], null)}\n`);
  const text = render(findings, left, await runRaces());
  writeBetween(PAGE, MARKERS, text);
  say(`written: ${PAGE}`);
}

await main();
