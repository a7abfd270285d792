/** For tests: logs that misbehave. */
import type { EventLog } from "@busbar/log";

/** The log of a process that dies: nothing gets out and nothing comes in any more once `die` is called. */
export function mortal(log: EventLog): { readonly log: EventLog; die(): void } {
  let isDead = false;
  const mortalLog: EventLog = {
    ...bind(log),
    async publish(publications) {
      return isDead ? publications.map(() => ({ kind: "unknown", cause: "dead" }) as const) : log.publish(publications);
    },
    follow: (options) =>
      log.follow({
        ...options,
        onDelivery: (delivery) => (isDead ? undefined : options.onDelivery(delivery)),
      }),
  };
  return { log: mortalLog, die: () => (isDead = true) };
}

/** A log as a plain object, so that a test replaces single methods. */
export function bind(log: EventLog): EventLog {
  return {
    capabilities: log.capabilities,
    ensureTopics: (specs) => log.ensureTopics(specs),
    listTopics: () => log.listTopics(),
    partitionCount: (topic) => log.partitionCount(topic),
    openAppender: (topic, partition) => log.openAppender(topic, partition),
    publish: (publications) => log.publish(publications),
    offsets: (topic, partition) => log.offsets(topic, partition),
    offsetAt: (topic, partition, atMs) => log.offsetAt(topic, partition, atMs),
    read: (topic, partition, range) => log.read(topic, partition, range),
    follow: (options) => log.follow(options),
    join: (options) => log.join(options),
    committed: (group, topic, partition) => log.committed(group, topic, partition),
    close: () => log.close(),
  };
}
