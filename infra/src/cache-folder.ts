/**
 * The cache of downloads, outside the repository, shared by every checkout and process of a user.
 *
 * C1 A folder under its final name is complete: it was built beside it and renamed.
 * C2 One process at a time builds; the others wait for the lock. A lock whose process is gone is taken over.
 */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { busbarError } from "@busbar/kernel";
import { isAlive } from "./process-identity.ts";
import { waitUntil } from "./wait.ts";

const LOCK_TIMEOUT_MS = 15 * 60_000;
const LOCK_POLL_MS = 200;
const UNFINISHED = ".unfinished-";

/** Where downloads are kept: below XDG_CACHE_HOME, else ~/.cache. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const base = env["XDG_CACHE_HOME"];
  return path.join(base === undefined || base === "" ? path.join(homedir(), ".cache") : base, "busbar");
}

async function tryLock(lock: string): Promise<boolean> {
  // A lock appears with its owner's pid inside, or not at all.
  const mine = await mkdtemp(`${lock}-${process.pid}-`);
  await writeFile(path.join(mine, "pid"), String(process.pid));
  try {
    await rename(mine, lock);
    return true;
  } catch {
    await rm(mine, { recursive: true, force: true });
    return false;
  }
}

async function releaseLock(lock: string): Promise<void> {
  // Renamed before it is emptied: another process could take over a lock that is being emptied.
  const aside = `${lock}-done-${process.pid}`;
  await rename(lock, aside).catch(() => undefined);
  await rm(aside, { recursive: true, force: true });
}

async function breakStaleLock(lock: string): Promise<void> {
  const owner = Number(await readFile(path.join(lock, "pid"), "utf8").catch(() => ""));
  if (owner !== 0 && !isAlive(owner)) await releaseLock(lock);
}

/** Runs `work` while this process alone holds the lock of `folder`. Errors: BUSBAR_TIMEOUT after 15 minutes. */
export async function withLock<T>(folder: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  await mkdir(folder, { recursive: true });
  const lock = path.join(folder, "lock");
  let told = false;
  const locked = await waitUntil(
    async () => {
      if (await tryLock(lock)) return true;
      await breakStaleLock(lock);
      if (!told) onWait();
      told = true;
      return false;
    },
    { timeoutMs: LOCK_TIMEOUT_MS, everyMs: LOCK_POLL_MS },
  );
  if (!locked) {
    throw busbarError("BUSBAR_TIMEOUT", {
      what: `another process that holds ${lock}`,
      timeoutMs: LOCK_TIMEOUT_MS,
      next: `end that process or remove ${lock}, then type the command again`,
    });
  }
  try {
    return await work();
  } finally {
    await releaseLock(lock);
  }
}

/** `folder/name`, built by `build` in a folder beside it when it is not there. Hold the lock. */
export async function buildOnce(folder: string, name: string, build: (into: string) => Promise<void>): Promise<string> {
  const complete = path.join(folder, name);
  if (existsSync(complete)) return complete;
  for (const entry of await readdir(folder)) {
    // Left by a process that was killed: we hold the lock, so nobody is building.
    if (entry.includes(UNFINISHED)) await rm(path.join(folder, entry), { recursive: true, force: true });
  }
  const unfinished = await mkdtemp(path.join(folder, `${name}${UNFINISHED}`));
  try {
    await build(unfinished);
    await rename(unfinished, complete);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return complete;
}
