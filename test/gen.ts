/**
 * `npm run gen`: writes every file that is made from data. `npm run gen -- --check` only says whether they are fresh.
 */
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "..");
const GENERATORS = [
  "schemas/generate.ts",
  "docs/reference/generate.ts",
  "services/cli/src/reference/generate.ts",
  "test/tidy/references.ts",
];

const codes = GENERATORS.map(
  (script) =>
    spawnSync(process.execPath, [join(ROOT, script), ...process.argv.slice(2)], { cwd: ROOT, stdio: "inherit" })
      .status ?? 1,
);
process.exitCode = Math.max(...codes);
