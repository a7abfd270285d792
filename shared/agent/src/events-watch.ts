/**
 * Follows one events partition for a client: valid events only, by the placement rule, handed to who listens for their
 * chain. It starts in mid-log with the claim in force there (PROTOCOL 2.3).
 */
import { type BusEvent, HEADER, initialPlacement, place, type PlacementState } from "@busbar/events";
import type { Codec } from "@busbar/events/codec";
import { assert } from "@busbar/kernel";
import { type Delivery, type EventLog, type Follower, type FollowProblem, locateClaim } from "@busbar/log";

export interface WatchedEvent {
  readonly offset: bigint;
  readonly event: BusEvent;
}

export type EventListener = (watched: WatchedEvent) => void;

export interface EventsWatchOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topic: string;
  readonly partition: number;
  readonly from: bigint;
  /** Only these are decoded and handed on: a client reads a log of which it wants one event in ten. */
  readonly types: ReadonlySet<string>;
  /** The partition can no longer be followed. */
  onBroken(problem: FollowProblem): void;
}

export class EventsWatch {
  readonly from: bigint;
  readonly #options: EventsWatchOptions;
  readonly #listeners = new Set<EventListener>();
  #placement: PlacementState | null = null;
  #follower: Follower | null = null;
  #isStopped = false;

  private constructor(options: EventsWatchOptions) {
    this.#options = options;
    this.from = options.from;
  }

  /** Opens a watch; its first event is the first valid one at or after `from`. */
  static async open(options: EventsWatchOptions): Promise<EventsWatch> {
    const watch = new EventsWatch(options);
    const { log, topic, partition, from } = options;
    const claim = await locateClaim(log, topic, partition, from);
    watch.#placement = initialPlacement({ offset: from, claim });
    watch.#follower = log.follow({
      topic,
      partition,
      from,
      onDelivery: (delivery) => {
        watch.#onDelivery(delivery);
      },
      onProblem: (problem) => {
        if (problem.kind !== "unreachable") options.onBroken(problem);
      },
    });
    return watch;
  }

  /** Everything before it was handed on; never past the partition's end. */
  position(): bigint {
    return this.#follower?.position() ?? this.from;
  }

  /** Listens to every valid event of the types from now on; the answer ends it. */
  listen(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#listeners.clear();
    await this.#follower?.stop();
  }

  #onDelivery({ records }: Delivery): void {
    for (const { offset, headers, value } of records) {
      assert(this.#placement !== null, "EventsWatch: placed before it follows");
      const placed = place(this.#placement, { offset, headers });
      this.#placement = placed.state;
      if (placed.verdict !== "valid" || this.#listeners.size === 0 || this.#isStopped) continue;
      if (!this.#options.types.has(headers[HEADER.type] ?? "")) continue;
      const decoded = this.#options.codec.decode(value, "event");
      if (!decoded.ok) continue;
      for (const listener of this.#listeners) listener({ offset, event: decoded.message });
    }
  }
}
