/** Plays lines through the command as it is typed, on the log in memory; what the door decided of each. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** A call and the rule that spoke at it. */
export interface Spoken {
  readonly call: number;
  readonly rule: string;
}

/** What the door decided of one run, up to its first stop. */
export interface Decision {
  /** The halt or refusal that ended it; null: it ran to its end. */
  readonly stop: Spoken | null;
  /** Whether the stop refused its call; a halt comes after it. */
  readonly isRefusal: boolean;
  /** Calls put to a person, who approved each. */
  readonly asked: readonly Spoken[];
  /** Calls that rules in shadow mode would have refused or put to a person. */
  readonly shadowed: readonly Spoken[];
}

interface Row extends Spoken {
  readonly line: number;
  readonly end: string;
  readonly reason: string;
  readonly refused: number;
  readonly asked: readonly Spoken[];
  readonly shadowed: readonly Spoken[];
}

const COMMAND = resolve(import.meta.dirname, "../../../services/cli/bin/busbar.mjs");
const PATIENCE_MS = 300_000;

/** Types `busbar play`. Throws what it says on standard error where it fails. */
async function busbarPlay(args: readonly string[]): Promise<readonly unknown[]> {
  const child = spawn(process.execPath, [COMMAND, "play", "--embedded", "-o", "jsonl", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, notes] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (notes += chunk.toString()));
  const bound = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  const code = await new Promise<number | null>((done, fail) => {
    child.once("error", fail);
    child.once("close", done);
  });
  clearTimeout(bound);
  if (code !== 0) throw new Error(`busbar play ended with ${String(code)}: ${notes}`);
  const lines = out.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as unknown);
}

const decisionOf = ({ end, rule, call, refused, asked, shadowed }: Row): Decision => ({
  stop: end === "stopped" ? { rule, call } : null,
  isRefusal: refused > 0,
  asked,
  shadowed,
});

/**
 * The decisions of a file, by its lines; undefined for a line that was no run. `policy`: null for the rules as they are
 * by default.
 */
export async function playFile(file: string, policy: string | null): Promise<readonly (Decision | undefined)[]> {
  const found = await busbarPlay([...(policy === null ? [] : ["--policy", policy]), file]);
  const rows = found.filter((row): row is Row => typeof row === "object" && row !== null && "line" in row);
  const byLine = new Map(rows.map((row) => [row.line, decisionOf(row)]));
  return Array.from({ length: Math.max(0, ...byLine.keys()) }, (_, index) => byLine.get(index + 1));
}

/** The decisions of lines, in their order. */
export async function playLines(
  lines: readonly string[],
  policy: string | null,
): Promise<readonly (Decision | undefined)[]> {
  const folder = mkdtempSync(join(tmpdir(), "busbar-eval-"));
  try {
    const file = join(folder, "runs.jsonl");
    writeFileSync(file, `${lines.join("\n")}\n`);
    return await playFile(file, policy);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
