/**
 * Who owns which partition (PROTOCOL 3.2), as a pure function that the group's leader runs.
 *
 * A partition stays with the member that holds its highest epoch; the others are spread so that loads differ by at
 * most one where no claim speaks against it. The result depends on the set of members only, not on their order.
 */
import { assert } from "@busbar/kernel";
import type { OwnedPartition } from "../event-log.ts";

export interface Claimant {
  readonly member: string;
  readonly owned: readonly OwnedPartition[];
}

export interface AssignmentRule {
  /** `balanced`: a member keeps at most its even share; `claims`: all that it holds. */
  readonly mode: "claims" | "balanced";
}

/** Member to partitions in ascending order; each of 0 to `count` - 1 appears once. At least one member (asserts). */
export function assignPartitions(
  claimants: readonly Claimant[],
  count: number,
  { mode }: AssignmentRule,
): ReadonlyMap<string, readonly number[]> {
  assert(claimants.length > 0, "assignPartitions: a group has members");
  const members = claimants.toSorted((a, b) => compare(a.member, b.member));
  const load = new Map(members.map(({ member }): [string, number[]] => [member, []]));
  const share = mode === "claims" ? count : Math.ceil(count / members.length);
  const free: number[] = [];
  for (let partition = 0; partition < count; partition++) {
    const keeper = keeperOf(members, partition, (member) => (load.get(member)?.length ?? 0) < share);
    if (keeper === null) free.push(partition);
    else load.get(keeper)?.push(partition);
  }
  for (const partition of free) lightest(load).push(partition);
  for (const partitions of load.values()) partitions.sort((a, b) => a - b);
  return load;
}

/** The member with the partition's highest epoch; the first name among equals; null where nobody holds it. */
function keeperOf(
  members: readonly Claimant[],
  partition: number,
  hasRoom: (member: string) => boolean,
): string | null {
  let best: { readonly member: string; readonly epoch: bigint } | null = null;
  for (const { member, owned } of members) {
    for (const claim of owned) {
      if (claim.partition === partition && (best === null || claim.epoch > best.epoch)) {
        best = { member, epoch: claim.epoch };
      }
    }
  }
  return best !== null && hasRoom(best.member) ? best.member : null;
}

function lightest(load: ReadonlyMap<string, number[]>): number[] {
  let least: number[] | undefined;
  for (const partitions of load.values())
    if (least === undefined || partitions.length < least.length) least = partitions;
  assert(least !== undefined, "assignPartitions: a group has members");
  return least;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
