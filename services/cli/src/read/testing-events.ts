/** For tests: events of a log that was never written, with what matters given and the rest blank. */
import type { BusEvent, Meta } from "@busbar/events";
import { metaWith } from "@busbar/runtime";
import type { TracedEvent } from "./trace.ts";

interface Given {
  readonly type: BusEvent["type"];
  readonly chain?: string;
  readonly lineage?: readonly string[];
  /** Agent of the chain, in the meta; a body has an `agent` of its own. */
  readonly of?: string;
  readonly [field: string]: unknown;
}

/** One event at a place; `atMs` is its offset, so that times are easy to read in a test. */
export function eventAt(partition: number, offset: number, given: Given): TracedEvent {
  const { type, chain = "", lineage = chain === "" ? [] : [chain], of: agent = "", ...fields } = given;
  const eventId = `busbar.events/${partition}/${offset}`;
  const meta: Meta = metaWith({ eventId, atMs: offset, chainId: chain, lineage, agent });
  return { partition, offset: BigInt(offset), event: { type, meta, ...fields } as unknown as BusEvent };
}

/** A partition's events in a row, from offset 0 on. */
export function eventsOf(partition: number, given: readonly Given[]): readonly TracedEvent[] {
  return given.map((one, offset) => eventAt(partition, offset, one));
}
