/** What the owner of a partition is given, and the bounds that it keeps. Every number is overridable for tests. */
import type { ToolDigest } from "@busbar/events";
import type { Codec } from "@busbar/events/codec";
import type { Json } from "@busbar/kernel";
import type { EventLog } from "@busbar/log";
import type { Logger, Metrics } from "@busbar/telemetry";
import type { CheckpointStore } from "../checkpoint.ts";
import type { DirectiveFeed, LifeFeed } from "../feeds.ts";
import type { NoticeBoard } from "../people/notices.ts";
import type { Chance, Clock, Keyring, Timers, Toolbox } from "../ports.ts";
import type { TopicNames } from "../topic-names.ts";
import type { RunningCalls } from "./executor.ts";

export interface OwnerSettings {
  /** A supervisor's heartbeat older than this degrades the door, ms. */
  readonly heartbeatStaleMs: number;
  /** Largest difference between our clock and the broker's append time, ms. */
  readonly clockBoundMs: number;
  /** A chain without a sign of life for this long is assigned again, ms. */
  readonly lifeBoundMs: number;
  readonly tickMs: number;
  /** How often an idle owner compares its end with the log's, ms. */
  readonly idleCheckMs: number;
  /** How long a loser waits for its running calls, and again for their records; a successor waits for both, ms. */
  readonly drainMs: number;
  /** Commands waiting before their follower is paused. */
  readonly queueHigh: number;
  /** Bytes of arguments that stand aside, of commands waiting, before their follower is paused. */
  readonly contentHighBytes: number;
  /** Operators' answers waiting before their follower is paused. */
  readonly controlHigh: number;
  /** How long a new owner waits for the answers that are there before it takes the first command, ms. */
  readonly controlReadMs: number;
  /** Bytes and inputs after which a turn is closed. */
  readonly turnBytes: number;
  readonly turnInputs: number;
  /** Valid events between two checkpoints. */
  readonly checkpointEvery: number;
  /** Between two heartbeats of a gateway, ms. */
  readonly beatMs: number;
  /** Silence of its owner after which a partition is taken over, ms. */
  readonly takeoverMs: number;
  /** Gaps of input topics that a person looked at, as `<topic>/<partition>@<first kept offset>`. */
  readonly acceptedGaps: readonly string[];
  /** First wait before a sub-task is asked for again, ms; it doubles up to a minute. */
  readonly childAskMs: number;
}

export const DEFAULT_OWNER_SETTINGS: OwnerSettings = {
  heartbeatStaleMs: 5000,
  clockBoundMs: 10_000,
  lifeBoundMs: 3000,
  tickMs: 100,
  idleCheckMs: 1000,
  drainMs: 5000,
  queueHigh: 4096,
  contentHighBytes: 32 * 1024 * 1024,
  controlHigh: 256,
  controlReadMs: 1000,
  turnBytes: 512 * 1024,
  turnInputs: 512,
  checkpointEvery: 5000,
  beatMs: 200,
  takeoverMs: 1000,
  acceptedGaps: [],
  childAskMs: 2000,
};

export interface OwnerOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topics: TopicNames;
  readonly partition: number;
  readonly partitionCount: number;
  readonly owner: string;
  readonly namespace: string;
  readonly codeVersion: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly chance: Chance;
  readonly toolbox: Toolbox;
  /** What is loaded here, by the digest of its manifest; empty: nobody compares it with the policy. */
  readonly tools: readonly ToolDigest[];
  /** What this process runs of the partition; outlives the owner. */
  readonly running: RunningCalls;
  readonly keyring: Keyring;
  readonly directives: DirectiveFeed;
  readonly life: LifeFeed;
  readonly checkpoints: CheckpointStore;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly settings: OwnerSettings;
  /** Who is told that something waits for a person. */
  readonly notices: NoticeBoard;
  check(schema: Json, value: Json): string | null;
  /** A successful group heartbeat lies after the last call of this, in the same generation (liveness only). */
  isMember(): boolean;
  /**
   * Whether to claim, when the last claim is of `claimant` and stands: not against a live gateway that has taken the
   * partition from us, or was faster (ADR 0013). `hasHeld`: this owner has held a claim before.
   */
  mayClaim(claimant: string, hasHeld: boolean): boolean;
  /** The claimant is known to be silent: nobody waits for its release. */
  isGone(claimant: string): boolean;
  /** Another gateway holds the partition: this owner ends. */
  onYield(partition: number): void;
  /** This partition fails closed; a person acts. */
  onFailed(partition: number): void;
}
