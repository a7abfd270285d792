/** A log as a plain object that hands every call on, so that a wrapper or a test replaces single methods. */
import type { EventLog } from "./event-log.ts";

export function forwardingLog(log: EventLog): EventLog {
  return {
    capabilities: log.capabilities,
    ensureTopics: (specs) => log.ensureTopics(specs),
    listTopics: () => log.listTopics(),
    partitionCount: (topic) => log.partitionCount(topic),
    topicSettings: (topic) => log.topicSettings(topic),
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
