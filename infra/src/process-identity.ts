/**
 * Who a process id belongs to now. Ids are used again, so a recorded id alone is never reason to end a process:
 * its command line has to hold the marker that we started it with.
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { waitUntil } from "./wait.ts";

const run = promisify(execFile);
const STOP_POLL_MS = 25;
const KILL_BOUND_MS = 5000;

/** Whether a process with this id exists (a zombie included). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** The command line of a process, its arguments separated by spaces; null when it has gone or cannot be asked. */
export async function commandLine(pid: number): Promise<string | null> {
  const raw = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => null);
  if (raw !== null) return raw === "" ? null : raw.replaceAll("\0", " ").trim();
  const listed = await run("ps", ["-ww", "-o", "command=", "-p", String(pid)]).catch(() => null);
  const line = listed?.stdout.trim() ?? "";
  return line === "" ? null : line;
}

/** Whether the process exists and was started with `marker` as one of its arguments. */
export async function isOurs(pid: number, marker: string): Promise<boolean> {
  if (!isAlive(pid)) return false;
  const line = await commandLine(pid);
  return line !== null && ` ${line} `.includes(` ${marker} `);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has gone in the meantime, which is what we want.
  }
}

/**
 * Ends a process that carries `marker`: SIGTERM, then SIGKILL after the bound. False when no such process was there;
 * a process without the marker is left alone.
 */
export async function endProcess(pid: number, marker: string, termBoundMs: number): Promise<boolean> {
  if (!(await isOurs(pid, marker))) return false;
  const gone = async () => !(await isOurs(pid, marker));
  signal(pid, "SIGTERM");
  // A suspended process takes no SIGTERM.
  signal(pid, "SIGCONT");
  if (await waitUntil(gone, { timeoutMs: termBoundMs, everyMs: STOP_POLL_MS })) return true;
  signal(pid, "SIGKILL");
  await waitUntil(gone, { timeoutMs: KILL_BOUND_MS, everyMs: STOP_POLL_MS });
  return true;
}
