/**
 * A gateway: the doors of the partitions that the group gives to this process. Everything it needs comes in through
 * its options, so the service, the embedded bus and the tests run the same one.
 */
import type { Codec } from "@busbar/events/codec";
import type { ToolDigest } from "@busbar/events";
import type { EventLog, Membership } from "@busbar/log";
import { narrowCaps, type PartitionState, type Policy } from "@busbar/policy";
import type { Logger, Metrics } from "@busbar/telemetry";
import { createCheckpointStore } from "./checkpoint.ts";
import { createRunningCalls, type RunningCalls } from "./door/executor.ts";
import { DEFAULT_OWNER_SETTINGS, type OwnerOptions, type OwnerSettings } from "./door/owner-options.ts";
import { PartitionOwner } from "./door/owner.ts";
import { type DoorStatus, statusOf } from "./door/door-status.ts";
import { createDirectiveFeed, createLifeFeed, type DirectiveFeed, type LifeFeed } from "./feeds.ts";
import {
  type Chance,
  type Clock,
  type Compression,
  type Keyring,
  SYSTEM_CHANCE,
  SYSTEM_CLOCK,
  SYSTEM_COMPRESSION,
  SYSTEM_TIMERS,
  type Timers,
  type Toolbox,
} from "./ports.ts";
import { type DoorLife, gatewayBeat, publishPolicy } from "./gateway-messages.ts";
import { NO_NOTICES, type NoticeBoard } from "./people/notices.ts";
import { createSchemaCheck } from "./schema-check.ts";
import { Takeovers } from "./takeover.ts";
import { checkTopicsKeep } from "./start-check.ts";
import { topicNames, type TopicNames } from "./topic-names.ts";

export interface GatewayOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly toolbox: Toolbox;
  readonly keyring: Keyring;
  readonly policy: Policy;
  /** Manifest digest of each tool that the toolbox has; absent: nothing is compared with the policy in force. */
  readonly tools?: readonly ToolDigest[];
  /** Unique name of this process, as it stands in claims. */
  readonly owner: string;
  readonly prefix?: string;
  readonly namespace?: string;
  readonly codeVersion?: string;
  readonly clock?: Clock;
  readonly timers?: Timers;
  readonly compression?: Compression;
  readonly chance?: Chance;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly settings?: Partial<OwnerSettings>;
  /** Who is told that something waits for a person; default: nobody. */
  readonly notices?: NoticeBoard;
}

/** A member whose last successful group heartbeat is older than this does not claim or open, ms. */
const MEMBER_BOUND_MS = 2000;
const BEAT_CHECK_MS = 100;
const LAG_COMMIT_MS = 2000;

/** What all owners of this gateway are given. */
interface CommonOptions extends Omit<OwnerOptions, "partition" | "running" | "mayClaim"> {
  mayClaim(claimant: string, isOrdered: boolean): boolean;
}

