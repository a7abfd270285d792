/**
 * A supervisor: both stages for the partitions that its group gives it, and their heartbeats. Several share the work;
 * two at once do no harm: signals are dropped by their place, orders by their cause.
 */
import type { Codec } from "@busbar/events/codec";
import type { EventLog, Membership, Publication } from "@busbar/log";
import type { Logger, Metrics } from "@busbar/telemetry";
import { createCheckpointStore } from "../checkpoint.ts";
import { createDirectiveFeed, type DirectiveFeed } from "../feeds.ts";
import { metaWith } from "../meta.ts";
import {
  type Clock,
  type Compression,
  type Keyring,
  SYSTEM_CLOCK,
  SYSTEM_COMPRESSION,
  SYSTEM_TIMERS,
  type Timers,
} from "../ports.ts";
import { checkTopicsKeep } from "../start-check.ts";
import { topicNames, type TopicNames } from "../topic-names.ts";
import {
  createPace,
  DEFAULT_SUPERVISOR_SETTINGS,
  type StageOptions,
  type SupervisorSettings,
} from "./stage-options.ts";
import { StageOne } from "./stage-one.ts";
import { StageTwo } from "./stage-two.ts";
import { signedPublication } from "../signed-publication.ts";

export interface SupervisorOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly keyring: Keyring;
  /** Unique name of this process. */
  readonly name: string;
  readonly prefix?: string;
  readonly namespace?: string;
  readonly clock?: Clock;
  readonly timers?: Timers;
  readonly compression?: Compression;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly settings?: Partial<SupervisorSettings>;
}

const STAGE_RETRY_MS = 500;

