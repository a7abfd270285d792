/** What a deployment supervisor says of its processes, in a file beside its record: for `status`, `deploy`, `undeploy`. */
import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isJsonObject, parseJson } from "@busbar/kernel";
import { recordedProcess } from "../dev/only-one.ts";
import type { InstanceStatus } from "./instance.ts";
import { recordFile, stateFile } from "./places.ts";

export interface PoolStatus {
  readonly version: string;
  readonly wanted: number;
  readonly ready: number;
  readonly restarts: number;
  /** Why one of them was given up; empty where none was. */
  readonly failed: string;
  readonly instances: readonly InstanceStatus[];
}

export interface SupervisorState {
  readonly agent: string;
  readonly pid: number;
  readonly versions: readonly PoolStatus[];
}

/** Replaces it as a whole. */
export function writeSupervisorState(stateDir: string, state: SupervisorState): void {
  const file = stateFile(stateDir, state.agent);
  writeFileSync(`${file}.new`, JSON.stringify(state, null, 2));
  renameSync(`${file}.new`, file);
}

/** What the supervisor of an agent said last, if it still runs here; null where none does. */
export async function readSupervisorState(stateDir: string, agent: string): Promise<SupervisorState | null> {
  if ((await recordedProcess(recordFile(stateDir, agent))) === null) return null;
  let text: string;
  try {
    text = readFileSync(stateFile(stateDir, agent), "utf8");
  } catch {
    return null;
  }
  const found = parseJson(text);
  return isJsonObject(found) ? (found as unknown as SupervisorState) : null;
}

/** Agents that were deployed from this folder. */
export function deployedHere(stateDir: string): readonly string[] {
  try {
    return readdirSync(join(stateDir, "deploy"));
  } catch {
    return [];
  }
}
