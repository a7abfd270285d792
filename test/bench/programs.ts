/** Programs of the bench that run, print one JSON line, and end; and what CPU time a process has used so far. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export interface ProgramOptions {
  /** Absolute path of a main module. */
  readonly main: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Called when the program says that its measured time begins, and when it ends. */
  readonly onEdge?: (pid: number) => void;
}

/** The last line of its standard output, parsed. Rejects with what it wrote to standard error when it fails. */
export async function runProgram<T>(options: ProgramOptions): Promise<T> {
  const { main, args, env, onEdge } = options;
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  let last = "";
  let complaints = "";
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line === '{"edge":true}') onEdge?.(child.pid ?? 0);
    else last = line;
  });
  child.stderr.on("data", (chunk: Buffer) => (complaints += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  running.delete(child);
  if (code !== 0 || last === "") throw new Error(`${main} ended with code ${String(code)}\n${complaints}`);
  return JSON.parse(last) as T;
}

/** Clock ticks of /proc/<pid>/stat are hundredths of a second on every Linux that Node runs on. */
const TICK_MS = 10;

/** User and system time of a process so far, ms; null where the system does not tell. */
export function cpuMsOf(pid: number): number | null {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return null;
  // The name, in parentheses, may hold spaces: fields are counted behind it.
  const fields = readFileSync(file, "utf8").split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
