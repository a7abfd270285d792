/**
 * Follows all partitions of the events topic and keeps what counts, so that a test can wait for what the log says and
 * never for time to pass. Valid by the placement rule; void positions are counted by partition.
 */
import type { BusEvent, MessageOf } from "@busbar/events";
import type { Codec } from "@busbar/events/codec";
import type { EventLog, Follower, StoredRecord } from "@busbar/log";
import { createPartitionReader, type ReadEvent } from "@busbar/runtime";

export interface SeenEvent {
  readonly partition: number;
  readonly offset: bigint;
  readonly event: BusEvent;
}

export interface Watch {
  /** Valid events so far, in order within each partition. */
  readonly events: readonly SeenEvent[];
  /** All records so far, valid or not. */
  readonly records: readonly StoredRecord[];
  /** Valid by their place and not decodable: never, unless a test put them there. */
  readonly undecodable: readonly string[];
  voids(): number;
  ofType<T extends BusEvent["type"]>(type: T): readonly (SeenEvent & { readonly event: MessageOf<T> })[];
  /** Owner and door of a partition as its last valid records tell. */
  door(partition: number): { readonly owner: string; readonly state: "closed" | "open" | "degraded" };
  /** Resolves when `holds`, asked at each delivery; rejects after `limitMs` with `what` and what the log held then. */
  until(holds: () => boolean, what: string, limitMs?: number): Promise<void>;
  stop(): Promise<void>;
}

interface Waiting {
  readonly holds: () => boolean;
  readonly done: () => void;
}

type Door = ReturnType<Watch["door"]>;

/** The door of a partition after one more of its events. */
export function nextDoor(door: Door, event: BusEvent): Door {
  if (event.type === "PartitionClaimed") return { owner: event.owner, state: "closed" };
  if (event.type === "PartitionReleased") return { ...door, state: "closed" };
  if (event.type === "DoorOpened") return { ...door, state: "open" };
  return event.type === "DoorDegraded" ? { ...door, state: "degraded" } : door;
}

export interface WatchOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topic: string;
  readonly partitions: number;
}

export const watchEvents = (options: WatchOptions): Watch => new LogWatch(options);

class LogWatch implements Watch {
  readonly events: SeenEvent[] = [];
  readonly records: StoredRecord[] = [];
  readonly undecodable: string[] = [];
  readonly #byType = new Map<string, SeenEvent[]>();
  readonly #doors = new Map<number, Door>();
  readonly #waiting = new Set<Waiting>();
  readonly #followers: readonly Follower[];
  #voids = 0;

  constructor(options: WatchOptions) {
    this.#followers = Array.from({ length: options.partitions }, (_, partition) => this.#follow(options, partition));
  }

  #follow({ log, codec, topic }: WatchOptions, partition: number): Follower {
    const reader = createPartitionReader(codec);
    return log.follow({
      topic,
      partition,
      from: 0n,
      onDelivery: (delivery) => {
        this.records.push(...delivery.records);
        for (const read of reader.read(delivery)) this.#take(partition, read);
        for (const one of this.#waiting) if (one.holds()) one.done();
      },
      onProblem: () => undefined,
    });
  }

  #take(partition: number, read: ReadEvent): void {
    if (read.kind === "void") {
      this.#voids += 1;
    } else if (read.kind === "undecodable") {
      this.undecodable.push(`${partition}/${read.offset}: ${read.reason}`);
    } else {
      const { offset, event } = read;
      const seen = { partition, offset, event };
      this.events.push(seen);
      this.#doors.set(partition, nextDoor(this.door(partition), event));
      const same = this.#byType.get(event.type);
      if (same === undefined) this.#byType.set(event.type, [seen]);
      else same.push(seen);
    }
  }

  voids(): number {
    return this.#voids;
  }

  ofType<T extends BusEvent["type"]>(type: T): readonly (SeenEvent & { readonly event: MessageOf<T> })[] {
    return (this.#byType.get(type) ?? []) as (SeenEvent & { event: MessageOf<T> })[];
  }

  door(partition: number): Door {
    return this.#doors.get(partition) ?? { owner: "", state: "closed" };
  }

  until(holds: () => boolean, what: string, limitMs = 45_000): Promise<void> {
    return new Promise((resolve, reject) => {
      if (holds()) return resolve();
      const late = (): Error => new Error(`after ${limitMs} ms still not: ${what}; the log's last:\n${this.#tail()}`);
      const timer = setTimeout(() => end(() => reject(late())), limitMs);
      const one: Waiting = { holds, done: () => end(resolve) };
      const end = (finish: () => void): void => {
        clearTimeout(timer);
        this.#waiting.delete(one);
        finish();
      };
      this.#waiting.add(one);
    });
  }

  #tail(): string {
    const last = this.events.slice(-12);
    return last
      .map(({ partition, offset, event }) => `${partition}/${offset} ${event.type} ${event.meta.chainId}`)
      .join("\n");
  }

  async stop(): Promise<void> {
    await Promise.all(this.#followers.map((follower) => follower.stop()));
  }
}