export class Gateway {
  readonly #options: GatewayOptions;
  readonly #topics: TopicNames;
  readonly #clock: Clock;
  readonly #owners = new Map<number, PartitionOwner>();
  /** Owners that were told to stop: a partition that comes back waits for its old owner's end. */
  readonly #stopping = new Map<number, Promise<void>>();
  /** Calls that this process runs, by partition. */
  readonly #running = new Map<number, RunningCalls>();
  #membership: Membership | null = null;
  #feeds: { readonly directives: DirectiveFeed; readonly life: LifeFeed } | null = null;
  #ownerOptions: CommonOptions | null = null;
  #assigned: ReadonlySet<number> = new Set();
  #beats = { generation: -1, count: -1 };
  #lastBeatMs = 0;
  readonly #timers: Timers;
  readonly #settings: OwnerSettings;
  #takeovers: Takeovers | null = null;
  #isJoined = false;
  #isBeating = false;
  #cancelTimers: () => void = () => undefined;
  #isStopping = false;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#topics = topicNames(options.prefix);
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#timers = options.timers ?? SYSTEM_TIMERS;
    this.#settings = { ...DEFAULT_OWNER_SETTINGS, ...options.settings };
  }

  async start(): Promise<void> {
    const { log, codec, keyring, logger } = this.#options;
    const { events, directives: orders, commands, control } = this.#topics;
    await checkTopicsKeep({ log, logger, flushed: [events, orders], read: [commands, control] });
    const clock = this.#clock;
    const feed = { log, codec, keyring, logger, clock, timers: this.#timers };
    const directives = await createDirectiveFeed({ ...feed, topic: this.#topics.directives });
    const life = await createLifeFeed({ ...feed, topic: this.#topics.heartbeats });
    this.#feeds = { directives, life };
    const { takeoverMs } = this.#settings;
    this.#takeovers = new Takeovers(life.lives, this.#options.owner, {
      silenceMs: takeoverMs,
      stepMs: takeoverMs / 2,
    });
    await directives.ready();
    await publishPolicy(this.#options, this.#topics, directives, clock.nowMs());
    this.#ownerOptions = await this.#buildOwnerOptions(directives, life);
    const { partitionCount } = this.#ownerOptions;
    for (const { key, reason } of narrowCaps(this.#options.policy.caps, partitionCount)) logger.warn({ key }, reason);
    const ends = [
      this.#timers.every(BEAT_CHECK_MS, () => this.#watchBeats()),
      this.#timers.every(this.#settings.beatMs, () => void this.#beat()),
      this.#timers.every(BEAT_CHECK_MS / 2, () => this.#watchSilence()),
      this.#timers.every(LAG_COMMIT_MS, () => void this.#commitLag()),
    ];
    this.#cancelTimers = () => ends.forEach((end) => end());
    this.#membership = await log.join({
      group: `${this.#options.prefix ?? "busbar"}.gateway`,
      topics: [this.#topics.commands, this.#topics.control],
      owned: () => this.#owned(),
      onAssignment: (partitions) => this.#onAssignment(partitions),
      onLost: (reason) => {
        this.#assigned = new Set();
        this.#isJoined = false;
        logger.warn({ reason }, "the group gave us up; what we hold we keep until a higher claim");
      },
    });
  }

  async #buildOwnerOptions(directives: DirectiveFeed, life: LifeFeed): Promise<CommonOptions> {
    const { log, codec, toolbox, keyring, owner, logger, metrics } = this.#options;
    return {
      log,
      codec,
      toolbox,
      tools: this.#options.tools ?? [],
      keyring,
      owner,
      logger,
      metrics,
      directives,
      life,
      topics: this.#topics,
      partitionCount: await log.partitionCount(this.#topics.events),
      namespace: this.#options.namespace ?? "",
      codeVersion: this.#options.codeVersion ?? "",
      clock: this.#clock,
      timers: this.#timers,
      chance: this.#options.chance ?? SYSTEM_CHANCE,
      checkpoints: createCheckpointStore(log, this.#topics.checkpoints, {
        timers: this.#timers,
        compression: this.#options.compression ?? SYSTEM_COMPRESSION,
      }),
      settings: this.#settings,
      notices: this.#options.notices ?? NO_NOTICES,
      check: createSchemaCheck(),
      isMember: () => this.#isMember(),
      mayClaim: (claimant, isOrdered) =>
        isOrdered || claimant === owner || !life.lives.isLive(claimant, this.#settings.takeoverMs),
      isGone: (claimant) => life.lives.isGone(claimant, this.#settings.takeoverMs),
      onYield: (partition) => this.#yield(partition),
      onFailed: (partition) =>
        logger.error({ partition }, "this partition stays shut until a person acts: npx busbar doctor"),
    };
  }

  #owned(): readonly { readonly partition: number; readonly epoch: bigint }[] {
    return [...this.#owners.values()].flatMap((owner) => {
      const epoch = owner.epoch();
      return epoch === null ? [] : [{ partition: owner.partition, epoch }];
    });
  }

  /** Positions for whoever watches consumer lag. Nothing is ever read back: the owner's own records hold them. */
  async #commitLag(): Promise<void> {
    const commands = new Map<number, bigint>();
    const control = new Map<number, bigint>();
    for (const owner of this.#owners.values()) {
      const inputs = owner.state()?.inputs;
      if (inputs === undefined || !this.#assigned.has(owner.partition)) continue;
      commands.set(owner.partition, BigInt(inputs.commands));
      control.set(owner.partition, BigInt(inputs.control));
    }
    try {
      if (commands.size > 0) await this.#membership?.commit(this.#topics.commands, commands);
      if (control.size > 0) await this.#membership?.commit(this.#topics.control, control);
    } catch (error) {
      this.#options.logger.debug({ err: error }, "positions for lag tools were not committed");
    }
  }

  #watchBeats(): void {
    const beats = this.#membership?.heartbeats();
    const isStatic = !this.#options.log.capabilities.groups;
    if (beats === undefined && !isStatic) return;
    const isNew =
      beats === undefined || beats.count !== this.#beats.count || beats.generation !== this.#beats.generation;
    if (beats !== undefined) this.#beats = { ...beats };
    if (isNew || isStatic) this.#lastBeatMs = this.#clock.monotonicMs();
  }

  /** Our own heartbeats arrive: those of the group, or those that the log brings back to us. Liveness only. */
  #isMember(): boolean {
    const nowMs = this.#clock.monotonicMs();
    const isHeard = this.#isJoined && nowMs - this.#lastBeatMs <= MEMBER_BOUND_MS;
    return isHeard || nowMs - (this.#feeds?.life.gatewayReadMs(this.#options.owner) ?? -Infinity) <= MEMBER_BOUND_MS;
  }

  /** That this process lives, and what it holds; one that is late is worth nothing, so none is sent twice. */
  async #beat(): Promise<void> {
    if (this.#isBeating) return;
    this.#isBeating = true;
    try {
      await this.#options.log.publish([
        gatewayBeat({ ...this.#options, topics: this.#topics, nowMs: this.#clock.nowMs(), doors: this.#doorLives() }),
      ]);
    } catch (error) {
      this.#options.logger.debug({ err: error }, "a heartbeat was not sent");
    } finally {
      this.#isBeating = false;
    }
  }

  /** What we hold, load, or still drain: nobody takes that over while we live. */
  #doorLives(): readonly DoorLife[] {
    const held = [...this.#owners.values()].map((owner) => ({
      partition: owner.partition,
      claimOffset: owner.epoch()?.toString() ?? "",
      lifecycle: owner.lifecycle(),
      failure: owner.failure()?.message ?? "",
      next: owner.failure()?.next ?? "",
    }));
    const draining = [...this.#stopping.keys()].filter((partition) => !this.#owners.has(partition));
    return [
      ...held,
      ...draining.map((partition) => ({ partition, claimOffset: "", lifecycle: "closed", failure: "", next: "" })),
    ];
  }

  /** Partitions whose owner is silent: the group notices later, and the claim decides, not the group (ADR 0013). */
  #watchSilence(): void {
    const takeovers = this.#takeovers;
    if (takeovers === null || this.#isStopping || !this.#isMember()) return;
    const nowMs = this.#clock.monotonicMs();
    for (let partition = 0; partition < (this.#ownerOptions?.partitionCount ?? 0); partition += 1) {
      if (this.#owners.has(partition) || this.#stopping.has(partition)) continue;
      const isAssigned = this.#assigned.has(partition);
      if (!takeovers.isDue(partition, isAssigned, nowMs)) continue;
      takeovers.took(partition, nowMs);
      this.#options.logger.warn({ partition }, "its owner is silent: this gateway takes the partition over");
      this.#own(partition, false);
    }
  }

  /** Another gateway, which lives, claimed what we held: it keeps it, whatever the group still says. */
  #yield(partition: number): void {
    const owner = this.#owners.get(partition);
    if (owner === undefined) return;
    this.#options.logger.warn({ partition }, "another gateway holds the partition: it is left to it");
    this.#end(partition, owner, false);
  }

  #onAssignment(partitions: readonly number[]): void {
    if (this.#isStopping) return;
    this.#assigned = new Set(partitions);
    this.#isJoined = true;
    this.#lastBeatMs = this.#clock.monotonicMs();
    for (const [partition, owner] of this.#owners) {
      if (!this.#assigned.has(partition)) this.#giveAway(partition, owner);
    }
    for (const partition of partitions) {
      // Given back to its owner: nothing changes (PROTOCOL 3.2).
      if (!this.#owners.has(partition)) void this.#take(partition);
    }
  }

  #giveAway(partition: number, owner: PartitionOwner): void {
    this.#end(partition, owner, true);
  }

  #end(partition: number, owner: PartitionOwner, release: boolean): void {
    this.#owners.delete(partition);
    const done = owner.stop({ release }).catch((error: unknown) => {
      this.#options.logger.error({ err: error, partition }, "stopping an owner failed");
    });
    const ended = done.finally(() => {
      if (this.#stopping.get(partition) === ended) this.#stopping.delete(partition);
    });
    this.#stopping.set(partition, ended);
  }

  async #take(partition: number): Promise<void> {
    await this.#stopping.get(partition);
    if (this.#assigned.has(partition)) this.#own(partition, true);
  }

  /** `isOrdered`: the group has just given it to us, so its live owner gives it up, or is superseded. */
  #own(partition: number, isOrdered: boolean): void {
    const options = this.#ownerOptions;
    if (options === null || this.#isStopping || this.#owners.has(partition)) return;
    const running = this.#running.get(partition) ?? createRunningCalls();
    this.#running.set(partition, running);
    const { mayClaim, ...common } = options;
    const owner = new PartitionOwner({
      ...common,
      partition,
      running,
      mayClaim: (claimant, hasHeld) => mayClaim(claimant, isOrdered && !hasHeld),
    });
    this.#owners.set(partition, owner);
    owner.start();
  }

  doors(): readonly DoorStatus[] {
    const partitionCount = this.#ownerOptions?.partitionCount ?? 1;
    return [...this.#owners.values()].map((owner) => statusOf(owner, this.#clock.nowMs(), partitionCount));
  }

  /** The state of a partition as its owner here decides by it, not to be changed; null where there is none. */
  stateOf(partition: number): PartitionState | null {
    return this.#owners.get(partition)?.state() ?? null;
  }

  /** Every assigned partition is loaded here, or held by another gateway that lives; and so is what was taken over. */
  isReady(): boolean {
    const { takeoverMs } = this.#settings;
    const lives = this.#feeds?.life.lives;
    const isHeld = (partition: number): boolean => (lives?.silenceMs(partition) ?? Infinity) < takeoverMs;
    const isServed = [...this.#assigned].every((partition) => this.#owners.has(partition) || isHeld(partition));
    const isLoaded = [...this.#owners.values()].every((one) => one.lifecycle() === "active");
    return this.#assigned.size > 0 && isServed && isLoaded;
  }

  /** Releases every partition, so that a successor claims at once. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all([...this.#owners.values()].map((owner) => owner.stop({ release: true })));
    await Promise.all(this.#stopping.values());
    this.#cancelTimers();
    await this.#membership?.leave();
    await this.#feeds?.directives.stop();
    await this.#feeds?.life.stop();
  }
}
