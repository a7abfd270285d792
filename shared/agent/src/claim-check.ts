/** Content that was too large for its record: read back from the blobs topic and checked against its digest. */
import type { BusEvent, ClaimCheck } from "@busbar/events";
import { busbarError, parseJson, sha256Hex } from "@busbar/kernel";
import type { EventLog } from "@busbar/log";

/** Largest content that is read back, in bytes. */
const CONTENT_MAX_BYTES = 64 * 1024 * 1024;

/** The text that a claim check stands for. Throws BUSBAR_NOT_FOUND when it is not whole in the log. */
export async function readClaimChecked(
  log: EventLog,
  topic: string,
  partition: number,
  ref: ClaimCheck,
): Promise<string> {
  const missing = busbarError("BUSBAR_NOT_FOUND", {
    what: "content",
    id: `${topic}/${partition}/${ref.offset} ${ref.sha256}`,
  });
  if (ref.offset === "" || ref.bytes > CONTENT_MAX_BYTES) throw missing;
  const chunks = new Map<number, Uint8Array>();
  let count = Number.POSITIVE_INFINITY;
  for await (const { records } of log.read(topic, partition, { from: BigInt(ref.offset) })) {
    for (const { key, value, headers } of records) {
      if (key !== ref.sha256 || value === null) continue;
      count = Number(headers["count"]);
      chunks.set(Number(headers["index"]), value);
    }
    if (chunks.size >= count) break;
  }
  const ordered = [...chunks].sort(([left], [right]) => left - right).map(([, chunk]) => chunk);
  const bytes = Buffer.concat(ordered);
  if (bytes.length !== ref.bytes || sha256Hex(bytes) !== ref.sha256) throw missing;
  const text = bytes.toString("utf8");
  if (parseJson(text) === undefined) throw missing;
  return text;
}

/** The event as it would be without its claim check. */
export function withContent(event: BusEvent, content: string): BusEvent {
  const field = event.meta.claimCheck?.field ?? "";
  return Object.hasOwn(event, field) ? ({ ...event, [field]: content } as BusEvent) : event;
}
