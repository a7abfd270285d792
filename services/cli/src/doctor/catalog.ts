/**
 * Everything that the doctor finds: an id that stays the same from release to release, what it means, and what to type.
 * The page docs/reference/doctor.md is made from this table. Words in braces stand for the values of the case.
 */

export interface Finding {
  readonly means: string;
  readonly next: string;
}

const REPAIR = "npx busbar topics apply --repair";
const UP = "npx busbar up";

export const FINDINGS = {
  "node-version": { means: "this Node is too old to run Busbar", next: "nvm install 24" },
  "docker-missing": {
    means: "a broker in Docker is asked for and no engine answers",
    next: "BUSBAR_BROKER=jvm npx busbar up",
  },
  "java-missing": {
    means: "there is no Java 17 or newer, so no local Kafka",
    next: "apt-get install openjdk-17-jre-headless",
  },
  "maven-missing": {
    means: "there is a Java, but neither Kafka in the cache nor a Maven that could fetch it",
    next: "apt-get install maven",
  },
  "port-in-use": {
    means: "a port that a process of the bus is told to listen on is taken",
    next: "ss -ltnp 'sport = :{port}'",
  },
  "disk-nearly-full": {
    means: "the file system of the state folder or the embedded log has less than a tenth left",
    next: "du -xh --max-depth=2 {folder} | sort -h | tail",
  },
  "project-invalid": {
    means: "busbar.yaml or one of its modules cannot be read",
    next: "npx busbar policy check {file}",
  },
  "project-unknown-name": {
    means: "busbar.yaml names a tool, model or agent that is not there",
    next: "npx busbar policy check {file}",
  },
  "keys-missing": { means: "a key is not in the key folder", next: UP },
  "keys-readable": { means: "others than its owner may read a secret key", next: "chmod 600 {file}" },
  "keys-mismatch": {
    means:
      "the public half of a key pair is missing or belongs to another private half: what it signs counts for nobody",
    next: "openssl pkey -in {private} -pubout -out {public}",
  },
  "bus-missing": { means: "no bus is known here, or the one that is recorded does not run", next: UP },
  "broker-unreachable": {
    means: "nothing answers as a Kafka broker at the given address",
    next: "nc -vz {host} {port}",
  },
  "broker-auto-create": {
    means: "the broker makes a topic of every misspelt name",
    next: "set auto.create.topics.enable=false in the broker's server.properties and restart it",
  },
  "registry-unreachable": { means: "the schema registry does not answer", next: "curl -fsS {url}/subjects" },
  "schemas-missing": { means: "the registry does not have all schemas", next: "npx busbar schemas push" },
  "schemas-incompatible": {
    means: "the registry has another, incompatible schema under the name of one of ours",
    next: "curl -X DELETE '{url}/subjects/{subject}' && npx busbar schemas push",
  },
  "topic-missing": { means: "a declared topic does not exist", next: "npx busbar topics apply" },
  "topic-too-few-partitions": { means: "a topic has fewer partitions than the events topic", next: REPAIR },
  "topic-too-many-partitions": {
    means: "a topic has more partitions than are declared; partitions are never taken away",
    next: "npx busbar topics recreate {topic}",
  },
  "topic-timestamps": { means: "a topic keeps the producers' clocks instead of the broker's", next: REPAIR },
  "topic-retention": { means: "records that decisions rest on would be deleted after a time or size", next: REPAIR },
  "topic-cleanup": { means: "a topic is compacted that must not be, or the other way round", next: REPAIR },
  "topic-max-bytes": { means: "a topic takes smaller batches than the bus writes", next: REPAIR },
  "topic-compression": { means: "a topic may hold batches in a codec that its readers cannot open", next: REPAIR },
  "topic-in-sync": {
    means: "min.insync.replicas asks for more replicas than there are, or for one of three",
    next: REPAIR,
  },
  "topic-unclean-election": {
    means: "a replica that lags may become leader: acknowledged records would be lost",
    next: REPAIR,
  },
  "topic-flush": { means: "with one replica, records are acknowledged before they are on the disk", next: REPAIR },
  "topic-replicas": {
    means: "a topic has fewer replicas than the brokers allow (three are wanted)",
    next: "kafka-reassign-partitions.sh --bootstrap-server {brokers} --reassignment-json-file {topic}.json --execute",
  },
  "topic-leaderless": {
    means: "a partition has no leader or a replica that is behind: a broker is down",
    next: "kafka-topics.sh --bootstrap-server {brokers} --describe --unavailable-partitions",
  },
  "group-unbalanced": {
    means: "one gateway holds two partitions more than another, or the group does not settle",
    next: "restart {member}; then npx busbar doctor",
  },
  "policy-unknown-tool": {
    means: "the policy in force allows an agent a tool that it does not know",
    next: "npx busbar policy push --reason '{agent} named a tool that is not there'",
  },
  "policy-differs": {
    means: "partitions go by different policies",
    next: "npx busbar policy push --reason 'one policy for all partitions'",
  },
  "partition-unowned": { means: "no gateway has claimed a partition", next: "npx busbar dev" },
  "door-closed": { means: "the owner of a partition admits nothing", next: "npx busbar dev" },
  "door-failed": {
    means: "a gateway has shut a partition until a person acts, and says why in its heartbeats",
    next: "npx busbar status",
  },
  "door-degraded": { means: "the owner of a partition admits reads only", next: "npx busbar agents" },
  "void-records": {
    means: "records that do not count lie in an events partition: an intruder, or two owners at once",
    next: "npx busbar events query --partition {partition} --void",
  },
  "events-undecodable": {
    means: "a record counts by its place and cannot be read: this build or the registry is too old",
    next: "npx busbar schemas push",
  },
  "supervisor-silent": {
    means: "a partition has no heartbeat of a supervisor: its door admits no changes",
    next: "npx busbar dev",
  },
  "clock-skew": { means: "the clocks of a process and the broker are apart", next: "timedatectl set-ntp true" },
  "dead-letters": { means: "records were put aside and nobody has looked at them", next: "npx busbar dlq ls" },
  "check-failed": { means: "a check itself could not be made", next: "npx busbar doctor" },
} as const satisfies Readonly<Record<string, Finding>>;

export type FindingId = keyof typeof FINDINGS;

/** The row's command with its values. */
export function nextOf(id: FindingId, values: Readonly<Record<string, string>> = {}): string {
  return FINDINGS[id].next.replaceAll(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}