interface Stages {
  readonly one: StageOne;
  readonly two: StageTwo;
  readonly started: Promise<void>;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #settings: SupervisorSettings;
  readonly #pace: () => Promise<void>;
  readonly #topics: TopicNames;
  readonly #clock: Clock;
  readonly #stages = new Map<number, Stages>();
  #directives: DirectiveFeed | null = null;
  #membership: Membership | null = null;
  #partitionCount = 0;
  readonly #timers: Timers;
  #cancelBeat: () => void = () => undefined;
  #isBeating = false;
  #isStopping = false;
  #assigned: readonly number[] = [];

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#settings = { ...DEFAULT_SUPERVISOR_SETTINGS, ...options.settings };
    this.#timers = options.timers ?? SYSTEM_TIMERS;
    this.#pace = createPace(this.#timers, this.#settings.paceMs);
    this.#topics = topicNames(options.prefix);
    this.#clock = options.clock ?? SYSTEM_CLOCK;
  }

  async start(): Promise<void> {
    const { log, codec, keyring, logger } = this.#options;
    const { events, signals } = this.#topics;
    const topic = this.#topics.directives;
    await checkTopicsKeep({ log, logger, flushed: [events, topic], read: [signals] });
    const feed = { log, codec, keyring, logger, clock: this.#clock, timers: this.#timers };
    this.#directives = await createDirectiveFeed({ ...feed, topic });
    await this.#directives.ready();
    this.#partitionCount = await log.partitionCount(this.#topics.events);
    this.#membership = await log.join({
      group: `${this.#options.prefix ?? "busbar"}.supervisor`,
      topics: [this.#topics.events, this.#topics.signals],
      owned: () => [...this.#stages.keys()].map((partition) => ({ partition, epoch: 1n })),
      onAssignment: (partitions) => this.#onAssignment(partitions),
      onLost: (reason) => logger.warn({ reason }, "the group gave us up; reading goes on, which does no harm"),
    });
    this.#cancelBeat = this.#timers.every(this.#settings.heartbeatMs, () => void this.#beat());
  }

  #onAssignment(partitions: readonly number[]): void {
    const { logger } = this.#options;
    if (this.#isStopping) return;
    this.#assigned = partitions;
    for (const [partition, stages] of this.#stages) {
      if (partitions.includes(partition)) continue;
      this.#stages.delete(partition);
      void stop(stages);
    }
    for (const partition of partitions) {
      if (this.#stages.has(partition)) continue;
      const stages = this.#build(partition);
      this.#stages.set(partition, stages);
      stages.started.catch((error: unknown) => {
        logger.warn({ err: error, partition }, "a stage did not start; it is tried again");
        if (this.#stages.get(partition) !== stages) return;
        this.#stages.delete(partition);
        // Nobody else would: without its beats the door of this partition stays shut until the next rebalance.
        this.#timers.after(STAGE_RETRY_MS, () => this.#onAssignment(this.#assigned));
      });
    }
  }

  #build(partition: number): Stages {
    const { log, codec, keyring, name, namespace, logger, metrics } = this.#options;
    const directives = this.#directives;
    if (directives === null) throw new Error("a supervisor is started before it is assigned partitions");
    const options: StageOptions = {
      log,
      codec,
      keyring,
      name,
      logger,
      metrics,
      partition,
      directives,
      topics: this.#topics,
      partitionCount: this.#partitionCount,
      namespace: namespace ?? "",
      clock: this.#clock,
      timers: this.#timers,
      checkpoints: createCheckpointStore(log, this.#topics.checkpoints, {
        timers: this.#timers,
        compression: this.#options.compression ?? SYSTEM_COMPRESSION,
      }),
      settings: this.#settings,
      pace: this.#pace,
    };
    const one = new StageOne(options);
    const two = new StageTwo(options, () => one.policy());
    const started = one.start().then(() => two.start());
    return { one, two, started };
  }

  /** One beat per supervised partition; a beat that is late is worth nothing, so none is sent twice. */
  async #beat(): Promise<void> {
    const directives = this.#directives;
    if (this.#isBeating || directives === null || this.#stages.size === 0) return;
    this.#isBeating = true;
    const beats = [...this.#stages].flatMap(([partition, stages]) =>
      this.#beatsOf(partition, stages, directives.end()),
    );
    try {
      await this.#options.log.publish(beats);
    } finally {
      this.#isBeating = false;
    }
  }

  #beatsOf(partition: number, { one, two }: Stages, directivesEnd: bigint): readonly Publication[] {
    const { codec, keyring, name, namespace } = this.#options;
    const { eventsThrough, claimOffset, claimNonce } = one.beat();
    const sentAtMs = this.#clock.nowMs();
    const common = {
      supervisor: name,
      partition,
      directivesEnd: directivesEnd.toString(),
      claimOffset,
      claimNonce,
      sentAtMs,
    };
    return (["events", "signals"] as const).map((stream) => {
      const through = stream === "events" ? eventsThrough : two.through();
      const meta = metaWith({
        eventId: `${name}/${stream}/${partition}/${sentAtMs}`,
        atMs: sentAtMs,
        namespace: namespace ?? "",
      });
      const lastOffset = through > 0n ? (through - 1n).toString() : "";
      const value = codec.encode("SupervisorHeartbeat", {
        meta,
        ...common,
        stream,
        eventsThrough: through.toString(),
        lastOffset,
      });
      return signedPublication(keyring, {
        topic: this.#topics.heartbeats,
        principal: `supervisor:${name}`,
        type: "SupervisorHeartbeat",
        key: `${name}/${stream}/${partition}`,
        value,
      });
    });
  }

  partitions(): readonly number[] {
    return [...this.#stages.keys()].sort((left, right) => left - right);
  }

  isReady(): boolean {
    return this.#stages.size > 0;
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#cancelBeat();
    await this.#membership?.leave();
    await Promise.all([...this.#stages.values()].map(stop));
    await this.#directives?.stop();
  }
}

async function stop(stages: Stages): Promise<void> {
  await stages.started.catch(() => undefined);
  await stages.one.stop();
  await stages.two.stop();
}
