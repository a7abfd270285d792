/**
 * A Kafka as an operator looks at it: brokers, topics with their replicas and settings, groups; and the few changes that
 * bring a topic back to its declaration. Beside the log's port, because nothing that runs on the bus needs it.
 *
 * C1 Nothing here takes a record away: the one topic that may be deleted is an empty one.
 * C2 A change of settings keeps those that it does not name.
 */
import { setTimeout as pause } from "node:timers/promises";
import { busbarError } from "@busbar/kernel";
import { AssignerProtocol } from "kafkajs";
import { AdminLink } from "./admin-link.ts";
import { type KafkaLogOptions, kafkaSettings } from "./options.ts";

const TOPIC_RESOURCE = 2;
const BROKER_RESOURCE = 4;
/** Where a setting comes from that somebody gave this topic. */
const OWN_SETTING = 1;
const CHANGE_LIMIT_MS = 20_000;

export interface BrokerFacts {
  readonly id: number;
  readonly address: string;
  readonly settings: ReadonlyMap<string, string>;
}

export interface TopicPartitionFacts {
  readonly partition: number;
  /** -1: it has none now. */
  readonly leader: number;
  readonly replicas: readonly number[];
  /** Replicas that are in step. */
  readonly inSync: readonly number[];
}

export interface TopicDescription {
  readonly name: string;
  readonly partitions: readonly TopicPartitionFacts[];
  /** As they are in force, defaults included. */
  readonly settings: ReadonlyMap<string, string>;
}

export interface GroupMember {
  readonly id: string;
  readonly client: string;
  /** Partition numbers by topic. */
  readonly assigned: Readonly<Record<string, readonly number[]>>;
}

export interface GroupFacts {
  readonly group: string;
  readonly state: string;
  readonly members: readonly GroupMember[];
}

export interface KafkaCluster {
  brokers(): Promise<readonly BrokerFacts[]>;
  /** Those of the names that exist. */
  topics(names: readonly string[]): Promise<readonly TopicDescription[]>;
  group(name: string): Promise<GroupFacts>;
  /** Gives a topic these settings; the others that it was given stay. */
  setTopic(name: string, settings: Readonly<Record<string, string>>): Promise<void>;
  /** Raises the partition count. */
  addPartitions(name: string, count: number): Promise<void>;
  /** Deletes a topic that holds no record. Rejects with BUSBAR_TOPIC_MISMATCH where it holds one. */
  deleteEmpty(name: string): Promise<void>;
  close(): void;
}

/** Connects when first asked. All errors are BUSBAR_LOG_UNAVAILABLE unless said otherwise. */
export function openKafkaCluster(options: KafkaLogOptions): KafkaCluster {
  const link = new AdminLink(kafkaSettings(options));
  return {
    brokers: () => brokersOf(link),
    topics: (names) => topicsOf(link, names),
    group: (name) => groupOf(link, name),
    setTopic: (name, settings) => setTopic(link, name, settings),
    addPartitions: async (topic, count) => {
      await link.ask((admin) =>
        admin.createPartitions({ timeout: CHANGE_LIMIT_MS, topicPartitions: [{ topic, count }] }),
      );
    },
    deleteEmpty: (name) => deleteEmpty(link, name),
    close: () => {
      link.close();
    },
  };
}

interface Setting {
  readonly configName: string;
  readonly configValue: string;
  readonly configSource: number;
}

async function settingsOf(
  link: AdminLink,
  type: number,
  names: readonly string[],
): Promise<readonly (readonly Setting[])[]> {
  const resources = names.map((name) => ({ type, name }));
  const answer = await link.ask((admin) => admin.describeConfigs({ includeSynonyms: false, resources }));
  return names.map((name) => {
    const found = answer.resources.find(({ resourceName }) => resourceName === name);
    return (found?.configEntries ?? []).map(({ configName, configValue, configSource }) => ({
      configName,
      configValue,
      configSource: Number(configSource),
    }));
  });
}

const mapOf = (settings: readonly Setting[]): ReadonlyMap<string, string> =>
  new Map(settings.map(({ configName, configValue }) => [configName, configValue]));

async function brokersOf(link: AdminLink): Promise<readonly BrokerFacts[]> {
  const { brokers } = await link.ask((admin) => admin.describeCluster());
  return Promise.all(
    brokers.map(async ({ nodeId, host, port }) => {
      const [settings = []] = await settingsOf(link, BROKER_RESOURCE, [String(nodeId)]);
      return { id: nodeId, address: `${host}:${port}`, settings: mapOf(settings) };
    }),
  );
}

async function topicsOf(link: AdminLink, names: readonly string[]): Promise<readonly TopicDescription[]> {
  const there = new Set(await link.ask((admin) => admin.listTopics()));
  const known = names.filter((name) => there.has(name));
  if (known.length === 0) return [];
  const { topics } = await link.ask((admin) => admin.fetchTopicMetadata({ topics: [...known] }));
  const settings = await settingsOf(link, TOPIC_RESOURCE, known);
  return known.map((name, index) => {
    const partitions = (topics.find((one) => one.name === name)?.partitions ?? []).map((one) => {
      return { partition: one.partitionId, leader: one.leader, replicas: one.replicas, inSync: one.isr };
    });
    return { name, partitions, settings: mapOf(settings[index] ?? []) };
  });
}

async function groupOf(link: AdminLink, name: string): Promise<GroupFacts> {
  const { groups } = await link.ask((admin) => admin.describeGroups([name]));
  const [found] = groups;
  const members = (found?.members ?? []).map(({ memberId, clientId, memberAssignment }) => {
    const assigned = memberAssignment.length === 0 ? null : AssignerProtocol.MemberAssignment.decode(memberAssignment);
    return { id: memberId, client: clientId, assigned: assigned?.assignment ?? {} };
  });
  return { group: name, state: found?.state ?? "Dead", members };
}

/** The request replaces all settings of a topic (C2). */
async function setTopic(link: AdminLink, name: string, wanted: Readonly<Record<string, string>>): Promise<void> {
  const [settings = []] = await settingsOf(link, TOPIC_RESOURCE, [name]);
  const own = settings.filter(({ configSource }) => configSource === OWN_SETTING);
  const all = { ...Object.fromEntries(mapOf(own)), ...wanted };
  const configEntries = Object.entries(all).map(([key, value]) => ({ name: key, value }));
  const resources = [{ type: TOPIC_RESOURCE, name, configEntries }];
  await link.ask((admin) => admin.alterConfigs({ validateOnly: false, resources }));
}

async function deleteEmpty(link: AdminLink, name: string): Promise<void> {
  const offsets = await link.ask((admin) => admin.fetchTopicOffsets(name));
  const holding = offsets.find(({ low, high }) => low !== high);
  if (holding !== undefined) {
    const reason = `partition ${holding.partition} holds records; only an empty topic is made anew`;
    throw busbarError("BUSBAR_TOPIC_MISMATCH", { topic: name, reason });
  }
  await link.ask((admin) => admin.deleteTopics({ topics: [name], timeout: CHANGE_LIMIT_MS }));
  // The answer comes before every broker knows of it.
  const endMs = Date.now() + CHANGE_LIMIT_MS;
  while ((await link.ask((admin) => admin.listTopics())).includes(name)) {
    if (Date.now() > endMs)
      throw busbarError("BUSBAR_LOG_UNAVAILABLE", { reason: `${name} is still there after its deletion` });
    await pause(50);
  }
}
