/**
 * Commits of several inbox partitions in one request: what is asked for while one is under way goes with the next.
 * A commit costs the broker a write of its own, and under load every partition asks for one at each assignment.
 */

export interface CommitGatherer {
  /** Resolves when the position, or a later one of the partition, is committed; rejects when that failed. */
  commit(partition: number, position: bigint): Promise<void>;
}

interface Round {
  readonly positions: Map<number, bigint>;
  readonly done: Promise<void>;
}

/** `send` is never called twice at once. */
export function createCommitGatherer(send: (positions: ReadonlyMap<number, bigint>) => Promise<void>): CommitGatherer {
  let last: Promise<unknown> = Promise.resolve();
  let next: Round | null = null;
  const open = (): Round => {
    const positions = new Map<number, bigint>();
    const done = last.then(() => {
      next = null;
      return send(positions);
    });
    last = done.catch(() => undefined);
    return { positions, done };
  };
  return {
    commit: (partition, position) => {
      next ??= open();
      const known = next.positions.get(partition) ?? -1n;
      next.positions.set(partition, position > known ? position : known);
      return next.done;
    },
  };
}
