/** What the two stages of a supervisor share. */
import type { Codec } from "@busbar/events/codec";
import type { EventLog, Publication } from "@busbar/log";
import type { Logger, Metrics } from "@busbar/telemetry";
import type { CheckpointStore } from "../checkpoint.ts";
import type { DirectiveFeed } from "../feeds.ts";
import { type Clock, type Keyring, pause, type Timers } from "../ports.ts";
import type { TopicNames } from "../topic-names.ts";

export interface SupervisorSettings {
  readonly heartbeatMs: number;
  /** Shortest time between two deliveries to a stage, ms: what a breaker may come later, and what few records share. */
  readonly paceMs: number;
  readonly tickMs: number;
  /** Records between two checkpoints of a stage. */
  readonly checkpointEvery: number;
}

export const DEFAULT_SUPERVISOR_SETTINGS: SupervisorSettings = {
  heartbeatMs: 200,
  paceMs: 20,
  tickMs: 200,
  checkpointEvery: 5000,
};

export interface StageOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topics: TopicNames;
  readonly partition: number;
  readonly partitionCount: number;
  /** Name of this supervisor. */
  readonly name: string;
  readonly namespace: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly keyring: Keyring;
  readonly directives: DirectiveFeed;
  readonly checkpoints: CheckpointStore;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly settings: SupervisorSettings;
  /** Awaited at the end of each delivery; all stages that wait go on together, so that one fetch serves them. */
  readonly pace: () => Promise<void>;
}

/** A pause that everybody who asks during it shares. */
export function createPace(timers: Pick<Timers, "after">, paceMs: number): () => Promise<void> {
  let shared: Promise<void> | null = null;
  return () => {
    shared ??= pause(timers, paceMs).then(() => {
      shared = null;
    });
    return shared;
  };
}

const RETRY_MS = 50;

/** Publishes in order until the log has it all; said twice it is dropped by its receivers. */
export async function publishAll(
  { log, timers }: Pick<StageOptions, "log" | "timers">,
  publications: readonly Publication[],
  isStopped: () => boolean,
): Promise<void> {
  let rest = publications;
  while (rest.length > 0 && !isStopped()) {
    const outcomes = await log.publish(rest);
    // From the first unknown one on, so that what a receiver sees stays in order.
    const first = outcomes.findIndex((outcome) => outcome.kind === "unknown");
    if (first < 0) return;
    rest = rest.slice(first);
    await pause(timers, RETRY_MS);
  }
}
