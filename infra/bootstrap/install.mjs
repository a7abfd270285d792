/**
 * Installs the locked packages when they are missing or older than the lockfile, with the npm at hand.
 * Install scripts of packages never run. Nothing here writes to standard output: it belongs to the command.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";
import { BootstrapError } from "./failure.mjs";
import { withLock } from "./lock.mjs";
import { countPackages, stampInstalled, whyStale } from "./staleness.mjs";

const DOWNLOAD_MB = 180;
const PROGRESS_MS = 10_000;
const ARGUMENTS = [
  "ci",
  "--ignore-scripts",
  "--include=dev",
  "--include=optional",
  "--no-audit",
  "--no-fund",
  "--loglevel=error",
];

/** What an outer npm says about itself and its script; an inner npm would take it for its own settings. */
const OUTER_NPM =
  /^npm_(lifecycle_|package_|command$|node_execpath$|execpath$|config_(call|package|workspaces?|include_workspace_root|local_prefix|dry_run|omit|include|only|production|global|location|json|yes|ignore_scripts|prefer_offline)$)/i;

/** Makes node_modules what the lockfile says; does nothing when it is so already. */
export async function ensureInstalled(root) {
  if (process.env.BUSBAR_NO_INSTALL === "1" || whyStale(root) === undefined) return;
  await withLock(join(root, ".busbar", "install.lock"), async () => {
    const reason = whyStale(root);
    if (reason === undefined) return;
    process.stderr.write(
      `busbar: ${reason}; installing ${countPackages(root)} packages and Node 24 with npm ci (about ${DOWNLOAD_MB} MB to download, less with a warm npm cache)\n`,
    );
    const startedAt = Date.now();
    await npm(root);
    stampInstalled(root);
    process.stderr.write(`busbar: installed in ${seconds(startedAt)} s\n`);
  });
}

const seconds = (since) => Math.round((Date.now() - since) / 1000);

/**
 * The npm that runs us, else the one on the PATH, as [program, leading arguments].
 * @returns {[string, string[]]}
 */
export function findNpm(env = process.env) {
  const running = env.npm_execpath === undefined ? undefined : join(dirname(env.npm_execpath), "npm-cli.js");
  if (running !== undefined && basename(env.npm_execpath).startsWith("np") && existsSync(running)) {
    return [env.npm_node_execpath ?? process.execPath, [running]];
  }
  return [process.platform === "win32" ? "npm.cmd" : "npm", []];
}

/**
 * The environment of the inner npm: without the outer one's words, and with a PATH without the node_modules that is
 * about to be replaced (its Node would be deleted while it runs).
 */
export function innerEnvironment(root, env = process.env) {
  const kept = Object.entries(env).filter(([name]) => !OUTER_NPM.test(name) && name !== "NODE_ENV");
  const inner = Object.fromEntries(kept);
  const pathName = Object.keys(inner).find((name) => name.toUpperCase() === "PATH") ?? "PATH";
  const own = join(root, "node_modules");
  inner[pathName] = (inner[pathName] ?? "")
    .split(delimiter)
    .filter((entry) => !entry.startsWith(own))
    .join(delimiter);
  return inner;
}

async function npm(root) {
  const [program, leading] = findNpm();
  const startedAt = Date.now();
  const child = spawn(program, leading.concat(ARGUMENTS), {
    cwd: root,
    env: innerEnvironment(root),
    stdio: ["ignore", process.stderr, process.stderr],
    shell: program.endsWith(".cmd"),
  });
  const ticker = setInterval(
    () => process.stderr.write(`busbar: still installing (${seconds(startedAt)} s)\n`),
    PROGRESS_MS,
  );
  const stop = (signal) => child.kill(signal);
  process.on("SIGINT", stop).on("SIGTERM", stop);
  try {
    const ended = await new Promise((resolve) => {
      child.once("error", (error) => resolve({ error }));
      child.once("close", (code, signal) => resolve({ code, signal }));
    });
    failUnlessDone(ended, program);
  } finally {
    clearInterval(ticker);
    process.off("SIGINT", stop).off("SIGTERM", stop);
  }
}

function failUnlessDone({ error, code, signal }, program) {
  if (error?.code === "ENOENT")
    throw new BootstrapError(
      "npm is missing",
      `${program} is not on the PATH`,
      "install Node with npm from https://nodejs.org and type the same command again",
    );
  if (error !== undefined) throw new BootstrapError("npm did not start", error.message, "npm --version");
  if (signal !== null)
    throw new BootstrapError(
      "the installation was interrupted",
      `npm ci ended by ${signal}`,
      "type the same command again",
      130,
    );
  if (code === 130 || code === 143)
    throw new BootstrapError(
      "the installation was interrupted",
      `npm ci ended with ${code}`,
      "type the same command again",
      code,
    );
  if (code !== 0) {
    throw new BootstrapError(
      `npm ci failed (exit code ${code})`,
      "npm's own message is above; mostly the network, a proxy or the registry",
      "npm ping, then type the same command again",
    );
  }
}
