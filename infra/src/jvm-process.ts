/**
 * One Java program of ours as a process: started, watched until it serves, ended.
 *
 * J1 It carries `-Dbusbar.data=<folder>`: by that marker, never by its id alone, it is recognised and ended.
 * J2 One process per data folder: `busbar.pid` in it names the process and the one that started it. A process whose
 *    starter has died is ended by the next start; one whose starter lives is an error.
 * J3 It runs in its own process group, so that a Ctrl-C reaches us first; when we die, a watchdog ends it.
 *    A detached one outlives us on purpose.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { closeSync, existsSync, openSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { type BusbarError, busbarError, type ErrorCode } from "@busbar/kernel";
import type { Java } from "./java.ts";
import { commandLine, endProcess, isAlive, isOurs } from "./process-identity.ts";
import { waitUntil } from "./wait.ts";
import { type Watchdog, watch } from "./watchdog.ts";

const READY_POLL_MS = 25;
const TERM_BOUND_MS = 15_000;
const TAIL_LINES = 8;

export interface JvmProgram {
  /** For messages: "the broker". */
  readonly what: string;
  readonly failure: ErrorCode;
  readonly java: Java;
  /** JVM options before the marker. */
  readonly options: readonly string[];
  /** Class path or -jar, main class, its arguments. */
  readonly program: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly dataDir: string;
  /** The folder is ours alone and goes with the process. */
  readonly temporary: boolean;
  readonly detached: boolean;
  /** Log files to quote when it ends early, beside start.log. */
  readonly logs: readonly string[];
  /** Shared archive of loaded classes: used when it is there, written at the first clean stop when it is not. */
  readonly classArchive: string;
  readonly timeoutMs: number;
  readonly isReady: () => Promise<boolean>;
}

export interface JvmProcess {
  readonly pid: number;
  readonly marker: string;
  /** Resolves when the process has gone. */
  readonly exited: Promise<void>;
  /** SIGTERM, then SIGKILL after 15 s. A temporary folder goes too, unless `keepData`. Idempotent. */
  readonly stop: (how?: { readonly keepData: boolean }) => Promise<void>;
  /** Sends a signal; after SIGKILL it resolves when the process has gone. */
  readonly kill: (signal: NodeJS.Signals) => Promise<void>;
}

/** What is written beside the data about its process. */
export interface PidRecord {
  readonly pid: number;
  readonly marker: string;
  readonly startedBy: { readonly pid: number; readonly command: string } | null;
}

/** The argument by which a process of ours is known. */
export function markerOf(dataDir: string): string {
  return `-Dbusbar.data=${dataDir}`;
}

const pidFile = (dataDir: string) => path.join(dataDir, "busbar.pid");

/** What went wrong, by the first log that says something: its last complaints, else its last lines. */
async function logTail(logs: readonly string[]): Promise<string> {
  for (const file of logs) {
    const text = await readFile(file, "utf8").catch(() => "");
    const lines = text.split("\n").filter((line) => line.trim() !== "" && !/^\s+(at |\.\.\. )/.test(line));
    const complaints = lines.filter((line) => /\b(ERROR|FATAL)\b|(Exception|Error)\b/.test(line));
    const chosen = (complaints.length > 0 ? complaints : lines).slice(-TAIL_LINES);
    if (chosen.length > 0) return `${chosen.join("\n")}\n(${file})`;
  }
  return "it said nothing";
}

/** J2, before a start. Errors: `failure` when the folder is in use. */
export async function claimDataDir(dataDir: string, failure: ErrorCode): Promise<void> {
  const text = await readFile(pidFile(dataDir), "utf8").catch(() => null);
  if (text === null) return;
  const record = JSON.parse(text) as PidRecord;
  if (!(await isOurs(record.pid, record.marker))) return;
  const starter = record.startedBy;
  if (starter === null || (isAlive(starter.pid) && (await commandLine(starter.pid)) === starter.command)) {
    const by = starter === null ? "in the background" : `by process ${starter.pid}`;
    throw busbarError(failure, { reason: `${dataDir} is in use by process ${record.pid}, started ${by}` });
  }
  await endProcess(record.pid, record.marker, TERM_BOUND_MS);
}

async function writeRecord(program: JvmProgram, pid: number, marker: string): Promise<void> {
  const command = (await commandLine(process.pid)) ?? "";
  const startedBy = program.detached ? null : { pid: process.pid, command };
  const file = pidFile(program.dataDir);
  await writeFile(`${file}.new`, JSON.stringify({ pid, marker, startedBy } satisfies PidRecord));
  await rename(`${file}.new`, file);
}

