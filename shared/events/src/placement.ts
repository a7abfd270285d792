/**
 * The placement rule: which records of an events partition count (PROTOCOL 2.1 to 2.5).
 *
 * Every reader asks this one function: gateway, supervisor, audit, replay, checker. It decides from offset and
 * headers alone, so bytes that nobody can decode are judged alike. A record is valid iff it landed on the offset it
 * was written for and names the latest claim before it, offset and nonce both. So a failed compare-and-set never
 * counts: duplicates, zombies, intruders and late records void themselves.
 */
import { assert } from "@busbar/kernel";
import { CLAIM_TYPE, formatEpoch, HEADER, isNonce } from "./headers.ts";

/** A claim that counts: where it landed, and its nonce. */
export interface Claim {
  readonly offset: bigint;
  readonly nonce: string;
}

export interface PlacementState {
  /** No position before this one will be accepted. */
  readonly next: bigint;
  /** The latest claim before `next`. */
  readonly claim: Claim | null;
}

/** Where a reader starts in mid-log: taken from a checkpoint, heartbeat or seal at or before its start. */
export interface PartitionStart {
  readonly offset: bigint;
  readonly claim: Claim | null;
}

export type VoidReason =
  /** The position holds no record that can be read at all. */
  | "unreadable"
  | "malformed-claim"
  /** `at` or `epoch` is missing. */
  | "unstamped"
  /** No claim stands before it. */
  | "no-claim"
  /** It landed elsewhere than it was written for. */
  | "other-offset"
  /** It names another claim than the latest one. */
  | "other-epoch";

export type Placement =
  | { readonly verdict: "claim"; readonly state: PlacementState; readonly claim: Claim; readonly reason: "" }
  | { readonly verdict: "valid"; readonly state: PlacementState; readonly reason: "" }
  | { readonly verdict: "void"; readonly state: PlacementState; readonly reason: VoidReason };

export interface PlacedPosition {
  readonly offset: bigint;
  /** Null for a hole, or a batch that cannot be opened: one void position. */
  readonly headers: Readonly<Record<string, string>> | null;
}

const ORIGIN: PartitionStart = { offset: 0n, claim: null };

/** The state before the first position; without a start, that of a whole partition. */
export function initialPlacement(start: PartitionStart = ORIGIN): PlacementState {
  assert(start.claim === null || start.claim.offset < start.offset, "placement: the claim stands before the start");
  return { next: start.offset, claim: start.claim };
}

/** Judges one position. Positions come in ascending order (asserts); the log may skip some. */
export function place(state: PlacementState, position: PlacedPosition): Placement {
  const { offset, headers } = position;
  assert(offset >= state.next, "placement: positions come in ascending order");
  const claim = headers === null ? null : claimOf(offset, headers);
  if (claim !== null) return { verdict: "claim", state: { next: offset + 1n, claim }, claim, reason: "" };
  const after: PlacementState = { next: offset + 1n, claim: state.claim };
  const reason = headers === null ? "unreadable" : flawOf(state.claim, offset, headers);
  return reason === "" ? { verdict: "valid", state: after, reason } : { verdict: "void", state: after, reason };
}

function header(headers: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(headers, name) ? headers[name] : undefined;
}

function claimOf(offset: bigint, headers: Readonly<Record<string, string>>): Claim | null {
  if (header(headers, HEADER.type) !== CLAIM_TYPE) return null;
  const nonce = header(headers, HEADER.nonce);
  const owner = header(headers, HEADER.owner);
  if (nonce === undefined || !isNonce(nonce) || owner === undefined || owner === "") return null;
  const stamped = header(headers, HEADER.at) !== undefined || header(headers, HEADER.epoch) !== undefined;
  return stamped ? null : { offset, nonce };
}

function flawOf(claim: Claim | null, offset: bigint, headers: Readonly<Record<string, string>>): VoidReason | "" {
  // A record of the claims' type that is no claim must not slip in as an event either.
  if (header(headers, HEADER.type) === CLAIM_TYPE) return "malformed-claim";
  const at = header(headers, HEADER.at);
  const epoch = header(headers, HEADER.epoch);
  if (at === undefined || epoch === undefined) return "unstamped";
  if (claim === null) return "no-claim";
  // Compared as text: only the one decimal spelling of an offset is equal, so nothing needs to be parsed.
  if (at !== String(offset)) return "other-offset";
  return epoch === formatEpoch(claim) ? "" : "other-epoch";
}
