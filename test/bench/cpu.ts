/**
 * CPU time: of each process, and of all that is not ours. A machine that does other work at the same time makes every
 * figure worse and no figure better; how much it did is part of the measurement.
 */
import { existsSync, readFileSync } from "node:fs";
import { cpus } from "node:os";

/** Clock ticks of /proc/<pid>/stat are hundredths of a second on every Linux that Node runs on. */
const TICK_MS = 10;

interface CpuSample {
  /** User and system time so far by name, ms. */
  readonly used: ReadonlyMap<string, number>;
  /** Of all cores since the start of the machine, ms. */
  readonly busyMs: number;
  readonly totalMs: number;
}

export interface CpuUse {
  /** ms, by name. */
  readonly used: Readonly<Record<string, number>>;
  /** Share of all cores that went to processes not named, 0 to 1. */
  readonly others: number;
}

/** User and system time of a process so far, ms; null where the system does not tell. */
function usedBy(pid: number): number | null {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return null;
  // The name, in parentheses, may hold spaces: fields are counted behind it.
  const fields = readFileSync(file, "utf8").split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** What has been used so far, by name, one or more processes each; null where the system does not tell it of each process. */
export function sampleCpu(pids: ReadonlyMap<string, readonly number[]>): CpuSample | null {
  const used = new Map<string, number>();
  for (const [name, all] of pids) {
    const parts = all.map(usedBy);
    if (parts.includes(null)) return null;
    used.set(
      name,
      parts.reduce<number>((sum, ms) => sum + (ms ?? 0), 0),
    );
  }
  let busyMs = 0;
  let totalMs = 0;
  for (const { times } of cpus()) {
    busyMs += times.user + times.nice + times.sys + times.irq;
    totalMs += times.user + times.nice + times.sys + times.irq + times.idle;
  }
  return { used, busyMs, totalMs };
}

/** Between two samples of the same processes; null where one is missing. */
export function cpuBetween(start: CpuSample | null | undefined, end: CpuSample | null | undefined): CpuUse | null {
  if (!start || !end || end.totalMs <= start.totalMs) return null;
  const rows = [...end.used].map(([name, ms]) => [name, ms - (start.used.get(name) ?? ms)] as const);
  const ours = rows.reduce((sum, [, ms]) => sum + ms, 0);
  const others = (end.busyMs - start.busyMs - ours) / (end.totalMs - start.totalMs);
  return { used: Object.fromEntries(rows), others: Math.max(0, others) };
}
