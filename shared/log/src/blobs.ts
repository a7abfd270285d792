/**
 * Content that is too large for a record: in chunks under its digest, acknowledged before anything refers to it
 * (PROTOCOL 5.8). The reference names the digest of each chunk, so it does not matter who else writes into the topic: what
 * is not one of them is passed over.
 */
import { type ClaimCheck, HEADER } from "@busbar/events";
import { busbarError, sha256Hex } from "@busbar/kernel";
import type { AppendOutcome, EventLog, Publication } from "./event-log.ts";

/** Digest, size and place of content; the field that it belongs to is the referring record's business. */
export type BlobRef = Omit<ClaimCheck, "field">;

const CHUNK_BYTES = 512 * 1024;

/** Records of others that may lie between two chunks, in bytes; beyond it the content counts as missing. */
const STRANGERS_BYTES = 16 * 1024 * 1024;

/** The records of a text, and how it is referred to once they are acknowledged. */
export function blobOf(
  topic: string,
  partition: number,
  text: string,
): { readonly publications: readonly Publication[]; refOf(outcomes: readonly AppendOutcome[]): BlobRef | null } {
  const content = Buffer.from(text);
  const sha256 = sha256Hex(content);
  const count = Math.ceil(content.length / CHUNK_BYTES);
  const parts = Array.from({ length: count }, (_, index) =>
    content.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES),
  );
  const publications = parts.map((value) => ({
    topic,
    partition,
    record: { key: sha256, value, headers: { [HEADER.type]: "Blob" } },
  }));
  return {
    publications,
    // Null: not all of it is known to be in the log.
    refOf: (outcomes) => {
      const offsets = outcomes.flatMap((outcome) => (outcome.kind === "appended" ? [outcome.baseOffset] : []));
      if (offsets.length < count) return null;
      const first = offsets.reduce((least, offset) => (offset < least ? offset : least));
      return { sha256, bytes: content.length, offset: first.toString(), chunks: parts.map((part) => sha256Hex(part)) };
    },
  };
}

/**
 * The text that a reference stands for. Throws BUSBAR_CONTENT_MISSING when it is not whole in the log, or larger than
 * `maxBytes`, which is looked at before anything is read.
 */
export async function readBlob(
  log: Pick<EventLog, "read">,
  place: { readonly topic: string; readonly partition: number },
  ref: BlobRef,
  maxBytes: number,
): Promise<string> {
  const { topic, partition } = place;
  const missing = busbarError("BUSBAR_CONTENT_MISSING", {
    id: `${topic}/${partition}/${ref.offset}`,
    sha256: ref.sha256,
  });
  const isBounded = ref.bytes >= 0 && ref.bytes <= maxBytes && ref.chunks.length === Math.ceil(ref.bytes / CHUNK_BYTES);
  if (!isBounded || !/^\d{1,19}$/.test(ref.offset)) throw missing;
  const chunks = await readChunks(log, place, ref);
  const content = Buffer.concat(chunks);
  if (content.length !== ref.bytes || sha256Hex(content) !== ref.sha256) throw missing;
  return content.toString("utf8");
}

/** The chunks that the reference names, in order; the same one may stand there more than once. */
async function readChunks(
  log: Pick<EventLog, "read">,
  { topic, partition }: { readonly topic: string; readonly partition: number },
  { chunks, offset }: BlobRef,
): Promise<readonly Uint8Array[]> {
  const found = new Map<string, Uint8Array>();
  const wanted = new Set(chunks);
  let strangers = 0;
  for await (const { records } of log.read(topic, partition, { from: BigInt(offset) })) {
    for (const { value } of records) {
      const digest = value === null || value.length > CHUNK_BYTES ? "" : sha256Hex(value);
      if (value !== null && wanted.has(digest)) found.set(digest, value);
      else strangers += value?.length ?? 0;
    }
    if (found.size === wanted.size || strangers > STRANGERS_BYTES) break;
  }
  return chunks.flatMap((digest) => found.get(digest) ?? []);
}
