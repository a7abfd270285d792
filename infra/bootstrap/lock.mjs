/**
 * One installation at a time. The lock is a directory, because creating one is atomic on every file system;
 * it names the process that holds it, so that the lock of a process that died is taken over.
 */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { BootstrapError } from "./failure.mjs";

const POLL_MS = 100;
const WAIT_MS_MAX = 10 * 60_000;
/** How long a lock may be without the name of its holder: between its creation and the write of the name. */
const NAMELESS_MS_MAX = 5_000;

/** Runs `work` while this process holds the lock at `path`; waits for another holder, with one line to say so. */
export async function withLock(path, work) {
  mkdirSync(dirname(path), { recursive: true });
  const startedAt = Date.now();
  let told = false;
  while (!take(path)) {
    if (isAbandoned(path)) {
      takeOver(path);
      continue;
    }
    if (!told) process.stderr.write("busbar: another process is installing; waiting for it\n");
    told = true;
    if (Date.now() - startedAt > WAIT_MS_MAX) {
      throw new BootstrapError(
        "another installation does not end",
        `${path} is held by process ${holder(path)}`,
        `stop that process, or remove ${path}`,
      );
    }
    await wait(POLL_MS);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

function take(path) {
  try {
    mkdirSync(path);
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
  writeFileSync(join(path, "pid"), String(process.pid));
  return true;
}

function holder(path) {
  try {
    return Number.parseInt(readFileSync(join(path, "pid"), "utf8"), 10);
  } catch {
    return undefined;
  }
}

function ageMs(path) {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}

function isAbandoned(path) {
  const pid = holder(path);
  if (pid === undefined || Number.isNaN(pid)) return ageMs(path) > NAMELESS_MS_MAX;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}

/** Only one process may remove an abandoned lock: otherwise the second one would remove the first one's new lock. */
function takeOver(path) {
  const guard = `${path}.takeover`;
  try {
    mkdirSync(guard);
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    if (ageMs(guard) > NAMELESS_MS_MAX) rmSync(guard, { recursive: true, force: true });
    return;
  }
  try {
    if (isAbandoned(path)) rmSync(path, { recursive: true, force: true });
  } finally {
    rmSync(guard, { recursive: true, force: true });
  }
}
