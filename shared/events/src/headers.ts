/**
 * Kafka headers: their names and, for the events topic, their making, in one place (PROTOCOL 2.1).
 *
 * The digest chain runs over the stamped records of a partition (claims carry no digest): each digest covers the
 * previous one and the raw bytes of the value, so that an edit, a removal or a swap shows (CORRECTNESS A8, A9).
 */
import { assert, sha256Hex } from "@busbar/kernel";
import type { Claim } from "./placement.ts";

export const HEADER = {
  /** Message type; on every record. */
  type: "type",
  /** events: the offset that the record is written for. */
  at: "at",
  /** events: `<claim offset>:<nonce>` of the owner's claim. */
  epoch: "epoch",
  /** events: digest of the previous digest and the value. */
  digest: "digest",
  /** events: the previous digest. */
  prev: "prev",
  /** claims: random part of the epoch. */
  nonce: "nonce",
  /** claims: name of the owner. */
  owner: "owner",
  /** commands: HMAC-SHA256 of the sender, hex. */
  auth: "auth",
  /** directives and control: Ed25519 signature. */
  sig: "sig",
  /** commands, directives, control: who sends. */
  principal: "principal",
  /** inboxes: event id of the projected event. */
  source: "source",
  /** inboxes: incarnation that a journal record is meant for. */
  journal: "journal",
  /** commands and control: the dead letter that this record was redriven from, as topic/partition/offset. */
  redrive: "redrive",
  /** Who redrove it. */
  redriveBy: "redrive-by",
  /** Why. */
  redriveReason: "redrive-reason",
  /** inboxes: content of the event is kept in the blobs topic. */
  claimCheck: "claim-check",
  /** inboxes: version that the chain is pinned to; absent where it is pinned to none. */
  version: "version",
  /** inboxes: number of journal records that follow an assignment. */
  journalCount: "journal-count",
} as const;

/** Value of the header `type` of a claim. */
export const CLAIM_TYPE = "PartitionClaimed";

/** `prev` of the first stamped record of a partition. */
export const GENESIS_DIGEST = "0".repeat(64);

const HEX_DIGEST = /^[0-9a-f]{64}$/;

/** SHA-256, hex, over the 32 bytes of the previous digest followed by the value's bytes. */
export function digestChain(prevHex: string, value: Uint8Array): string {
  assert(HEX_DIGEST.test(prevHex), "digestChain: the previous digest is 64 hex digits");
  const joined = new Uint8Array(32 + value.length);
  for (let i = 0; i < 32; i++) joined[i] = Number.parseInt(prevHex.slice(i * 2, i * 2 + 2), 16);
  joined.set(value, 32);
  return sha256Hex(joined);
}

export type EventHeaders = Readonly<Record<"type" | "at" | "epoch" | "digest" | "prev", string>>;
export type ClaimHeaders = Readonly<Record<"type" | "nonce" | "owner", string>>;

export interface Stamp {
  readonly type: string;
  /** The offset that the record is written for. */
  readonly at: bigint;
  /** The owner's own claim. */
  readonly claim: Claim;
  /** Digest of the last valid stamped record before it, or GENESIS_DIGEST. */
  readonly prev: string;
  readonly value: Uint8Array;
}

/** Headers of an event; `digest` is the next record's `prev`. A faster `digest` function may be handed in. */
export function stampHeaders(stamp: Stamp, digest: typeof digestChain = digestChain): EventHeaders {
  assert(stamp.at > stamp.claim.offset, "stampHeaders: an event stands after its claim");
  return {
    type: stamp.type,
    at: String(stamp.at),
    epoch: formatEpoch(stamp.claim),
    digest: digest(stamp.prev, stamp.value),
    prev: stamp.prev,
  };
}

/** Headers of a claim: no `at`, since it counts wherever it lands. */
export function claimHeaders(claim: { readonly owner: string; readonly nonce: string }): ClaimHeaders {
  assert(isNonce(claim.nonce) && claim.owner !== "", "claimHeaders: a claim has an owner and a nonce");
  return { type: CLAIM_TYPE, nonce: claim.nonce, owner: claim.owner };
}

/** `<claim offset>:<nonce>`. */
export function formatEpoch(claim: Claim): string {
  return `${claim.offset}:${claim.nonce}`;
}

const NONCE = /^[A-Za-z0-9_-]{1,64}$/;

/** 1 to 64 letters, digits, `-` or `_`. */
export function isNonce(value: string): boolean {
  return NONCE.test(value);
}
