/**
 * The port of the log: what the rest of Busbar knows of Kafka (PROTOCOL 1 to 3).
 *
 * It appends, reads, follows and names owners; it does not decode values and it does not decide which records
 * count: that is the placement rule of @busbar/events.
 *
 * L1 `append` never throws and never tells half: `appended`, `refused` (provably nothing was written) or `unknown`.
 * L2 An `Appender` has one request in flight; after `unknown` it is dead: open another one.
 * L3 All positions are exclusive ("the next offset"), bigint, and 0 is an offset.
 * L4 A follower delivers a partition's positions in order, each one once, readable or not; a jump is named.
 */
import type { BusbarError } from "@busbar/kernel";
import type { TopicSettings } from "./topic-durability.ts";

/** A record as the log holds it. `value` is a copy, or a part of one of its batch (never a view on a fetch buffer). */
export interface StoredRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** Broker time of the append in ms since the epoch (`LogAppendTime` topics), else the producer's. */
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** A record to be written. The key is never empty. */
export interface NewRecord {
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export type AppendOutcome =
  | {
      readonly kind: "appended";
      readonly baseOffset: bigint;
      /** Broker append time in ms, null where the log does not tell. */
      readonly appendedAtMs: number | null;
    }
  /** Nothing was sent: too large, or not writable as asked. */
  | { readonly kind: "refused"; readonly error: BusbarError }
  /** It may or may not be in the log, now or later. */
  | { readonly kind: "unknown"; readonly cause: unknown };

/** The one writer of one partition (PROTOCOL 1.3, 1.4). Appends queue up; a batch is one request, never split. */
export interface Appender {
  /** Bytes that one append takes, as `batchBytes` of record-size.ts counts them (the topic's `max.message.bytes`). */
  readonly maxBatchBytes: number;
  append(records: readonly NewRecord[]): Promise<AppendOutcome>;
  close(): Promise<void>;
}

/** One record for a topic that many write to (commands, inbox, directives, signals, dead letters). */
export interface Publication {
  readonly topic: string;
  readonly partition: number;
  readonly record: NewRecord;
}

/** A position that cannot be given as a record: its bytes cannot be decoded, or it is a hole. */
export interface UnreadablePosition {
  readonly offset: bigint;
  /** `hole`: no record there (control record, compaction); `undecodable`: a batch this client cannot open. */
  readonly kind: "hole" | "undecodable";
  readonly reason: string;
}

export interface Delivery {
  readonly records: readonly StoredRecord[];
  /** In offset order, disjoint from `records`. A hole of a compacted topic is not listed. */
  readonly unreadable: readonly UnreadablePosition[];
  /** The position after this delivery. */
  readonly next: bigint;
  /** The log's end when the fetch was answered. */
  readonly end: bigint;
}

export type FollowProblem =
  /** Our position is past the end: the log was truncated or replaced. The follower stops. */
  | { readonly kind: "truncated"; readonly position: bigint; readonly end: bigint }
  /** Our position is before the first kept offset: retention took records. The follower stops. */
  | { readonly kind: "gap"; readonly position: bigint; readonly low: bigint }
  /** The broker cannot be reached now; the follower goes on trying. */
  | { readonly kind: "unreachable"; readonly cause: unknown };

export interface FollowOptions {
  readonly topic: string;
  readonly partition: number;
  readonly from: bigint;
  /** Must return quickly; the next fetch of this partition waits for a returned promise (backpressure). */
  onDelivery(delivery: Delivery): void | Promise<void>;
  onProblem(problem: FollowProblem): void;
  /** The broker answers again after `unreachable`, whether or not there is anything to deliver. */
  onReached?(): void;
}

export interface Follower {
  /** The next offset that will be asked for. */
  position(): bigint;
  /** Drops what was fetched and not delivered; the next delivery starts at `offset`. */
  seek(offset: bigint): void;
  pause(): void;
  resume(): void;
  /** Resolves when no handler of this follower runs and none will. */
  stop(): Promise<void>;
}

/** What a member owns, sent to the group's leader so that ownership sticks to the highest claim (PROTOCOL 3.2). */
export interface OwnedPartition {
  readonly partition: number;
  readonly epoch: bigint;
}

export interface JoinOptions {
  readonly group: string;
  /** Co-partitioned topics: partition p of all of them goes to one member. */
  readonly topics: readonly string[];
  /** Asked at each (re)join. */
  owned(): readonly OwnedPartition[];
  /** Another rule than the log's own: see `assignment` in the adapter's options. The same in all members. */
  readonly assignment?: "claims" | "balanced";
  /** The whole assignment after each rebalance; a partition given back to its owner is simply listed again. */
  onAssignment(partitions: readonly number[], generation: number): void;
  /** The member was removed or cannot reach the group; it owns nothing until the next `onAssignment`. */
  onLost(reason: string): void;
}

export interface Membership {
  readonly memberName: string;
  /** Successful group heartbeats in the current generation. */
  heartbeats(): { readonly generation: number; readonly count: number };
  /** For lag tools only; never read back. */
  commit(topic: string, positions: ReadonlyMap<number, bigint>): Promise<void>;
  leave(): Promise<void>;
}

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  readonly config: Readonly<Record<string, string>>;
}

export interface Capabilities {
  readonly adapter: "kafka" | "embedded";
  /** Several processes may be members of a group. */
  readonly groups: boolean;
  /** The log survives a restart of this process. */
  readonly durable: boolean;
}

export interface EventLog {
  readonly capabilities: Capabilities;
  /** Creates what is missing, verifies what is there (partition count, config); never shrinks or deletes. */
  ensureTopics(specs: readonly TopicSpec[]): Promise<void>;
  listTopics(): Promise<readonly string[]>;
  partitionCount(topic: string): Promise<number>;
  /** Asked anew each time. Rejects with BUSBAR_NOT_FOUND. */
  topicSettings(topic: string): Promise<TopicSettings>;
  openAppender(topic: string, partition: number): Promise<Appender>;
  /** One outcome for each publication, in order. What arrives together is sent together. */
  publish(publications: readonly Publication[]): Promise<readonly AppendOutcome[]>;
  offsets(topic: string, partition: number): Promise<{ readonly low: bigint; readonly end: bigint }>;
  /** First offset whose timestamp is at or after `atMs`; the end where there is none. */
  offsetAt(topic: string, partition: number, atMs: number): Promise<bigint>;
  /** Reads [from, to); `to` defaults to the end at the time of the call. */
  read(
    topic: string,
    partition: number,
    range: { readonly from: bigint; readonly to?: bigint },
  ): AsyncIterable<Delivery>;
  follow(options: FollowOptions): Follower;
  join(options: JoinOptions): Promise<Membership>;
  /** Group positions as committed (for an agent's inbox, which is committed on receipt); null where none. */
  committed(group: string, topic: string, partition: number): Promise<bigint | null>;
  close(): Promise<void>;
}
