/**
 * `npm run check`: everything that can be said about the code without running the product. All steps run, so that one
 * call shows all that is wrong; at most two run at a time. `npm run check -- lint types` runs the named steps only.
 */
import { spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { FORMATTED } from "./formatted.ts";

const ROOT = resolve(import.meta.dirname, "..");
const STEPS_AT_A_TIME = 2;

interface Step {
  readonly name: string;
  /** Path of a JavaScript program under node_modules, and its arguments. */
  readonly command: readonly [string, ...string[]];
}

interface Outcome {
  readonly name: string;
  readonly ok: boolean;
  readonly seconds: number;
  readonly output: string;
}

const STEPS: readonly Step[] = [
  { name: "types", command: ["typescript/bin/tsc", "-b"] },
  { name: "lint", command: ["oxlint/bin/oxlint", "-c", "oxlint.config.ts"] },
  { name: "format", command: ["oxfmt/bin/oxfmt", "--check", ...FORMATTED] },
  { name: "dead-code", command: ["knip/bin/knip.js", "--no-progress", "--no-config-hints"] },
  { name: "tidy", command: ["vitest/vitest.mjs", "run", "--project", "tidy", "--reporter=dot"] },
];

/** Runs one step to its end; what it printed is kept, to be shown only when it failed. */
async function run(step: Step): Promise<Outcome> {
  const [program, ...args] = step.command;
  const startedAt = performance.now();
  const child = spawn(process.execPath, [join(ROOT, "node_modules", program), ...args], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const keep = (chunk: Buffer): void => void (output += chunk.toString());
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const code = await new Promise<number | null>((done, fail) => {
    child.once("error", fail);
    child.once("close", done);
  });
  return { name: step.name, ok: code === 0, seconds: (performance.now() - startedAt) / 1000, output };
}

function show(outcome: Outcome): void {
  const line = `${outcome.ok ? "ok    " : "FAILED"}  ${outcome.name} (${outcome.seconds.toFixed(1)} s)\n`;
  process.stdout.write(outcome.ok ? line : `${line}${outcome.output.trimEnd()}\n`);
}

/** Runs the steps from one queue; the results are in the order of the table. */
async function runAll(steps: readonly Step[]): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  const queue = [...steps];
  const worker = async (): Promise<void> => {
    for (let step = queue.shift(); step !== undefined; step = queue.shift()) {
      const outcome = await run(step);
      show(outcome);
      outcomes.push(outcome);
    }
  };
  await Promise.all(Array.from({ length: STEPS_AT_A_TIME }, worker));
  return outcomes;
}

const names = process.argv.slice(2);
const chosen = STEPS.filter((step) => names.length === 0 || names.includes(step.name));
const startedAt = performance.now();
const outcomes = await runAll(chosen);
const failed = outcomes.filter((outcome) => !outcome.ok);
const verdict =
  failed.length === 0 ? "check passed" : `check failed: ${failed.map((outcome) => outcome.name).join(", ")}`;
process.stdout.write(`${verdict} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)\n`);
process.exitCode = failed.length === 0 && outcomes.length > 0 ? 0 : 1;
