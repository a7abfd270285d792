/** Topics as the broker has them: created where missing, verified where there (never changed), described once. */
import { setTimeout as pause } from "node:timers/promises";
import { busbarError, isBusbarError } from "@busbar/kernel";
import type { Admin } from "kafkajs";
import type { TopicSpec } from "../event-log.ts";
import { DEFAULT_MAX_BATCH_BYTES } from "../record-size.ts";
import {
  fewestReplicas,
  REPLICATED,
  replicaSettings,
  satisfies,
  settingsOf,
  type TopicSettings,
} from "../topic-durability.ts";
import { AdminLink, mentions } from "./admin-link.ts";
import type { KafkaSettings } from "./options.ts";

export interface TopicFacts extends TopicSettings {
  readonly maxBatchBytes: number;
  readonly compacted: boolean;
}

const TOPIC_RESOURCE = 2;
const CREATION_LIMIT_MS = 20_000;
const VISIBLE_POLL_MS = 20;
const FENCED_POLL_MS = 250;
/** A topic that was not there is looked for again after this. */
const MISSING_MS = 1_000;

export class TopicCatalog {
  readonly #settings: KafkaSettings;
  readonly #facts = new Map<string, Promise<TopicFacts>>();
  readonly #admin: AdminLink;

  constructor(settings: KafkaSettings) {
    this.#settings = settings;
    this.#admin = new AdminLink(settings);
  }

  async list(): Promise<readonly string[]> {
    return this.#admin.ask((admin) => admin.listTopics());
  }

  /** Rejects with BUSBAR_NOT_FOUND for a topic that does not exist; none is ever created by asking. */
  facts(topic: string): Promise<TopicFacts> {
    const known = this.#facts.get(topic);
    if (known !== undefined) return known;
    const asked = this.#describe(topic);
    this.#facts.set(topic, asked);
    asked.catch((cause: unknown) => {
      const missing = isBusbarError(cause) && cause.code === "BUSBAR_NOT_FOUND";
      setTimeout(() => this.#facts.delete(topic), missing ? MISSING_MS : 0).unref();
    });
    return asked;
  }

  /** As `facts`, asked anew. */
  async settings(topic: string): Promise<TopicSettings> {
    this.#facts.delete(topic);
    return this.facts(topic);
  }

  /** Creates the missing ones, then compares all with the broker. Rejects with BUSBAR_TOPIC_MISMATCH. */
  async ensure(specs: readonly TopicSpec[]): Promise<void> {
    const missing = await this.#create(specs);
    if (missing.length > 0) await this.#visible(missing.map(({ name }) => name));
    for (const { name } of specs) this.#facts.delete(name);
    await Promise.all(missing.map((spec) => this.#replicate(spec)));
    await Promise.all(specs.map((spec) => this.#verify(spec)));
  }

  /**
   * Creates those that are not there; which they were. A broker that was starved for its session is fenced for a moment,
   * and the controller then finds too few brokers for any replica: it is asked again.
   */
  async #create(specs: readonly TopicSpec[]): Promise<readonly TopicSpec[]> {
    const endMs = Date.now() + CREATION_LIMIT_MS;
    const before = new Set(await this.list());
    let there = before;
    for (;;) {
      const missing = specs.filter(({ name }) => !there.has(name));
      if (missing.length === 0) break;
      try {
        await this.#admin.ask((admin) => admin.createTopics(this.#creation(missing)));
        break;
      } catch (cause) {
        if (!isShortOfBrokers(cause) || Date.now() >= endMs) throw cause;
        await pause(FENCED_POLL_MS);
        there = new Set(await this.list());
      }
    }
    return specs.filter(({ name }) => !before.has(name));
  }

  /**
   * A broker answers a creation before its own metadata shows the topics. kafkajs's wait for leaders takes that moment
   * for "no such topic" and gives up, so they are waited for here.
   */
  async #visible(topics: string[]): Promise<void> {
    const endMs = Date.now() + CREATION_LIMIT_MS;
    for (;;) {
      try {
        await this.#admin.ask((admin) => admin.fetchTopicMetadata({ topics }));
        return;
      } catch (cause) {
        if (Date.now() >= endMs) throw cause;
        await pause(VISIBLE_POLL_MS);
      }
    }
  }

  /** The group's committed position, null where there is none. */
  async committed(group: string, topic: string, partition: number): Promise<bigint | null> {
    const answer = await this.#admin.ask((admin) => admin.fetchOffsets({ groupId: group, topics: [topic] }));
    const found = answer.flatMap(({ partitions }) => partitions).find((one) => one.partition === partition);
    return found === undefined || BigInt(found.offset) < 0n ? null : BigInt(found.offset);
  }

  close(): void {
    this.#admin.close();
  }

  #creation(specs: readonly TopicSpec[]): Parameters<Admin["createTopics"]>[0] {
    return {
      waitForLeaders: false,
      timeout: CREATION_LIMIT_MS,
      topics: specs.map(({ name, partitions, config }) => ({
        topic: name,
        numPartitions: partitions,
        replicationFactor: this.#settings.replicationFactor,
        configEntries: Object.entries(config).map(([key, value]) => ({ name: key, value })),
      })),
    };
  }

  /**
   * Where the broker chose how many replicas a new topic has, only now is it known how many must be in step. Replaces
   * the settings that the creation gave it, hence all of them again.
   */
  async #replicate({ name, config }: TopicSpec): Promise<void> {
    const found = await this.facts(name);
    const wanted = Object.entries(replicaSettings(found.replicas));
    if (
      found.replicas < REPLICATED ||
      wanted.every(([key, value]) => satisfies(key, found.config.get(key), value, found.replicas))
    )
      return;
    const configEntries = [...Object.entries(config), ...wanted].map(([key, value]) => ({ name: key, value }));
    const resources = [{ type: TOPIC_RESOURCE, name, configEntries }];
    await this.#admin.ask((admin) => admin.alterConfigs({ validateOnly: false, resources }));
    this.#facts.delete(name);
  }

  async #verify(spec: TopicSpec): Promise<void> {
    const { name, partitions } = spec;
    const found = await this.facts(name);
    if (found.partitions !== partitions) {
      const reason = `has ${found.partitions} partitions, ${partitions} are wanted; the count is never changed`;
      throw busbarError("BUSBAR_TOPIC_MISMATCH", { topic: name, reason });
    }
    for (const [key, wanted] of Object.entries(settingsOf(spec, found.replicas))) {
      const value = found.config.get(key);
      if (!satisfies(key, value, wanted, found.replicas)) {
        const reason = `${key} is ${value ?? "not known to the broker"}, ${wanted} is wanted`;
        throw busbarError("BUSBAR_TOPIC_MISMATCH", { topic: name, reason });
      }
    }
  }

