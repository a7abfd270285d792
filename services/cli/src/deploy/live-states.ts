/**
 * The states of all events partitions, followed: what a deployment supervisor decides by is what the doors decided by.
 * A partition that it cannot read keeps its last state; nothing is concluded from silence.
 */
import { createPartitionReader } from "@busbar/runtime";
import { type PartitionState, replay } from "@busbar/policy";
import type { Follower } from "@busbar/log";
import { type OpenBus, partitionsOf } from "../bus.ts";
import { startOf, viewPartitions } from "../read/partition.ts";

export interface LiveStates {
  /** By partition; not to be changed. */
  states(): readonly PartitionState[];
  /** Called after each delivery. */
  onChange(listener: () => void): void;
  /** The first problem that no waiting will mend; null while there is none. */
  problem(): string | null;
  stop(): Promise<void>;
}

/** Resolves when every partition is read to the end that it had at the call. */
export async function followStates(bus: OpenBus): Promise<LiveStates> {
  const { log, topics, codec } = bus;
  const listeners = new Set<() => void>();
  const followers: Follower[] = [];
  let problem: string | null = null;
  const states = await Promise.all(
    partitionsOf(bus).map(async (partition) => {
      const { state, from } = await startOf(bus, partition);
      const { end } = await log.offsets(topics.events, partition);
      const claim = state.claim === null ? null : { offset: BigInt(state.claim.offset), nonce: state.claim.nonce };
      const reader = createPartitionReader(codec, { offset: from, claim });
      await new Promise<void>((resolve) => {
        if (from >= end) resolve();
        const follower = log.follow({
          topic: topics.events,
          partition,
          from,
          onDelivery: (delivery) => {
            for (const read of reader.read(delivery)) {
              if (read.kind === "event") replay(state, { offset: read.offset, event: read.event, digest: read.digest });
              if (read.kind === "undecodable") problem ??= `events/${partition}/${read.offset}: ${read.reason}`;
            }
            if (delivery.next >= end) resolve();
            for (const listener of listeners) listener();
          },
          onProblem: ({ kind }) => {
            if (kind !== "unreachable") problem ??= `events/${partition}: ${kind}`;
          },
        });
        followers.push(follower);
      });
      return state;
    }),
  );
  return {
    states: () => states,
    onChange: (listener) => void listeners.add(listener),
    problem: () => problem,
    stop: async () => {
      await Promise.all(followers.map((follower) => follower.stop()));
    },
  };
}

/** The states as the log has them now. */
export async function viewStates(bus: OpenBus): Promise<readonly PartitionState[]> {
  const views = await viewPartitions(bus);
  return views.map(({ state }) => state);
}
