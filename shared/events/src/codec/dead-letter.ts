/** Dead letters: a refused record with its bytes, its place and the reason, bounded so that it can be written. */
import { canonicalJson, type ErrorCode, sha256Hex } from "@busbar/kernel";
import type { EventBody } from "../messages.ts";

/** What of the log's record a dead letter keeps. */
export interface RefusedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** A dead letter must fit into a batch that is no larger than the record it is about. */
export const DEAD_LETTER_MAX_VALUE_BYTES = 768 * 1024;
export const DEAD_LETTER_MAX_HEADER_CHARS = 32 * 1024;

/** Body of the dead letter. What is cut is said in the reason, with the size and digest of the whole. */
export function toDeadLetter(refusal: {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly record: RefusedRecord;
}): EventBody<"DeadLetter"> {
  const { record } = refusal;
  const value = record.value ?? new Uint8Array();
  // A list of pairs becomes an object without ever setting a key, so that `__proto__` is a name like any other.
  const headers = canonicalJson(Object.fromEntries(Object.entries(record.headers)));
  const notes = [refusal.reason];
  if (record.value === null) notes.push("the record has no value");
  if (value.length > DEAD_LETTER_MAX_VALUE_BYTES) {
    notes.push(`first ${DEAD_LETTER_MAX_VALUE_BYTES} of ${value.length} bytes, sha256 of all ${sha256Hex(value)}`);
  }
  const keepHeaders = headers.length <= DEAD_LETTER_MAX_HEADER_CHARS;
  if (!keepHeaders) notes.push(`headers of ${headers.length} characters left out, sha256 ${sha256Hex(headers)}`);
  return {
    code: refusal.code,
    reason: notes.join("; "),
    topic: record.topic,
    partition: record.partition,
    offset: String(record.offset),
    headers: keepHeaders ? headers : "{}",
    bytes: value.subarray(0, DEAD_LETTER_MAX_VALUE_BYTES),
  };
}
