#!/usr/bin/env node
/**
 * Runs a script of this repository: `node infra/bootstrap/run.mjs <script.ts> [arguments]`.
 * Plain JavaScript without dependencies, because it has to run before anything is installed, on any Node 20 or newer.
 * Every npm script and the busbar bin go through it, so that none of them needs an `npm install` first.
 */
import { resolve } from "node:path";
import { bootstrap } from "./bootstrap.mjs";

const [script, ...args] = process.argv.slice(2);
if (script === undefined) {
  process.stderr.write("busbar: no script named\n  next: node infra/bootstrap/run.mjs <script.ts> [arguments]\n");
  process.exitCode = 2;
} else {
  await bootstrap(resolve(script), args);
}
