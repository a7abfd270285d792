/**
 * `npm run build` lays the packages out in dist/packages as they are installed; `npm run pack` makes tarballs of them
 * in dist/tarballs, or in the folder after `--to`. Progress goes to standard error, the tarballs' paths to standard
 * output, one a line.
 */
import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { findNpm, innerEnvironment } from "../bootstrap/install.mjs";
import { withLock } from "../bootstrap/lock.mjs";
import { closureOf, type SourceManifest } from "./manifest.ts";
import { stagePackage } from "./stage.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const COMPILED = join(ROOT, "node_modules/.cache/build");
const DIST = join(ROOT, "dist");
/** What a user installs; everything that these need is packed with them. */
const ROOTS = ["@busbar/agent", "@busbar/cli", "@busbar/testkit"];
/** Files of the root that a package reads when it runs. */
const READS: Readonly<Record<string, readonly string[]>> = { "@busbar/infra": ["docker-compose.yml"] };

interface RootManifest {
  readonly workspaces: readonly string[];
  readonly engines: { readonly node: string };
}

function readJson<T>(path: string): T {
  const parsed: T = JSON.parse(readFileSync(path, "utf8"));
  return parsed;
}

class PackError extends Error {
  readonly next: string;

  constructor(message: string, next: string) {
    super(message);
    this.next = next;
  }
}

interface Tool {
  /** As messages call it. */
  readonly what: string;
  readonly command: readonly [program: string, ...args: string[]];
  readonly env: NodeJS.ProcessEnv;
  /** What to type when it fails. */
  readonly next: string;
}

/** Runs a tool to its end; what it says is shown only when it fails. */
function run({ what, command, env, next }: Tool): void {
  const [program, ...args] = command;
  const shell = program.endsWith(".cmd");
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: ROOT, env, encoding: "utf8", shell });
  if (error !== undefined) throw new PackError(`${what} did not start: ${error.message}`, next);
  if (status !== 0) throw new PackError(`${what} failed\n${stdout}${stderr}`.trimEnd(), next);
}

/** The folders of the workspaces by the names of their packages. */
function workspaces({ workspaces: patterns }: RootManifest): ReadonlyMap<string, string> {
  const folders = globSync(
    patterns.map((pattern) => `${pattern}/package.json`),
    { cwd: ROOT },
  ).map((path) => dirname(path));
  return new Map(folders.map((folder) => [readJson<SourceManifest>(join(ROOT, folder, "package.json")).name, folder]));
}

/** Compiles and lays out every package under `target`; gives their folders. */
function build(target: string): readonly string[] {
  const root = readJson<RootManifest>(join(ROOT, "package.json"));
  const folders = workspaces(root);
  const folderOf = (name: string): string => folders.get(name) ?? name;
  const manifests = [...folders].map(([name, folder]) => {
    return [name, readJson<SourceManifest>(join(ROOT, folder, "package.json"))] as const;
  });
  const packages = closureOf(ROOTS, new Map(manifests));
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  run({
    what: "the compiler",
    command: [process.execPath, compiler, "-b", ...ROOTS.map(folderOf)],
    env: process.env,
    next: "npm run check -- types",
  });
  return packages.map((manifest) => {
    const staged = join(target, basename(manifest.name));
    stagePackage({
      root: ROOT,
      folder: folderOf(manifest.name),
      manifest,
      compiled: COMPILED,
      rootFiles: ["LICENSE", ...(READS[manifest.name] ?? [])],
      node: root.engines.node,
      target: staged,
    });
    return staged;
  });
}

/** Makes a tarball of each folder in `target`. */
function pack(folders: readonly string[], target: string): readonly string[] {
  mkdirSync(target, { recursive: true });
  const [npm, leading] = findNpm();
  const args = ["pack", ...folders, "--pack-destination", target, "--ignore-scripts", "--loglevel=error"];
  run({
    what: "npm pack",
    command: [npm, ...leading, ...args],
    env: innerEnvironment(ROOT),
    next: "npm --version",
  });
  return readdirSync(target)
    .filter((name) => name.endsWith(".tgz"))
    .map((name) => join(target, name));
}

/** One at a time: the compiler writes where all of them read. */
async function main([command, option, folder]: readonly string[]): Promise<number> {
  const isPack = command === "pack" && (option === undefined || (option === "--to" && folder !== undefined));
  if (!isPack && !(command === "build" && option === undefined)) {
    process.stderr.write("usage: npm run build, npm run pack, npm run pack -- --to <folder>\n");
    return 2;
  }
  await withLock(join(ROOT, ".busbar", "pack.lock"), async () => {
    mkdirSync(DIST, { recursive: true });
    const target = join(DIST, "packages");
    const staging = mkdtempSync(join(DIST, "staging-"));
    try {
      const packages = build(isPack ? staging : clean(target));
      const made = isPack ? pack(packages, resolve(folder ?? clean(join(DIST, "tarballs")))) : packages;
      process.stdout.write(`${made.join("\n")}\n`);
    } finally {
      rmSync(staging, { recursive: true, force: true });
    }
  });
  return 0;
}

function clean(folder: string): string {
  if (existsSync(folder)) rmSync(folder, { recursive: true });
  return folder;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof PackError)) throw error;
  process.stderr.write(`busbar: ${error.message}\n  next: ${error.next}\n`);
  process.exitCode = 1;
}
