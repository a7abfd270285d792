/**
 * The two steps before any command: install what is missing, then run the script on the repository's own Node.
 */
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { BootstrapError, report } from "./failure.mjs";
import { ensureInstalled } from "./install.mjs";
import { runOnNode } from "./launch.mjs";
import { findNode } from "./own-node.mjs";

/** The repository's root, from the place of this file. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

const OLDEST_NODE = 20;

/** Runs `script` with `args`; this process ends with the exit code or the signal of the script. */
export async function bootstrap(script, args) {
  try {
    const major = Number.parseInt(process.versions.node, 10);
    if (major < OLDEST_NODE) {
      throw new BootstrapError(
        `Node ${process.versions.node} is too old`,
        `Node ${OLDEST_NODE} or newer starts Busbar, which brings its own Node 24`,
        "install Node 24 from https://nodejs.org and type the same command again",
      );
    }
    await ensureInstalled(ROOT);
    if (!existsSync(script)) {
      throw new BootstrapError(`${script} does not exist`, "the checkout is not complete", "git status");
    }
    await runOnNode(findNode(ROOT), script, args);
  } catch (error) {
    process.exitCode = report(error);
  }
}
