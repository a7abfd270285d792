/**
 * The topics, as data (PROTOCOL 1.6, 3.5; DESIGN "Keys, order, scale"). Applying them is `EventLog.ensureTopics`.
 *
 * T1 All topics that are keyed by chain have the same partition count; directives and heartbeats have one partition.
 * T2 Nothing that a decision rests on is ever deleted: only heartbeats expire, only checkpoints are compacted.
 * T3 The broker stores batches uncompressed whatever a producer sent, so that no foreign codec reaches a reader.
 * T4 With one replica, events and directives are flushed to the disk before they are acknowledged (`disk`).
 */
import { type AgentName } from "@busbar/kernel";
import type { TopicSpec } from "@busbar/log";

/** `disk`: events and directives survive a power loss on one replica; `page-cache`: they survive a broker crash. */
export type Durability = "disk" | "page-cache";

export interface TopicOptions {
  /** Stands for "busbar" in every name; one broker can hold several buses. */
  readonly prefix: string;
  /** Partition count of everything keyed by chain; chosen once, then frozen. */
  readonly partitions: number;
  /** Agents that get an inbox. */
  readonly agents: readonly (AgentName | string)[];
  readonly durability: Durability;
}

/** Largest batch in bytes that any topic takes. */
export const MAX_MESSAGE_BYTES = 1_048_576;

const HEARTBEAT_RETENTION_MS = 3_600_000;
const HEARTBEAT_SEGMENT_MS = 600_000;

const kept = { "cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1" };
const expiring = {
  "cleanup.policy": "delete",
  "retention.ms": String(HEARTBEAT_RETENTION_MS),
  "segment.ms": String(HEARTBEAT_SEGMENT_MS),
};
const compacted = { "cleanup.policy": "compact" };

type Settings = Readonly<Record<string, string>>;
interface Row {
  readonly settings: Settings;
  /** One partition whatever the count: a single order that every process reads. */
  readonly single?: boolean;
  /** Decisions rest on its acknowledgement. */
  readonly flushed?: boolean;
}

const ROWS: Readonly<Record<string, Row>> = {
  events: { settings: kept, flushed: true },
  commands: { settings: kept },
  control: { settings: kept },
  directives: { settings: kept, single: true, flushed: true },
  signals: { settings: kept },
  heartbeats: { settings: expiring, single: true },
  checkpoints: { settings: compacted },
  "dead-letters": { settings: kept },
  blobs: { settings: kept },
};

/** Name of an agent's inbox. */
export function inboxTopic(prefix: string, agent: string): string {
  return `${prefix}.inbox.${agent}`;
}

function spec(name: string, row: Row, options: TopicOptions): TopicSpec {
  const flushed = row.flushed === true && options.durability === "disk";
  return {
    name,
    partitions: row.single === true ? 1 : options.partitions,
    config: {
      ...row.settings,
      // The broker's clock: freshness of heartbeats and the owner's clock check read it.
      "message.timestamp.type": "LogAppendTime",
      "compression.type": "uncompressed",
      "max.message.bytes": String(MAX_MESSAGE_BYTES),
      ...(flushed ? { "flush.messages": "1" } : {}),
    },
  };
}

/** Every topic of a bus, in a fixed order: the ones of the table, then one inbox per agent. */
export function topicSpecs(options: TopicOptions): readonly TopicSpec[] {
  const fixed = Object.entries(ROWS).map(([noun, row]) => spec(`${options.prefix}.${noun}`, row, options));
  const inboxes = [...new Set(options.agents)].map((agent) =>
    spec(inboxTopic(options.prefix, agent), { settings: kept }, options),
  );
  return [...fixed, ...inboxes];
}
