/** Content that was too large for its record and stands in the blobs topic. */
import type { BusEvent } from "@busbar/events";

/** Largest content that is read back, in bytes. */
export const CONTENT_MAX_BYTES = 64 * 1024 * 1024;

/** The event as it would be without its claim check. */
export function withContent(event: BusEvent, content: string): BusEvent {
  const field = event.meta.claimCheck?.field ?? "";
  return Object.hasOwn(event, field) ? ({ ...event, [field]: content } as BusEvent) : event;
}
