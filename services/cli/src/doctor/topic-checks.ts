/** Topics as the broker has them beside their declaration. Pure. */
import { fewestReplicas, REPLICATED, satisfies, settingsOf, type TopicSpec } from "@busbar/log";
import type { BrokerFacts, TopicDescription } from "@busbar/log/kafka";
import type { FindingId } from "./catalog.ts";
import { nextOf } from "./catalog.ts";
import { type Check, fail, ok, warn } from "./check.ts";

/** Which finding a setting that is not as declared is. Those of the kind `warn` lose nothing by themselves. */
const OF_SETTING: Readonly<Record<string, readonly [FindingId, "fail" | "warn"]>> = {
  "message.timestamp.type": ["topic-timestamps", "fail"],
  "retention.ms": ["topic-retention", "fail"],
  "retention.bytes": ["topic-retention", "fail"],
  "cleanup.policy": ["topic-cleanup", "fail"],
  "max.message.bytes": ["topic-max-bytes", "fail"],
  "compression.type": ["topic-compression", "fail"],
  "min.insync.replicas": ["topic-in-sync", "fail"],
  "unclean.leader.election.enable": ["topic-unclean-election", "fail"],
  "flush.messages": ["topic-flush", "warn"],
};

const say = (state: "fail" | "warn", id: FindingId, topic: string, text: string, next = nextOf(id)): Check =>
  (state === "fail" ? fail : warn)(id, topic, text, next);

function checkSettings(spec: TopicSpec, found: TopicDescription): readonly Check[] {
  const replicas = fewestReplicas(found.partitions);
  return Object.entries(settingsOf(spec, replicas)).flatMap(([key, wanted]) => {
    const value = found.settings.get(key) ?? "not known to the broker";
    const [id, state] = OF_SETTING[key] ?? ["topic-retention", "warn"];
    return satisfies(key, value, wanted, replicas)
      ? []
      : [say(state, id, spec.name, `${key} is ${value}, ${wanted} is wanted`)];
  });
}

function checkCount({ name, partitions: wanted }: TopicSpec, { partitions }: TopicDescription): readonly Check[] {
  const text = `it has ${partitions.length} partitions, ${wanted} are wanted`;
  if (partitions.length < wanted)
    return [fail("topic-too-few-partitions", name, text, nextOf("topic-too-few-partitions"))];
  if (partitions.length === wanted) return [];
  return [fail("topic-too-many-partitions", name, text, nextOf("topic-too-many-partitions", { topic: name }))];
}

function checkReplicas(found: TopicDescription, brokers: readonly BrokerFacts[]): readonly Check[] {
  const { name, partitions } = found;
  const where = { brokers: brokers.map(({ address }) => address).join(","), topic: name };
  const wanted = Math.min(REPLICATED, brokers.length);
  const few = fewestReplicas(partitions);
  const text = `it has ${few} replicas, ${wanted} are wanted with ${brokers.length} brokers`;
  const behind = partitions.find(({ leader, inSync, replicas }) => leader < 0 || inSync.length < replicas.length);
  return [
    ...(few < wanted ? [fail("topic-replicas", name, text, nextOf("topic-replicas", where))] : []),
    ...(behind === undefined
      ? []
      : [
          fail(
            "topic-leaderless",
            `${name}/${behind.partition}`,
            behind.leader < 0
              ? "it has no leader"
              : `${behind.inSync.length} of ${behind.replicas.length} replicas are in step`,
            nextOf("topic-leaderless", where),
          ),
        ]),
  ];
}

/** Findings for each declared topic; one line where there are none. */
export function checkTopics(
  specs: readonly TopicSpec[],
  found: readonly TopicDescription[],
  brokers: readonly BrokerFacts[],
): readonly Check[] {
  const findings = specs.flatMap((spec) => {
    const topic = found.find(({ name }) => name === spec.name);
    if (topic === undefined) return [fail("topic-missing", spec.name, "it does not exist", nextOf("topic-missing"))];
    return [...checkCount(spec, topic), ...checkSettings(spec, topic), ...checkReplicas(topic, brokers)];
  });
  return findings.length === 0 ? [ok("topics", `${specs.length} as declared`)] : findings;
}

export function checkBrokers(brokers: readonly BrokerFacts[]): readonly Check[] {
  const open = brokers.filter(({ settings }) => settings.get("auto.create.topics.enable") === "true");
  if (open.length === 0) return [ok("broker", brokers.map(({ address }) => address).join(", "))];
  const id = "broker-auto-create";
  return open.map(({ id: node, address }) =>
    warn(id, `broker ${node} at ${address}`, "auto.create.topics.enable is true", nextOf(id)),
  );
}
