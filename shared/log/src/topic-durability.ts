/**
 * What a topic must have so that an acknowledged record stays (PROTOCOL 1.6, 3.5). Pure: the settings in force come in,
 * sentences come out. Who creates topics, who repairs them and who starts on them ask the same rule.
 */

import type { TopicSpec } from "./event-log.ts";

/** A topic as the broker has it. */
export interface TopicSettings {
  readonly partitions: number;
  /** Replicas of the partition that has the fewest. */
  readonly replicas: number;
  /** As in force, defaults included. An adapter without a setting leaves it out. */
  readonly config: ReadonlyMap<string, string>;
}

export interface Durability {
  /** An acknowledged record could be lost, or a decision rest on a wrong time: nobody starts on such a topic. */
  readonly defects: readonly string[];
  /** Less than the default, which a person may have chosen. */
  readonly warnings: readonly string[];
}

/** From this many replicas on an acknowledgement is held by two brokers, and the disk of one is not waited for. */
export const REPLICATED = 3;

/** Settings that depend on how many replicas a topic has: what is acknowledged is on two of three brokers, or on the one. */
export function replicaSettings(replicas: number): Readonly<Record<string, string>> {
  return { "min.insync.replicas": replicas >= REPLICATED ? "2" : "1", "unclean.leader.election.enable": "false" };
}

/** Replicas of the partition that has the fewest; 0 where there is no partition. */
export function fewestReplicas(partitions: readonly { readonly replicas: readonly unknown[] }[]): number {
  const fewest = Math.min(...partitions.map(({ replicas }) => replicas.length));
  return Number.isFinite(fewest) ? fewest : 0;
}

/** The settings that a topic is to have with as many replicas as it has. */
export function settingsOf({ config }: Pick<TopicSpec, "config">, replicas: number): Readonly<Record<string, string>> {
  const { "flush.messages": flush, ...rest } = config;
  // Three replicas keep an acknowledged record better than one disk.
  const flushed = flush === undefined || replicas >= REPLICATED ? {} : { "flush.messages": flush };
  return { ...rest, ...flushed, ...replicaSettings(replicas) };
}

/**
 * Whether a setting in force is as good as the wanted one: a topic may take larger batches, and wait for more of the
 * replicas that it has.
 */
export function satisfies(key: string, found: string | undefined, wanted: string, replicas: number): boolean {
  if (key === "min.insync.replicas") return Number(found) >= Number(wanted) && Number(found) <= replicas;
  return key === "max.message.bytes" ? Number(found) >= Number(wanted) : found === wanted;
}

/** Each says what is wrong, or nothing. */
type Rule = (topic: TopicSettings) => string | false;

const DEFECTS: readonly Rule[] = [
  ({ replicas, config }) =>
    replicas >= REPLICATED &&
    inSyncOf(config) < 2 &&
    `min.insync.replicas is ${inSyncOf(config)} of ${replicas} replicas: one broker's loss can take acknowledged records`,
  ({ replicas, config }) =>
    inSyncOf(config) > replicas &&
    `min.insync.replicas is ${inSyncOf(config)} of ${replicas} replicas: no append can be acknowledged`,
  ({ replicas, config }) =>
    replicas > 1 &&
    config.get("unclean.leader.election.enable") === "true" &&
    "unclean.leader.election.enable is true: a broker that lags behind can become the leader and cut the log",
  ({ config }) =>
    config.get("cleanup.policy")?.includes("compact") === true &&
    `cleanup.policy is ${config.get("cleanup.policy")}: compaction takes records that decisions rest on`,
  ({ config }) =>
    (config.get("message.timestamp.type") ?? "LogAppendTime") !== "LogAppendTime" &&
    `message.timestamp.type is ${config.get("message.timestamp.type")}: owners check their clocks by the broker's time`,
];

const isKeptForEver = (value: string | undefined): boolean => value === undefined || value === "-1";

const WARNINGS: readonly Rule[] = ["retention.ms", "retention.bytes"].map(
  (key) =>
    ({ config }) =>
      !isKeptForEver(config.get(key)) && `${key} is ${config.get(key)}: records that are needed will go`,
);

const notFlushed: Rule = ({ replicas, config }) =>
  replicas < REPLICATED &&
  config.get("flush.messages") !== "1" &&
  `${replicas} replica(s) without flush.messages=1: a power loss can take acknowledged records`;

const inSyncOf = (config: TopicSettings["config"]): number => Number(config.get("min.insync.replicas") ?? "1");

/** `flushed`: decisions rest on its acknowledgement (events, directives). */
export function durabilityOf(topic: TopicSettings, flushed: boolean): Durability {
  const say = (rules: readonly Rule[]): string[] => rules.map((rule) => rule(topic)).filter((said) => said !== false);
  return { defects: say(DEFECTS), warnings: say(flushed ? [...WARNINGS, notFlushed] : WARNINGS) };
}
