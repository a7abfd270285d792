/**
 * What a started bus leaves behind for `down`, `status` and the next `up`: `bus.json` in the state folder. It names
 * what was started, so that exactly that is ended.
 */
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type { BrokerKind } from "./broker-choice.ts";

/** A process of ours; `marker` is an argument on its command line. */
export interface RecordedProcess {
  readonly name: string;
  readonly pid: number;
  readonly marker: string;
}

export interface ComposeProject {
  readonly project: string;
  readonly kafkaPort: number;
  readonly registryPort: number;
}

export interface BusState {
  readonly kind: BrokerKind;
  readonly brokers: readonly string[];
  readonly registryUrl: string | null;
  readonly processes: readonly RecordedProcess[];
  readonly compose: ComposeProject | null;
  /** Its broker asks who is there; absent: it does not. */
  readonly secured?: boolean;
}

const stateFile = (stateDir: string) => path.join(stateDir, "bus.json");

/** Null where no bus was started, or what is written cannot be read. */
export async function readBusState(stateDir: string): Promise<BusState | null> {
  const text = await readFile(stateFile(stateDir), "utf8").catch(() => null);
  if (text === null) return null;
  try {
    return JSON.parse(text) as BusState;
  } catch {
    return null;
  }
}

/** Replaces it as a whole. */
export async function writeBusState(stateDir: string, state: BusState): Promise<void> {
  await mkdir(stateDir, { recursive: true });
  const file = stateFile(stateDir);
  await writeFile(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`);
  await rename(`${file}.new`, file);
}

export async function removeBusState(stateDir: string): Promise<void> {
  await rm(stateFile(stateDir), { force: true });
}
