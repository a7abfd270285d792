/**
 * `npm run histories -- 100000`: each counting rule on so many generated histories, against an oracle that says from the
 * whole history where the rule acts. Ends with the number of histories and of mismatches; 1 where there was one.
 * `npm test` tries the same on a hundred each.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "..");
const VITEST = join(ROOT, "node_modules/vitest/vitest.mjs");
/** The tests that compare a rule with its oracle have this in their name. */
const ORACLES = "history says";
const USAGE = 2;

const count = Number(process.argv[2] ?? "100000");
if (!Number.isInteger(count) || count < 1) {
  process.stderr.write(`${process.argv[2] ?? ""} is no number of histories\n  next: npm run histories -- 100000\n`);
  process.exit(USAGE);
}

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

const folder = mkdtempSync(join(tmpdir(), "busbar-histories-"));
const report = join(folder, "report.json");
try {
  const args = ["run", "--project", "property", "-t", ORACLES, "--testTimeout", "7200000", "--reporter", "json"];
  const env = { ...process.env, BUSBAR_HISTORIES: String(count) };
  spawnSync(process.execPath, [VITEST, ...args, "--outputFile", report, "shared/policy"], {
    cwd: ROOT,
    env,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const { testResults } = JSON.parse(readFileSync(report, "utf8")) as Report;
  const ran = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status !== "skipped");
  for (const { fullName, status } of ran)
    process.stdout.write(`${status === "passed" ? "agrees " : "DIFFERS"} ${fullName}\n`);
  const wrong = ran.filter(({ status }) => status !== "passed").length;
  process.stdout.write(`${ran.length} rules, ${count} histories each, ${wrong} with a mismatch\n`);
  process.exitCode = wrong > 0 || ran.length === 0 ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
