/** A log whose publications to a topic wait when a test says so; they are not in the log before they are released. */
import type { EventLog } from "@busbar/log";

export interface HeldPublications {
  readonly log: EventLog;
  /** From now on what is published to the topic waits. */
  hold(topic: string): void;
  /** Calls of `publish` that wait. */
  waiting(): number;
  /** Lets everything through again. */
  release(): void;
}

export function withHeldPublications(log: EventLog): HeldPublications {
  const held = new Set<string>();
  let waiting: (() => void)[] = [];
  const slow: EventLog = {
    capabilities: log.capabilities,
    ensureTopics: (specs) => log.ensureTopics(specs),
    listTopics: () => log.listTopics(),
    partitionCount: (topic) => log.partitionCount(topic),
    openAppender: (topic, partition) => log.openAppender(topic, partition),
    publish: async (publications) => {
      if (publications.some(({ topic }) => held.has(topic)))
        await new Promise<void>((resolve) => waiting.push(resolve));
      return log.publish(publications);
    },
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
    hold: (topic) => void held.add(topic),
    waiting: () => waiting.length,
    release: () => {
      held.clear();
      for (const resolve of waiting) resolve();
      waiting = [];
    },
  };
}
