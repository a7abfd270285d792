/** Writes the reference pages of the command line; with `--check` it only names those that are not fresh (exit code 4). */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { cliPage, doctorPage } from "./pages.ts";

const ROOT = resolve(import.meta.dirname, "../../../..");
const page = (name: string): string => join(ROOT, "docs/reference", name);

const wanted: ReadonlyMap<string, string> = new Map([
  [page("cli.md"), await cliPage()],
  [page("doctor.md"), doctorPage()],
]);
const stale = [...wanted].filter(([path, text]) => !existsSync(path) || readFileSync(path, "utf8") !== text);

if (!process.argv.includes("--check")) {
  for (const [path, text] of stale) writeFileSync(path, text);
} else if (stale.length > 0) {
  process.stderr.write(`not fresh: ${stale.map(([path]) => relative(ROOT, path)).join(", ")}\n  next: npm run gen\n`);
  process.exitCode = 4;
}
