/**
 * One `busbar dev` per folder: two would take each other's partitions. The record names a process by id and command
 * line, so that one left behind by a crash stands in nobody's way.
 */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { commandLine, isAlive } from "@busbar/infra";
import { busbarError, isJsonObject, parseJson } from "@busbar/kernel";

const fileOf = (stateDir: string): string => join(stateDir, "dev.json");

/** Process id of the `busbar dev` that runs in the folder; null where none does. */
export async function runningDev(stateDir: string): Promise<number | null> {
  const record = parseJson(await readFile(fileOf(stateDir), "utf8").catch(() => ""));
  if (!isJsonObject(record) || typeof record["pid"] !== "number") return null;
  const { pid } = record as { readonly pid: number };
  const isSame = pid !== process.pid && isAlive(pid) && (await commandLine(pid)) === record["command"];
  return isSame ? pid : null;
}

/** Takes the folder until `release`. Throws BUSBAR_INPUT_INVALID where another one has it. */
export async function takeFolder(stateDir: string): Promise<{ release(): Promise<void> }> {
  const other = await runningDev(stateDir);
  if (other !== null) {
    const reason = `process ${other} runs it in this folder already`;
    throw busbarError("BUSBAR_INPUT_INVALID", { what: "busbar dev", reason, next: "npx busbar status" });
  }
  await writeFile(fileOf(stateDir), JSON.stringify({ pid: process.pid, command: await commandLine(process.pid) }));
  return { release: () => rm(fileOf(stateDir), { force: true }) };
}
