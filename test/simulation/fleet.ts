/** Seeds over several processes: each is handed some at a time, and every verdict comes back. */
import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import type { Verdict } from "./check-seed.ts";

export interface Order {
  readonly from: number;
  readonly count: number;
  readonly workers: number;
  /** Empty: the sources as they are. */
  readonly mutant: string;
  /** After a verdict; true ends the run. */
  onVerdict(verdict: Verdict): boolean;
}

const AT_A_TIME = 10;
const WORKER = join(import.meta.dirname, "worker-main.ts");

/** Resolves when all seeds are judged, or `onVerdict` has ended it. Rejects when a worker dies. */
export async function runSeeds(order: Order): Promise<void> {
  const end = order.from + order.count;
  const pool = { next: order.from, isOver: false };
  const take = (): readonly number[] => {
    const first = pool.next;
    pool.next = pool.isOver ? end : Math.min(end, first + AT_A_TIME);
    return pool.isOver ? [] : Array.from({ length: pool.next - first }, (_, index) => first + index);
  };
  const count = Math.min(order.workers, Math.ceil(order.count / AT_A_TIME));
  const workers = Array.from({ length: count }, () => fork(WORKER, [order.mutant], { stdio: "inherit" }));
  const works = workers.map((worker) =>
    work(worker, take, (verdict) => {
      if (!pool.isOver) pool.isOver = order.onVerdict(verdict);
      return pool.isOver;
    }),
  );
  try {
    await Promise.all(works);
  } finally {
    for (const worker of workers) worker.kill();
  }
}

/** One worker until nothing is left to take, or it is over. */
function work(
  worker: ChildProcess,
  take: () => readonly number[],
  onVerdict: (verdict: Verdict) => boolean,
): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.on("message", (said: Verdict | "idle") => {
      if (said !== "idle") {
        if (onVerdict(said)) resolve();
        return;
      }
      const seeds = take();
      if (seeds.length === 0) resolve();
      else worker.send(seeds);
    });
    worker.on("error", reject);
    worker.on("exit", (code) => reject(new Error(`a worker ended with ${code}`)));
  });
}
