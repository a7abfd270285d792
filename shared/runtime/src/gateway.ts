/**
 * A gateway: the doors of the partitions that the group gives to this process. Everything it needs comes in through
 * its options, so the service, the embedded bus and the tests run the same one.
 */
import type { Codec } from "@busbar/events/codec";
import { type AppliedDirective, HEADER, type ToolDigest } from "@busbar/events";
import { isJsonObject, parseJson } from "@busbar/kernel";
import type { EventLog, Membership } from "@busbar/log";
import { type PartitionState, type Policy, policyHash, withDeployedRows } from "@busbar/policy";
import type { Logger, Metrics } from "@busbar/telemetry";
import { createCheckpointStore } from "./checkpoint.ts";
import { createRunningCalls, type RunningCalls } from "./door/executor.ts";
import { DEFAULT_OWNER_SETTINGS, type OwnerOptions, type OwnerSettings } from "./door/owner-options.ts";
import { PartitionOwner } from "./door/owner.ts";
import { createDirectiveFeed, createLifeFeed, type DirectiveFeed, type LifeFeed } from "./feeds.ts";
import type { Lifecycle } from "./loop.ts";
import { metaWith } from "./meta.ts";
import { policyBody } from "./policy-body.ts";
import {
  type Chance,
  type Clock,
  type Keyring,
  SYSTEM_CHANCE,
  SYSTEM_CLOCK,
  SYSTEM_TIMERS,
  type Timers,
  type Toolbox,
} from "./ports.ts";
import { createSchemaCheck } from "./schema-check.ts";
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
  readonly chance?: Chance;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly settings?: Partial<OwnerSettings>;
}

export interface DoorStatus {
  readonly partition: number;
  readonly lifecycle: Lifecycle;
  readonly door: PartitionState["door"] | "none";
  readonly reason: string;
  readonly epoch: string;
  readonly end: string;
  readonly openChains: number;
}

/** Its principal is the one who signed it. */
function isOfPerson({ detail }: AppliedDirective): boolean {
  const body = parseJson(detail);
  return isJsonObject(body) && typeof body["by"] === "string" && body["by"].startsWith("operator:");
}

/** A member whose last successful group heartbeat is older than this does not claim or open, ms. */
const MEMBER_BOUND_MS = 2000;
const BEAT_CHECK_MS = 100;
const LAG_COMMIT_MS = 2000;

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
  #ownerOptions: Omit<OwnerOptions, "partition" | "running"> | null = null;
  #assigned: ReadonlySet<number> = new Set();
  #beats = { generation: -1, count: -1 };
  #lastBeatMs = 0;
  readonly #timers: Timers;
  #cancelTimers: () => void = () => undefined;
  #isStopping = false;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#topics = topicNames(options.prefix);
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#timers = options.timers ?? SYSTEM_TIMERS;
  }

  async start(): Promise<void> {
    const { log, codec, keyring, logger } = this.#options;
    const clock = this.#clock;
    const feed = { log, codec, keyring, logger, clock, timers: this.#timers };
    const directives = await createDirectiveFeed({ ...feed, topic: this.#topics.directives });
    const life = await createLifeFeed({ ...feed, topic: this.#topics.heartbeats });
    this.#feeds = { directives, life };
    await directives.ready();
    await this.#publishPolicy(directives);
    this.#ownerOptions = await this.#buildOwnerOptions(directives, life);
    const ends = [
      this.#timers.every(BEAT_CHECK_MS, () => this.#watchBeats()),
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
        logger.warn({ reason }, "the group gave us up; what we hold we keep until a higher claim");
      },
    });
  }

  async #buildOwnerOptions(
    directives: DirectiveFeed,
    life: LifeFeed,
  ): Promise<Omit<OwnerOptions, "partition" | "running">> {
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
      checkpoints: createCheckpointStore(log, this.#topics.checkpoints),
      settings: { ...DEFAULT_OWNER_SETTINGS, ...this.#options.settings },
      check: createSchemaCheck(),
      isMember: () => this.#assigned.size > 0 && this.#clock.monotonicMs() - this.#lastBeatMs <= MEMBER_BOUND_MS,
      onFailed: (partition) =>
        logger.error({ partition }, "this partition stays shut until a person acts: npx busbar doctor"),
    };
  }

  /** Puts our policy on the log unless it is the one in force: nothing decides before it is a record there. */
  async #publishPolicy(directives: DirectiveFeed): Promise<void> {
    const { codec, keyring, log, logger, owner, namespace } = this.#options;
    const { applied } = directives.since(0n);
    const policy = withDeployedRows(this.#options.policy, applied);
    const hash = policyHash(policy);
    const inForce = applied.findLast(({ kind }) => kind === "SetPolicy");
    if (inForce?.id === hash) return;
    if (inForce !== undefined && isOfPerson(inForce)) {
      logger.warn({ inForce: inForce.id, ours: hash }, "a person put another policy in force: it stays");
      return;
    }
    const principal = `gateway:${owner}`;
    const meta = metaWith({
      eventId: `${owner}/policy/${hash}`,
      atMs: this.#clock.nowMs(),
      namespace: namespace ?? "",
    });
    const body = { ...policyBody(policy), reason: "the project of this gateway", by: principal };
    const value = codec.encode("SetPolicy", { meta, ...body });
    const sig = keyring.signOrder({ topic: this.#topics.directives, principal, value });
    const headers = { [HEADER.type]: "SetPolicy", [HEADER.principal]: principal, [HEADER.sig]: sig };
    const publication = { topic: this.#topics.directives, partition: 0, record: { key: "policy", value, headers } };
    // Said twice it is the same policy twice.
    for (let isUnknown = true; isUnknown;) {
      const [outcome] = await log.publish([publication]);
      if (outcome?.kind === "refused") throw outcome.error;
      isUnknown = outcome?.kind !== "appended";
    }
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
      if (inputs === undefined) continue;
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

  #onAssignment(partitions: readonly number[]): void {
    if (this.#isStopping) return;
    this.#assigned = new Set(partitions);
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
    this.#owners.delete(partition);
    const done = owner.stop({ release: true }).catch((error: unknown) => {
      this.#options.logger.error({ err: error, partition }, "stopping an owner failed");
    });
    const ended = done.finally(() => {
      if (this.#stopping.get(partition) === ended) this.#stopping.delete(partition);
    });
    this.#stopping.set(partition, ended);
  }

  async #take(partition: number): Promise<void> {
    await this.#stopping.get(partition);
    const options = this.#ownerOptions;
    if (options === null || this.#isStopping || !this.#assigned.has(partition) || this.#owners.has(partition)) return;
    const running = this.#running.get(partition) ?? createRunningCalls();
    this.#running.set(partition, running);
    const owner = new PartitionOwner({ ...options, partition, running });
    this.#owners.set(partition, owner);
    owner.start();
  }

  doors(): readonly DoorStatus[] {
    return [...this.#owners.values()].map((owner) => {
      const state = owner.state();
      return {
        partition: owner.partition,
        lifecycle: owner.lifecycle(),
        door: state?.door ?? "none",
        reason: state?.doorReason ?? "loading",
        epoch: owner.epoch()?.toString() ?? "",
        end: state?.end ?? "",
        openChains: state?.openChains ?? 0,
      };
    });
  }

  /** Every assigned partition is loaded. */
  isReady(): boolean {
    const owners = [...this.#owners.values()];
    return (
      this.#assigned.size > 0 &&
      owners.length === this.#assigned.size &&
      owners.every((one) => one.lifecycle() === "active")
    );
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