  async #describe(topic: string): Promise<TopicFacts> {
    const [partitions, config] = await Promise.all([this.#partitions(topic), this.#config(topic)]);
    const maxBytes = Number(config.get("max.message.bytes"));
    return {
      ...partitions,
      config,
      maxBatchBytes: Number.isInteger(maxBytes) && maxBytes > 0 ? maxBytes : DEFAULT_MAX_BATCH_BYTES,
      compacted: config.get("cleanup.policy")?.includes("compact") ?? false,
    };
  }

  async #partitions(topic: string): Promise<Pick<TopicSettings, "partitions" | "replicas">> {
    try {
      const { topics } = await this.#admin.ask((admin) => admin.fetchTopicMetadata({ topics: [topic] }));
      const partitions = topics[0]?.partitions ?? [];
      return { partitions: partitions.length, replicas: fewestReplicas(partitions) };
    } catch (cause) {
      if (isBusbarError(cause) && mentionsMissing(cause.cause)) {
        throw busbarError("BUSBAR_NOT_FOUND", { what: "topic", id: topic }, cause);
      }
      throw cause;
    }
  }

  async #config(topic: string): Promise<ReadonlyMap<string, string>> {
    const query = { includeSynonyms: false, resources: [{ type: TOPIC_RESOURCE, name: topic }] };
    const { resources } = await this.#admin
      .ask((admin) => admin.describeConfigs(query))
      .catch((cause: unknown) => {
        if (isBusbarError(cause) && mentionsMissing(cause.cause)) return { resources: [] };
        throw cause;
      });
    return new Map(resources.flatMap(({ configEntries }) => configEntries.map((e) => [e.configName, e.configValue])));
  }
}

const mentionsMissing = (cause: unknown): boolean => mentions(cause, /^UNKNOWN_TOPIC_OR_PARTITION$/);

/** Of an error that kafkajs gathers from the topics of one request. */
function isShortOfBrokers(cause: unknown): boolean {
  const gathered = isBusbarError(cause) ? cause.cause : cause;
  const errors: unknown = gathered instanceof Error && "errors" in gathered ? gathered.errors : [];
  return Array.isArray(errors) && errors.some((error) => mentions(error, /^INVALID_REPLICATION_FACTOR$/));
}
