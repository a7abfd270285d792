/**
 * `npm test`: runs the levels in their order, prints what each did, and ends with one line `N passed, N failed`.
 * `npm test -- unit integration` runs the named levels only.
 *
 * R1. The exit code is not 0 when a test failed, when a level that has files ran no test, or when vitest failed itself.
 * R2. A level whose needs are not met is named as not run; it is neither passed nor failed.
 */
import { spawn } from "node:child_process";
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join, matchesGlob, relative, resolve } from "node:path";
import { IGNORED, type Level, LEVELS } from "./levels.ts";
import { type LevelResult, type Report, resultOf, summaryLine } from "./summary.ts";

const ROOT = resolve(import.meta.dirname, "..");
const VITEST = join(ROOT, "node_modules/vitest/vitest.mjs");

const REMOVALS = 20;
const REMOVAL_DELAY_MS = 250;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function filesOf(level: Level): readonly string[] {
  return globSync([...level.include], { cwd: ROOT, exclude: [...IGNORED, ...level.exclude] });
}

function isNeedMet(level: Level): boolean {
  return level.needs === undefined || (process.env[level.needs.variable] ?? "") !== "";
}

function chooseLevels(names: readonly string[]): readonly Level[] {
  const unknown = names.find((name) => !LEVELS.some((level) => level.name === name));
  if (unknown !== undefined) {
    process.stderr.write(
      `no level is named ${unknown}\n  levels: ${LEVELS.map((level) => level.name).join(", ")}\n  next: npm test -- unit\n`,
    );
    process.exit(2);
  }
  return LEVELS.filter((level) => names.length === 0 || names.includes(level.name));
}

/** The first signal that asked for the end; the levels after it are not run. */
let stoppedBy: NodeJS.Signals | undefined;

/**
 * Runs vitest on some projects; gives its exit code. A terminal hands Ctrl-C to vitest by itself. Its temporary folders
 * lie in one of ours: what a test that was ended in its middle leaves there goes with it.
 */
async function runVitest(levels: readonly Level[], reportFile: string, temporary: string): Promise<number> {
  const projects = levels.flatMap((level) => ["--project", level.name]);
  const args = [VITEST, "run", ...projects, "--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: "inherit",
    env: { ...process.env, TMPDIR: temporary },
  });
  const stop = (signal: NodeJS.Signals): void => {
    if (stoppedBy === undefined && (signal === "SIGTERM" || !process.stdin.isTTY)) child.kill(signal);
    stoppedBy ??= signal;
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((done, fail) => {
    child.once("error", fail);
    child.once("exit", (exitCode, exitSignal) => done([exitCode, exitSignal]));
  });
  process.off("SIGINT", stop).off("SIGTERM", stop);
  return code ?? exitCodeOf(signal);
}

const exitCodeOf = (signal: NodeJS.Signals | null): number => 128 + (signal === null ? 0 : constants.signals[signal]);

function readReport(file: string): Report {
  if (!existsSync(file)) return { testResults: [] };
  const parsed: Report = JSON.parse(readFileSync(file, "utf8"));
  return parsed;
}

/** Runs the levels of one phase and prints a line for each. */
async function runPhase(levels: readonly Level[], folder: string): Promise<readonly LevelResult[]> {
  const reportFile = join(folder, `${levels.map((level) => level.name).join("-")}.json`);
  say(`\n== ${levels.map((level) => level.name).join(", ")}`);
  const temporary = join(folder, "tmp");
  mkdirSync(temporary, { recursive: true });
  const exitCode = await runVitest(levels, reportFile, temporary);
  const report = readReport(reportFile);
  const results = levels.map((level) => {
    const owns = (file: string): boolean => matches(level, relative(ROOT, file));
    return resultOf(
      level.name,
      report.testResults.filter((file) => owns(file.name)),
      level.whereNoneRuns,
    );
  });
  const hidden = exitCode !== 0 && results.every((result) => result.failed === 0);
  if (hidden)
    results.push({
      name: "vitest",
      passed: 0,
      failed: 1,
      skipped: 0,
      seconds: 0,
      note: `exit code ${exitCode} outside of any test`,
    });
  for (const result of results) say(summaryLine(result));
  return results;
}

function matches(level: Level, file: string): boolean {
  return (
    level.include.some((glob) => matchesGlob(file, glob)) && !level.exclude.some((glob) => matchesGlob(file, glob))
  );
}

async function main(): Promise<void> {
  const chosen = chooseLevels(process.argv.slice(2)).filter((level) => filesOf(level).length > 0);
  const runnable = chosen.filter(isNeedMet);
  const folder = mkdtempSync(join(tmpdir(), "busbar-test-"));
  const results: LevelResult[] = [];
  try {
    for (const phase of new Set(runnable.map((level) => level.phase))) {
      if (stoppedBy !== undefined) break;
      results.push(
        ...(await runPhase(
          runnable.filter((level) => level.phase === phase),
          folder,
        )),
      );
    }
  } finally {
    // A process that ends with us may still write into it.
    rmSync(folder, { recursive: true, force: true, maxRetries: REMOVALS, retryDelay: REMOVAL_DELAY_MS });
  }
  conclude(
    results,
    chosen.filter((level) => !isNeedMet(level)),
  );
}

function conclude(results: readonly LevelResult[], notRun: readonly Level[]): void {
  say("");
  for (const result of results) say(summaryLine(result));
  for (const level of notRun) say(`${level.name}: not run: ${level.needs?.otherwise} (set ${level.needs?.variable})`);
  const total = (key: "passed" | "failed"): number => results.reduce((sum, result) => sum + result[key], 0);
  if (results.length === 0) say("no test was run");
  say(`${total("passed")} passed, ${total("failed")} failed`);
  process.exitCode = total("failed") === 0 && results.length > 0 ? 0 : 1;
  if (stoppedBy !== undefined) process.exitCode = exitCodeOf(stoppedBy);
}

await main();
