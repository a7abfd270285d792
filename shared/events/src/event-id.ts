/** Event ids: `<topic>/<partition>/<offset>`, where the record stands, which is what it is (PROTOCOL 2.4). */
import { eventId, type EventId } from "@busbar/kernel";

export interface Position {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
}

const EVENT_ID = /^([A-Za-z0-9._-]{1,249})\/(0|[1-9]\d{0,4})\/(0|[1-9]\d{0,18})$/;
const DECIMAL_OFFSET = /^(0|[1-9]\d{0,18})$/;

export function formatEventId(position: Position): EventId {
  return eventId(`${position.topic}/${position.partition}/${position.offset}`);
}

/** Null for anything but the one spelling that `formatEventId` writes. */
export function parseEventId(text: string): Position | null {
  const match = EVENT_ID.exec(text);
  const [, topic, partition, offset] = match ?? [];
  if (topic === undefined || partition === undefined || offset === undefined) return null;
  return { topic, partition: Number(partition), offset: BigInt(offset) };
}

/** Offsets travel in bodies as decimal text. Null for anything but the one spelling of an offset. */
export function parseOffset(text: string): bigint | null {
  return DECIMAL_OFFSET.test(text) ? BigInt(text) : null;
}
