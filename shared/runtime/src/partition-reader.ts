/**
 * Reading an events partition: the placement rule over raw records, then the codec. Gateway, supervisor and command
 * line read through here, so that all of them see the same log.
 */
import {
  type BusEvent,
  CLAIM_TYPE,
  HEADER,
  initialPlacement,
  type PartitionStart,
  place,
  type PlacementState,
  type VoidReason,
} from "@busbar/events";
import { type Codec, type DecodeFailure, frameSchemaId } from "@busbar/events/codec";
import { busbarError, type ErrorCode } from "@busbar/kernel";
import type { Delivery, StoredRecord, UnreadablePosition } from "@busbar/log";
import { metaWith } from "./meta.ts";

export type ReadEvent =
  | {
      readonly kind: "event";
      readonly offset: bigint;
      readonly event: BusEvent;
      readonly record: StoredRecord;
      readonly digest: string;
    }
  | {
      readonly kind: "void";
      readonly offset: bigint;
      readonly reason: VoidReason;
      readonly record: StoredRecord | null;
    }
  /** Valid by its place, but not to be decoded: the log is broken or written by a newer version. */
  | {
      readonly kind: "undecodable";
      readonly offset: bigint;
      readonly code: ErrorCode;
      readonly reason: string;
      readonly record: StoredRecord;
    };

export interface PartitionReader {
  /** In offset order; positions without a record count as void. */
  read(delivery: Pick<Delivery, "records" | "unreadable">): readonly ReadEvent[];
  placement(): PlacementState;
}

export function createPartitionReader(codec: Codec, start?: PartitionStart): PartitionReader {
  let placement = initialPlacement(start);
  const readOne = (position: StoredRecord | UnreadablePosition): ReadEvent => {
    const record = "headers" in position ? position : null;
    const placed = place(placement, { offset: position.offset, headers: record?.headers ?? null });
    placement = placed.state;
    if (placed.verdict === "void" || record === null) {
      const reason = placed.verdict === "void" ? placed.reason : "unreadable";
      return { kind: "void", offset: position.offset, reason, record };
    }
    if (placed.verdict === "claim") return claimed(codec, record, placed.claim.nonce);
    const decoded = codec.decode(record.value, "event");
    if (!decoded.ok) return { kind: "undecodable", offset: record.offset, ...failureOf(decoded), record };
    const digest = record.headers[HEADER.digest] ?? "";
    return { kind: "event", offset: record.offset, event: decoded.message, record, digest };
  };
  return {
    read: ({ records, unreadable }) => merged(records, unreadable).map(readOne),
    placement: () => placement,
  };
}

const failureOf = ({ code, reason }: DecodeFailure): Pick<DecodeFailure, "code" | "reason"> => ({ code, reason });

/**
 * A valid record of a schema id that is not known yet: the registry is asked. Throws BUSBAR_REGISTRY_UNAVAILABLE
 * (transient) where it does not answer: such a log is not broken, it has to wait (an outage must not cost a record).
 */
export async function withKnownSchema(codec: Codec, read: ReadEvent): Promise<ReadEvent> {
  if (read.kind !== "undecodable" || read.code !== "BUSBAR_SCHEMA_UNKNOWN") return read;
  const { offset, record } = read;
  const id = frameSchemaId(record.value);
  const resolution = id === null ? null : await codec.resolveUnknown(id);
  if (resolution?.ok === false && resolution.code === "BUSBAR_REGISTRY_UNAVAILABLE") {
    throw busbarError("BUSBAR_REGISTRY_UNAVAILABLE", {
      reason: `schema id ${id ?? "?"} at ${offset}: ${resolution.reason}`,
    });
  }
  const decoded = codec.decode(record.value, "event");
  if (!decoded.ok) return { ...read, ...failureOf(decoded) };
  return { kind: "event", offset, record, event: decoded.message, digest: record.headers[HEADER.digest] ?? "" };
}

/** Claims count by their headers alone, whatever their bytes are: a claim that nobody can decode is one too. */
function claimed(codec: Codec, record: StoredRecord, nonce: string): ReadEvent {
  const { offset, headers, topic, partition, timestampMs } = record;
  const decoded = codec.decode(record.value, "event");
  const meta = decoded.ok
    ? decoded.message.meta
    : metaWith({ eventId: `${topic}/${partition}/${offset}`, atMs: timestampMs });
  const event: BusEvent = { type: CLAIM_TYPE, meta, owner: headers[HEADER.owner] ?? "", nonce };
  return { kind: "event", offset, event, record, digest: "" };
}

function merged(
  records: readonly StoredRecord[],
  unreadable: readonly UnreadablePosition[],
): readonly (StoredRecord | UnreadablePosition)[] {
  if (unreadable.length === 0) return records;
  return [...records, ...unreadable].sort((left, right) => (left.offset < right.offset ? -1 : 1));
}
