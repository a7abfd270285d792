/** What agent processes say of themselves: the chains that each instance last vouched for. */
import type { Codec } from "@busbar/events/codec";
import type { EventLog } from "@busbar/log";

export interface Lives {
  /** Chains in the latest heartbeat of an instance; 0 where it has given none. */
  chains(instance: string): number;
  /** Resolves when `holds`, asked at each heartbeat; rejects after `limitMs`. */
  until(holds: () => boolean, what: string, limitMs?: number): Promise<void>;
  stop(): Promise<void>;
}

export async function watchLives(log: EventLog, codec: Codec, topic: string): Promise<Lives> {
  const chains = new Map<string, number>();
  const waiting = new Set<() => void>();
  const { end } = await log.offsets(topic, 0);
  const follower = log.follow({
    topic,
    partition: 0,
    from: end,
    onDelivery: ({ records }) => {
      for (const { value } of records) {
        const decoded = codec.decode(value, "heartbeat");
        if (!decoded.ok || decoded.message.type !== "AgentHeartbeat") continue;
        chains.set(decoded.message.instance, decoded.message.chains.length);
      }
      for (const look of waiting) look();
    },
    onProblem: () => undefined,
  });
  return {
    chains: (instance) => chains.get(instance) ?? 0,
    until: (holds, what, limitMs = 45_000) =>
      new Promise((resolve, reject) => {
        if (holds()) return resolve();
        const timer = setTimeout(() => {
          waiting.delete(look);
          reject(new Error(`after ${limitMs} ms still not: ${what}`));
        }, limitMs);
        const look = (): void => {
          if (!holds()) return;
          clearTimeout(timer);
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
      }),
    stop: () => follower.stop(),
  };
}
