/** A log whose acknowledgements wait when a test says so: what is between an append and its answer can be looked at. */
import type { Appender, EventLog } from "@busbar/log";

export interface HeldAppends {
  readonly log: EventLog;
  /** From now on acknowledgements of the partition wait; what was appended is in the log all the same. */
  hold(topic: string, partition: number): void;
  /** Appends that wait for their acknowledgement. */
  waiting(): number;
  /** Lets everything through again. */
  release(): void;
}

export function withHeldAppends(log: EventLog): HeldAppends {
  const held = new Set<string>();
  let waiting: (() => void)[] = [];
  const wrap = (appender: Appender, name: string): Appender => ({
    maxBatchBytes: appender.maxBatchBytes,
    append: async (records) => {
      const outcome = await appender.append(records);
      if (held.has(name)) await new Promise<void>((resolve) => waiting.push(resolve));
      return outcome;
    },
    close: () => appender.close(),
  });
  const slow: EventLog = {
    capabilities: log.capabilities,
    ensureTopics: (specs) => log.ensureTopics(specs),
    listTopics: () => log.listTopics(),
    partitionCount: (topic) => log.partitionCount(topic),
    openAppender: async (topic, partition) => wrap(await log.openAppender(topic, partition), `${topic}/${partition}`),
    publish: (publications) => log.publish(publications),
    offsets: (topic, partition) => log.offsets(topic, partition),
    offsetAt: (topic, partition, atMs) => log.offsetAt(topic, partition, atMs),
    read: (topic, partition, range) => log.read(topic, partition, range),
    follow: (options) => log.follow(options),
    join: (options) => log.join(options),
    committed: (group, topic, partition) => log.committed(group, topic, partition),
    close: () => log.close(),
  };
  return {
    log: slow,
    hold: (topic, partition) => void held.add(`${topic}/${partition}`),
    waiting: () => waiting.length,
    release: () => {
      held.clear();
      for (const resolve of waiting) resolve();
      waiting = [];
    },
  };
}
