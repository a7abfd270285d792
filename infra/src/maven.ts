/**
 * Running Maven: it knows the user's mirrors and proxies, so no download address is written here.
 * Checksums are strict (-C); a jar that is damaged in the local Maven repository is named with its path.
 */
import { spawn } from "node:child_process";
import { open, readdir } from "node:fs/promises";
import path from "node:path";
import readline from "node:readline";
import { busbarError } from "@busbar/kernel";

const UNITS: Readonly<Record<string, number>> = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9 };
const PROGRESS_EVERY_MS = 1000;
const MAX_REASON = 300;
const ZIP_TAIL_BYTES = 66_000;
const ZIP_END = Buffer.from([0x50, 0x4b, 0x05, 0x06]);

/** Bytes of the download that a line of Maven's output reports; 0 for any other line. */
export function downloadedBytes(line: string): number {
  const match = /Downloaded from \S+ \S+ \(([\d.]+) (B|kB|MB|GB)\b/.exec(line);
  return match === null ? 0 : Number(match[1]) * (UNITS[match[2] ?? "B"] ?? 1);
}

/** Maven's first error, without what it says about itself. */
export function mavenReason(lines: readonly string[]): string {
  const error = lines.find((line) => line.startsWith("[ERROR] ")) ?? lines.findLast((line) => line.trim() !== "");
  const text = (error ?? "it said nothing").replace("[ERROR] ", "").replace(/ -> \[Help \d\]$/, "");
  const cause = /: ([^:]*(?:Could not|Checksum|Unknown host|Cannot access|was not found)[^]*)$/.exec(text)?.[1] ?? text;
  return cause.length > MAX_REASON ? `${cause.slice(0, MAX_REASON - 1)}…` : cause;
}

export interface MavenRun {
  /** What is fetched, for messages. */
  readonly artifact: string;
  readonly pom: string;
  readonly goal: string;
  /** Folder that the goal writes to. */
  readonly output: string;
  readonly env: NodeJS.ProcessEnv;
  readonly onProgress: (line: string) => void;
}

/** Errors: BUSBAR_MAVEN_MISSING, BUSBAR_MAVEN_FAILED. */
export async function runMaven(run: MavenRun): Promise<void> {
  const args = ["-B", "-C", "-Dstyle.color=never", "-f", run.pom, `-Dbusbar.output=${run.output}`, run.goal];
  const child = spawn("mvn", args, { env: run.env, stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  let bytes = 0;
  let files = 0;
  let lastTold = performance.now();
  const onLine = (line: string) => {
    lines.push(line);
    const size = downloadedBytes(line);
    bytes += size;
    if (size > 0) files += 1;
    if (files === 0 || performance.now() - lastTold < PROGRESS_EVERY_MS) return;
    lastTold = performance.now();
    run.onProgress(`${run.artifact}: ${files} files, ${(bytes / 1e6).toFixed(1)} MB`);
  };
  for (const input of [child.stdout, child.stderr]) readline.createInterface({ input }).on("line", onLine);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", (error) => {
      reject(busbarError("BUSBAR_MAVEN_MISSING", { artifact: run.artifact, reason: "mvn is not on the PATH" }, error));
    });
    child.once("close", (status) => resolve(status));
  });
  if (code !== 0) throw busbarError("BUSBAR_MAVEN_FAILED", { artifact: run.artifact, reason: mavenReason(lines) });
}

async function isWholeZip(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, ZIP_TAIL_BYTES);
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.includes(ZIP_END);
  } finally {
    await handle.close();
  }
}

/** Errors: BUSBAR_MAVEN_FAILED when a jar below `folder` is cut off, or `needed` is not there. */
export async function assertWhole(folder: string, needed: string, artifact: string): Promise<void> {
  const files = await readdir(folder, { recursive: true });
  if (!files.includes(needed))
    throw busbarError("BUSBAR_MAVEN_FAILED", { artifact, reason: `Maven brought no ${needed}` });
  for (const file of files.filter((name) => name.endsWith(".jar"))) {
    if (await isWholeZip(path.join(folder, file))) continue;
    const reason = `${path.basename(file)} is damaged; remove it from your local Maven repository (~/.m2/repository)`;
    throw busbarError("BUSBAR_MAVEN_FAILED", { artifact, reason });
  }
}