interface ArchiveUse {
  readonly options: readonly string[];
  /** Written by the JVM as it exits; kept under its final name only after a clean stop. */
  readonly fresh: string | null;
}

function archiveUse(program: JvmProgram): ArchiveUse {
  const archive = program.classArchive;
  if (existsSync(archive)) return { options: [`-XX:SharedArchiveFile=${archive}`, "-Xlog:cds=off"], fresh: null };
  if (program.detached) return { options: [], fresh: null };
  const fresh = `${archive}.${randomUUID()}`;
  return { options: [`-XX:ArchiveClassesAtExit=${fresh}`, "-Xlog:cds=off", "-Xlog:cds+dynamic=off"], fresh };
}

function spawnJvm(program: JvmProgram, marker: string, archive: ArchiveUse): ChildProcess {
  const out = openSync(path.join(program.dataDir, "start.log"), "w");
  try {
    return spawn(program.java.command, [...program.options, ...archive.options, marker, ...program.program], {
      cwd: program.dataDir,
      env: program.env,
      detached: true,
      stdio: ["ignore", out, out],
    });
  } finally {
    closeSync(out);
  }
}

async function waitForService(program: JvmProgram, child: ChildProcess): Promise<void> {
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const ready = await waitUntil(async () => hasEnded() || (await program.isReady()), {
    timeoutMs: program.timeoutMs,
    everyMs: READY_POLL_MS,
  });
  if (ready && !hasEnded()) return;
  const tail = await logTail([path.join(program.dataDir, "start.log"), ...program.logs]);
  throw ready ? busbarError(program.failure, { reason: tail }) : timeout(program, tail);
}

function timeout(program: JvmProgram, tail: string): BusbarError {
  const next = `look at the end of its log and type the command again: ${tail}`;
  return busbarError("BUSBAR_TIMEOUT", { what: `the start of ${program.what}`, timeoutMs: program.timeoutMs, next });
}

async function keepArchive(program: JvmProgram, archive: ArchiveUse, isWhole: boolean): Promise<void> {
  if (archive.fresh === null) return;
  if (isWhole && existsSync(archive.fresh)) await rename(archive.fresh, program.classArchive);
  else await rm(archive.fresh, { force: true });
}

function handle(program: JvmProgram, child: ChildProcess, archive: ArchiveUse, watchdog: Watchdog | null): JvmProcess {
  const pid = child.pid ?? 0;
  const marker = markerOf(program.dataDir);
  const exited = new Promise<void>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once("exit", () => resolve());
  });
  let stopping: Promise<void> | null = null;
  const stop = async (keepData: boolean) => {
    const wasRunning = await endProcess(pid, marker, TERM_BOUND_MS);
    await exited;
    await watchdog?.dismiss();
    await keepArchive(program, archive, wasRunning && child.signalCode !== "SIGKILL");
    const left = program.temporary && !keepData ? program.dataDir : pidFile(program.dataDir);
    await rm(left, { recursive: true, force: true });
  };
  return {
    pid,
    marker,
    exited,
    stop: (how) => (stopping ??= stop(how?.keepData ?? false)),
    kill: async (signal) => {
      child.kill(signal);
      if (signal === "SIGKILL") await exited;
    },
  };
}

/** Starts the program and resolves when it serves. Errors: its failure code, BUSBAR_TIMEOUT; then nothing of it is left. */
export async function startJvm(program: JvmProgram): Promise<JvmProcess> {
  await mkdir(program.dataDir, { recursive: true });
  const marker = markerOf(program.dataDir);
  const archive = archiveUse(program);
  const child = spawnJvm(program, marker, archive);
  const failed = new Promise<never>((_, reject) => {
    child.once("error", (error) => reject(busbarError("BUSBAR_JAVA_MISSING", { reason: error.message }, error)));
  });
  failed.catch(() => undefined);
  const { pid } = child;
  if (pid === undefined) return failed;
  const watchdog = program.detached ? null : watch(pid, marker, program.temporary ? program.dataDir : null);
  const jvm = handle(program, child, archive, watchdog);
  try {
    await writeRecord(program, pid, marker);
    await waitForService(program, child);
  } catch (error) {
    await jvm.stop();
    throw error;
  }
  if (program.detached) child.unref();
  return jvm;
}
