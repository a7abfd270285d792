/**
 * The checker's own reading of which records of `busbar.events` count. It deliberately shares no line with the bus: a
 * mistake in the bus's rule must not be repeated by the program that looks for it.
 *
 * A claim always counts and begins an epoch. Any other record counts iff it stands at the offset it was written for
 * and carries the latest claim before it, offset and nonce both. All else is void.
 */

/** A record of `busbar.events` as it lies in the log. Offsets of a partition need not come in order. */
export interface RawRecord {
  readonly partition: number;
  readonly offset: bigint;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: Uint8Array | null;
}

export interface PlacedLog {
  /** Records that count, by partition, in offset order; claims among them. */
  readonly valid: ReadonlyMap<number, readonly RawRecord[]>;
  readonly voidCount: number;
}

const CLAIM = "PartitionClaimed";

function byOffset(left: RawRecord, right: RawRecord): number {
  if (left.offset === right.offset) return 0;
  return left.offset < right.offset ? -1 : 1;
}

function groupByPartition(records: Iterable<RawRecord>): Map<number, RawRecord[]> {
  const groups = new Map<number, RawRecord[]>();
  for (const record of records) {
    const group = groups.get(record.partition);
    if (group === undefined) groups.set(record.partition, [record]);
    else group.push(record);
  }
  return groups;
}

function keepValid(records: readonly RawRecord[]): readonly RawRecord[] {
  let epoch: string | undefined;
  return records.filter(({ offset, headers }) => {
    if (headers["type"] === CLAIM) {
      epoch = `${offset}:${headers["nonce"] ?? ""}`;
      return true;
    }
    return epoch !== undefined && headers["epoch"] === epoch && headers["at"] === String(offset);
  });
}

/** Sorts out the void records of all partitions. */
export function placeRecords(records: Iterable<RawRecord>): PlacedLog {
  const valid = new Map<number, readonly RawRecord[]>();
  let voidCount = 0;
  for (const [partition, group] of groupByPartition(records)) {
    const kept = keepValid(group.toSorted(byOffset));
    voidCount += group.length - kept.length;
    valid.set(partition, kept);
  }
  return { valid, voidCount };
}
