/** Child processes of the demo: started, waited for by their ready line, ended without a trace. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { busbarError } from "@busbar/kernel";

export interface Child {
  readonly name: string;
  readonly pid: number;
  /** kill -9, as a crash would. */
  crash(): Promise<void>;
  /** SIGTERM, then SIGKILL after the bound. */
  stop(): Promise<void>;
}

const READY_BOUND_MS = 30_000;
const STOP_BOUND_MS = 8000;

export interface ChildOptions {
  readonly name: string;
  /** Absolute path of the program. */
  readonly program: string;
  readonly args?: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** File that gets the process's log. */
  readonly logFile: string;
}

/** Starts a program and resolves when it has said that it is ready. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { name, program, args = [], env, logFile } = options;
  const flags = ["--disable-warning=TimeoutNegativeWarning", "--disable-warning=ExperimentalWarning"];
  const child = spawn(process.execPath, [...flags, program, ...args], {
    env: { ...env, BUSBAR_EXIT_WITH_PARENT: "1" },
    // The open pipe on standard input is how a child notices that we died.
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stderr.on("data", (chunk: Buffer) => appendFileSync(logFile, chunk));
  const exited = once(child, "exit");
  exited.catch(() => undefined);
  await Promise.race([readyLine(child), failOnExit(exited, name, logFile), failOnTime(name, logFile)]);
  return {
    name,
    pid: child.pid ?? 0,
    crash: async () => {
      child.kill("SIGKILL");
      await exited;
    },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGTERM");
      const bound = setTimeout(() => child.kill("SIGKILL"), STOP_BOUND_MS);
      await exited;
      clearTimeout(bound);
    },
  };
}

function readyLine(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.startsWith('{"ready":true')) resolve();
    });
  });
}

async function failOnExit(exited: Promise<unknown[]>, name: string, logFile: string): Promise<never> {
  const [code] = await exited;
  throw busbarError("BUSBAR_INTERNAL", {
    reason: `${name} ended with code ${String(code)} before it was ready; its log is ${logFile}`,
  });
}

function failOnTime(name: string, logFile: string): Promise<never> {
  return new Promise((_resolve, reject) => {
    const reason = `${name} was not ready within ${READY_BOUND_MS} ms; its log is ${logFile}`;
    setTimeout(() => reject(busbarError("BUSBAR_INTERNAL", { reason })), READY_BOUND_MS).unref();
  });
}
