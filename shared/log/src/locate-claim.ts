/**
 * Where a reader that starts in mid-log gets the claim in force (PROTOCOL 2.3): the last claim before a position.
 * Claims always count, so looking backwards for the last one needs no trust in anybody. It reads backwards in windows
 * that double, so its cost is bounded by twice the distance to the claim.
 */
import { type Claim, initialPlacement, place } from "@busbar/events";
import type { EventLog } from "./event-log.ts";

const FIRST_WINDOW = 256n;

/** The latest claim at an offset below `before`; null where there is none. */
export async function locateClaim(
  log: EventLog,
  topic: string,
  partition: number,
  before: bigint,
): Promise<Claim | null> {
  const { low } = await log.offsets(topic, partition);
  let to = before;
  let window = FIRST_WINDOW;
  while (to > low) {
    const from = to - window > low ? to - window : low;
    const found = await lastClaim(log, topic, partition, from, to);
    if (found !== null) return found;
    to = from;
    window *= 2n;
  }
  return null;
}

async function lastClaim(
  log: EventLog,
  topic: string,
  partition: number,
  from: bigint,
  to: bigint,
): Promise<Claim | null> {
  let placement = initialPlacement({ offset: from, claim: null });
  for await (const { records } of log.read(topic, partition, { from, to })) {
    for (const record of records) placement = place(placement, record).state;
  }
  return placement.claim;
}
