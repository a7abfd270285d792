/** Offsets inside the pure state: decimal strings, compared as numbers of any size. */

/** The offset in an event id `<topic>/<partition>/<offset>`. */
export function offsetOf(eventId: string): string {
  return eventId.slice(eventId.lastIndexOf("/") + 1);
}

/** The larger one. They are written without leading zeros, so the longer text is the larger number. */
export function maxOffset(left: string, right: string): string {
  if (left.length !== right.length) return left.length > right.length ? left : right;
  return left >= right ? left : right;
}
