/**
 * One `busbar dev` per folder: two would take each other's partitions; one deployment supervisor per agent likewise. The
 * record names a process by id and command line, so that one left behind by a crash stands in nobody's way.
 */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { commandLine, isAlive } from "@busbar/infra";
import { busbarError, isJsonObject, parseJson } from "@busbar/kernel";

/** Process id that a record names, if that process still runs; null where none does. */
export async function recordedProcess(file: string): Promise<number | null> {
  const record = parseJson(await readFile(file, "utf8").catch(() => ""));
  if (!isJsonObject(record) || typeof record["pid"] !== "number") return null;
  const { pid } = record as { readonly pid: number };
  const isSame = pid !== process.pid && isAlive(pid) && (await commandLine(pid)) === record["command"];
  return isSame ? pid : null;
}

/** Records this process until `release`. Throws BUSBAR_INPUT_INVALID where another one is recorded and runs. */
export async function takeRecord(file: string, what: string, next: string): Promise<{ release(): Promise<void> }> {
  const other = await recordedProcess(file);
  if (other !== null) {
    throw busbarError("BUSBAR_INPUT_INVALID", {
      what,
      reason: `process ${other} runs it in this folder already`,
      next,
    });
  }
  await writeFile(file, JSON.stringify({ pid: process.pid, command: await commandLine(process.pid) }));
  return { release: () => rm(file, { force: true }) };
}

const fileOf = (stateDir: string): string => join(stateDir, "dev.json");

/** Process id of the `busbar dev` that runs in the folder; null where none does. */
export const runningDev = (stateDir: string): Promise<number | null> => recordedProcess(fileOf(stateDir));

/** Takes the folder until `release`. Throws BUSBAR_INPUT_INVALID where another one has it. */
export const takeFolder = (stateDir: string): Promise<{ release(): Promise<void> }> =>
  takeRecord(fileOf(stateDir), "busbar dev", "npx busbar status");
