/** Offsets inside the pure state: decimal strings, compared as numbers of any size. */

/** The offset in an event id `<topic>/<partition>/<offset>`. */
export function offsetOf(eventId: string): string {
  return eventId.slice(eventId.lastIndexOf("/") + 1);
}

export function nextOffset(offset: string): string {
  return (BigInt(offset) + 1n).toString();
}

export function maxOffset(left: string, right: string): string {
  return BigInt(left) >= BigInt(right) ? left : right;
}
