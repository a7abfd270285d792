/** Load in a closed loop: c workers, each starting the next piece of work when its last one is done. */

/** One measured window. Times in ms. */
export interface Window {
  readonly count: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface LoadOptions {
  readonly concurrency: number;
  /** Not counted. */
  readonly warmUpMs: number;
  readonly measuredMs: number;
  /** Called at the start of the measured time and at its end. */
  readonly onEdge?: () => void;
}

/** The value below which a share of the sorted values lies (nearest rank). 0 for no values. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

/**
 * Counts what ends inside the measured time. Work that began before its start counts with its whole latency, so a slow
 * piece is never left out. Rejects as soon as a piece of work does.
 */
export async function measure(options: LoadOptions, work: (n: number) => Promise<void>): Promise<Window> {
  const { concurrency, warmUpMs, measuredMs, onEdge } = options;
  const startMs = performance.now() + warmUpMs;
  const endMs = startMs + measuredMs;
  const latencies: number[] = [];
  const edges = [setTimeout(() => onEdge?.(), warmUpMs), setTimeout(() => onEdge?.(), warmUpMs + measuredMs)];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() < endMs) {
      next += 1;
      const beganMs = performance.now();
      await work(next);
      const endedMs = performance.now();
      if (endedMs >= startMs && endedMs < endMs) latencies.push(endedMs - beganMs);
    }
  };
  try {
    await Promise.all(Array.from({ length: concurrency }, worker));
  } finally {
    for (const edge of edges) clearTimeout(edge);
  }
  const sorted = Float64Array.from(latencies).sort();
  return {
    count: sorted.length,
    perSecond: (sorted.length * 1000) / measuredMs,
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    max: sorted.at(-1) ?? 0,
  };
}
