/**
 * Writes the reference pages, each from the data that the code itself goes by, and the code in guides and READMEs, each from
 * the compiled file that it names. `node docs/reference/generate.ts` writes; with `--check` it only names the pages
 * that are not fresh (exit code 4).
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { documentsWithCode } from "./code-blocks.ts";
import { configPage } from "./page-config.ts";
import { errorsPage } from "./page-errors.ts";
import { eventsPage } from "./page-events.ts";
import { machinesPage } from "./page-machines.ts";
import { metricsPage } from "./page-metrics.ts";
import { topicsPage } from "./page-topics.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const page = (name: string): string => join(import.meta.dirname, name);

const wanted: ReadonlyMap<string, string> = new Map([
  [page("errors.md"), errorsPage()],
  [page("config.md"), configPage(ROOT)],
  [page("events.md"), eventsPage()],
  [page("machines.md"), machinesPage()],
  [page("metrics.md"), metricsPage()],
  [page("topics.md"), topicsPage()],
  ...documentsWithCode(ROOT),
]);

const stale = [...wanted].filter(([path, text]) => !existsSync(path) || readFileSync(path, "utf8") !== text);

if (!process.argv.includes("--check")) {
  for (const [path, text] of stale) writeFileSync(path, text);
} else if (stale.length > 0) {
  const names = stale.map(([path]) => relative(ROOT, path)).join(", ");
  process.stderr.write(`not fresh: ${names}\n  next: npm run gen\n`);
  process.exitCode = 4;
}
