/**
 * One service of the bus as a real process: started, awaited by its ready line, killed, frozen, woken, ended.
 *
 * P1 No process outlives the test process: its standard input is a pipe of ours, and what still runs at our exit is
 *    killed, frozen ones too (a frozen process would not read the end of its input).
 * P2 What it wrote to standard error is kept (the last lines), since that is what a failed test needs to show.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { until } from "@busbar/testkit";

const LINES_KEPT = 40;
const READY_MS = 90_000;

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

const running = new Set<Child>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export interface ServiceOptions {
  readonly name: string;
  /** Absolute path of a main module. */
  readonly main: string;
  readonly env: Readonly<Record<string, string>>;
  /** Told each line of standard error; only the last ones are kept. */
  readonly onLine?: (line: string) => void;
}

export interface ServiceProcess {
  readonly name: string;
  readonly pid: number;
  /** The HTTP address of the ready line; empty where it has none. */
  readonly http: string;
  /** `SIGKILL`, `SIGSTOP`, `SIGCONT`, … to this process alone. */
  signal(signal: NodeJS.Signals): void;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM, and SIGKILL where that does not end it in time. */
  stop(): Promise<void>;
  isRunning(): boolean;
  /** It ended and nobody here had asked for that. */
  hasFailed(): boolean;
  /** The last lines of standard error. */
  lines(): readonly string[];
}

/** Starts a process and waits for its ready line. Rejects with its last lines when it ends or stays silent before. */
export async function startService(options: ServiceOptions): Promise<ServiceProcess> {
  const child: Child = spawn(process.execPath, [options.main], {
    env: { ...process.env, ...options.env, BUSBAR_EXIT_WITH_PARENT: "1" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  running.add(child);
  const lines = keepLines(child.stderr, options.onLine);
  let hasEnded = false;
  let isAsked = false;
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => {
      hasEnded = true;
      running.delete(child);
      resolve();
    });
  });
  // A pipe that broke with its process is no fault of ours.
  child.stdin.on("error", () => undefined);
  const ready = readyLine(child.stdout);
  const end = (signal: NodeJS.Signals): Promise<void> => {
    isAsked ||= !hasEnded;
    if (!hasEnded) child.kill(signal);
    return ended;
  };
  try {
    await until(() => ready.line !== null || hasEnded, `the ready line of ${options.name}`, READY_MS);
    if (ready.line === null) throw new Error(`${options.name} ended before it was ready`);
  } catch (cause) {
    await end("SIGKILL");
    throw new Error(`${String(cause)}\n${lines.join("\n")}`, { cause });
  }
  return {
    name: options.name,
    pid: child.pid ?? 0,
    http: ready.line.http ?? "",
    signal: (signal) => void child.kill(signal),
    kill: () => end("SIGKILL"),
    stop: () => stop(child, end),
    isRunning: () => !hasEnded,
    hasFailed: () => hasEnded && !isAsked,
    lines: () => lines,
  };
}

const STOP_MS = 5000;

/** A frozen process does not hear SIGTERM: it is woken first. */
async function stop(child: Child, end: (signal: NodeJS.Signals) => Promise<void>): Promise<void> {
  const force = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  child.kill("SIGCONT");
  await end("SIGTERM");
  clearTimeout(force);
}

function keepLines(stream: Readable, onLine: (line: string) => void = () => undefined): string[] {
  const lines: string[] = [];
  createInterface({ input: stream }).on("line", (line) => {
    onLine(line);
    lines.push(line);
    if (lines.length > LINES_KEPT) lines.shift();
  });
  return lines;
}

interface ReadyLine {
  readonly ready: true;
  readonly http?: string | null;
}

function readyLine(stream: Readable): { line: ReadyLine | null } {
  const found: { line: ReadyLine | null } = { line: null };
  createInterface({ input: stream }).on("line", (line) => (found.line ??= parseReady(line)));
  return found;
}

/** The ready line of a service, or null for any other line of its standard output. */
export function parseReady(line: string): ReadyLine | null {
  try {
    const parsed = JSON.parse(line) as Partial<ReadyLine> | null;
    return parsed?.ready === true ? (parsed as ReadyLine) : null;
  } catch {
    return null;
  }
}
