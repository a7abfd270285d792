/** The brokers of an episode: one, three that replicate, or one whose disk is small. Nothing of them outlives the run. */
import { spawn, spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type JvmKafka, startJvmCluster, startJvmKafka } from "@busbar/infra";
import type { Stage } from "./spec.ts";

export interface Brokers {
  readonly addresses: readonly string[];
  readonly nodes: readonly JvmKafka[];
  readonly replicas: number;
  /** Writes to the broker's disk until nothing more fits; the answer makes room again. Only where the disk is small. */
  fillDisk(): () => void;
  stop(): Promise<void>;
}

const START_MS = 120_000;
const DISK = "192m";
const CHUNK_BYTES = 1 << 20;

const noDisk = (): never => {
  throw new Error("the disk of these brokers is everybody's");
};

export async function openBrokers(kind: Stage["brokers"]): Promise<Brokers> {
  if (kind === "three") {
    const cluster = await startJvmCluster({ nodes: 3, heap: "384m", timeoutMs: START_MS });
    const { nodes, brokers: addresses, stop } = cluster;
    return { addresses, nodes, replicas: 3, fillDisk: noDisk, stop };
  }
  if (kind === "small-disk") return onSmallDisk();
  const broker = await startJvmKafka({ heap: "512m", timeoutMs: START_MS });
  return { addresses: broker.brokers, nodes: [broker], replicas: 1, fillDisk: noDisk, stop: broker.stop };
}

function run(command: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? stderr}`);
}

/** Unmounts when this process is gone, however it went. */
function unmountAfterUs(folder: string): void {
  const script = 'cat >/dev/null; umount -l "$1" 2>/dev/null; rmdir "$1" 2>/dev/null';
  const shell = spawn("sh", ["-c", script, "busbar-chaos-disk", folder], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  shell.unref();
  shell.stdin.on("error", () => undefined);
  (shell.stdin as typeof shell.stdin & { unref?: () => void }).unref?.();
}

/** A file system in memory of its own; it takes root to mount one. */
async function onSmallDisk(): Promise<Brokers> {
  const folder = mkdtempSync(join(tmpdir(), "busbar-chaos-disk-"));
  run("mount", ["-t", "tmpfs", "-o", `size=${DISK}`, "tmpfs", folder]);
  unmountAfterUs(folder);
  const unmount = (): void => {
    run("umount", ["-l", folder]);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const broker = await startJvmKafka({ heap: "512m", timeoutMs: START_MS, dataDir: join(folder, "kafka") });
    const stop = async (): Promise<void> => {
      await broker.stop();
      unmount();
    };
    const fillDisk = (): (() => void) => fill(join(folder, "filler"));
    return { addresses: broker.brokers, nodes: [broker], replicas: 1, fillDisk, stop };
  } catch (cause) {
    unmount();
    throw cause;
  }
}

function fill(file: string): () => void {
  const chunk = Buffer.alloc(CHUNK_BYTES, 1);
  const filler = openSync(file, "w");
  try {
    for (;;) writeSync(filler, chunk);
  } catch {
    // Full: the last bytes as well.
    try {
      for (;;) writeSync(filler, chunk.subarray(0, 512));
    } catch {
      return () => rmSync(file, { force: true });
    }
  } finally {
    closeSync(filler);
  }
}
