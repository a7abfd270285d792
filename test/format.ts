/**
 * `npm run format`: writes the files in the form that `npm run check` asks for. `npm run format -- <path>` for some.
 */
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { FORMATTED } from "./formatted.ts";

const ROOT = resolve(import.meta.dirname, "..");
const named = process.argv.slice(2);
const args = [join(ROOT, "node_modules/oxfmt/bin/oxfmt"), "--write", ...(named.length === 0 ? FORMATTED : named)];
process.exitCode = spawnSync(process.execPath, args, { cwd: ROOT, stdio: "inherit" }).status ?? 1;
