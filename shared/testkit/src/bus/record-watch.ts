/** Every valid event of a test bus, as it is appended: what tests look at and wait for. */
import type { BusEvent } from "@busbar/events";
import type { Codec } from "@busbar/events/codec";
import type { EventLog, Follower } from "@busbar/log";
import { createPartitionReader } from "@busbar/runtime";

export interface WatchedEvent {
  readonly partition: number;
  readonly offset: bigint;
  readonly event: BusEvent;
}

export interface RecordWatch {
  /** All partitions, each in its order. */
  events(): readonly WatchedEvent[];
  /** Void records seen so far. */
  voids(): number;
  /** The first event, now or later, for which `matches` holds. Rejects with `what` after `limitMs`. */
  first(matches: (found: WatchedEvent) => boolean, what: string, limitMs: number): Promise<WatchedEvent>;
  stop(): Promise<void>;
}

interface Waiting {
  readonly matches: (found: WatchedEvent) => boolean;
  readonly resolve: (found: WatchedEvent) => void;
}

export function watchRecords(log: EventLog, codec: Codec, topic: string, partitions: number): RecordWatch {
  const seen: WatchedEvent[] = [];
  const waiting = new Set<Waiting>();
  let voids = 0;
  const take = (found: WatchedEvent): void => {
    seen.push(found);
    for (const one of waiting) {
      if (!one.matches(found)) continue;
      waiting.delete(one);
      one.resolve(found);
    }
  };
  const follow = (partition: number): Follower => {
    const reader = createPartitionReader(codec);
    return log.follow({
      topic,
      partition,
      from: 0n,
      onDelivery: (delivery) => {
        for (const read of reader.read(delivery)) {
          if (read.kind === "void") voids += 1;
          if (read.kind === "event") take({ partition, offset: read.offset, event: read.event });
        }
      },
      onProblem: () => undefined,
    });
  };
  const followers = Array.from({ length: partitions }, (_, partition) => follow(partition));
  return {
    events: () => seen,
    voids: () => voids,
    first: (matches, what, limitMs) => {
      const known = seen.find(matches);
      if (known !== undefined) return Promise.resolve(known);
      return new Promise((resolve, reject) => {
        const one: Waiting = {
          matches,
          resolve: (found) => {
            clearTimeout(timer);
            resolve(found);
          },
        };
        const timer = setTimeout(() => {
          waiting.delete(one);
          reject(new Error(`after ${limitMs} ms still not: ${what}`));
        }, limitMs);
        waiting.add(one);
      });
    },
    stop: async () => {
      await Promise.all(followers.map((follower) => follower.stop()));
    },
  };
}
