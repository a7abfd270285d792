/** Programs of the bench that run, print one JSON line, and end. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
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
