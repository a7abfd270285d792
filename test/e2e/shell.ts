/** Runs what a person types, in a folder of its own, with everything that it starts ended afterwards. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "../..");
const BIN = join(ROOT, "services/cli/bin/busbar.mjs");

export interface Typed {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** The environment of a person: nothing of the test run's own bus is in it unless it is asked for. */
export function personEnv(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const env = { ...process.env };
  for (const name of Object.keys(env))
    if (name.startsWith("BUSBAR_") || name === "SCHEMA_REGISTRY_URL") delete env[name];
  for (const name of ["NODE_OPTIONS", "VITEST", "VITEST_MODE", "VITEST_POOL_ID", "VITEST_WORKER_ID"]) delete env[name];
  return { ...env, NO_COLOR: "1", ...more };
}

/** Of a person in another folder, whose programs are the machine's own: nothing of the repository's is on the PATH. */
export function outsideEnv(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const env = personEnv(more);
  const path = (env["PATH"] ?? "").split(delimiter).filter((entry) => !entry.includes("node_modules"));
  const kept = Object.entries(env).filter(
    ([name]) => !/^npm_(?!config_(?:registry|cache|userconfig)$)|^INIT_CWD$/iu.test(name),
  );
  return { ...Object.fromEntries(kept), PATH: path.join(delimiter) };
}

/** `npx busbar` typed in a folder, as the program that npx would start. */
function programOf(line: string): readonly [string, readonly string[]] {
  const words = wordsOf(line);
  const [first, second, ...rest] = words;
  if (first === "npx" && second === "busbar") return [process.execPath, [BIN, ...rest]];
  throw new Error(`not a busbar command: ${line}`);
}

/** Words of a shell line: single and double quotes, nothing else. */
export function wordsOf(line: string): readonly string[] {
  return [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
}

export function start(program: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): ChildProcess {
  return spawn(program, [...args], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
}

/** Runs a program to its end. */
export function runProgram(
  program: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<Typed> {
  const child = start(program, args, cwd, env);
  const text = { out: "", err: "" };
  child.stdout?.on("data", (chunk: Buffer) => (text.out += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (text.err += chunk.toString()));
  return new Promise((done, failed) => {
    child.once("error", failed);
    child.once("close", (code) => done({ code, ...text }));
  });
}

export function type(line: string, cwd: string, env: NodeJS.ProcessEnv): Promise<Typed> {
  const [program, args] = programOf(line);
  return runProgram(program, args, cwd, env);
}

/** A folder that is gone when the work is done, however it ends. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "busbar-e2e-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Temporary folders that runs of the demo make. */
export const demoFolders = (): readonly string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith("busbar-demo-"));

/** Lines of a text that are busbar commands, as printed. */
export function commandsIn(text: string): readonly string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.startsWith("npx busbar "));
}
