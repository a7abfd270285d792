/**
 * Topics as the broker has them: created where missing, verified where there (never changed), described once.
 *
 * A connection that hangs would make kafkajs's admin client useless for good, so after anything but an answer of the
 * broker the client is thrown away and the question asked once more through a new one. All questions may be repeated.
 */
import { busbarError, isBusbarError, reasonOf } from "@busbar/kernel";
import { type Admin, Kafka } from "kafkajs";
import type { TopicSpec } from "../event-log.ts";
import { DEFAULT_MAX_BATCH_BYTES } from "../record-size.ts";
import { clientConfig } from "./client-config.ts";
import type { KafkaSettings } from "./options.ts";
import { within } from "./producer.ts";
import { SocketSet } from "./sockets.ts";

export interface TopicFacts {
  readonly partitions: number;
  readonly maxBatchBytes: number;
  readonly compacted: boolean;
}

interface AdminClient {
  readonly sockets: SocketSet;
  readonly admin: Promise<Admin>;
}

const TOPIC_RESOURCE = 2;
const CREATION_LIMIT_MS = 20_000;
const ATTEMPTS = 2;
const VISIBLE_POLL_MS = 20;
/** A topic that was not there is looked for again after this. */
const MISSING_MS = 1_000;

export class TopicCatalog {
  readonly #settings: KafkaSettings;
  readonly #facts = new Map<string, Promise<TopicFacts>>();
  #client: AdminClient | null = null;
  #closed = false;

  constructor(settings: KafkaSettings) {
    this.#settings = settings;
  }

  async list(): Promise<readonly string[]> {
    return this.#ask((admin) => admin.listTopics());
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

  /** Creates the missing ones, then compares all with the broker. Rejects with BUSBAR_TOPIC_MISMATCH. */
  async ensure(specs: readonly TopicSpec[]): Promise<void> {
    const there = new Set(await this.list());
    const missing = specs.filter(({ name }) => !there.has(name));
    if (missing.length > 0) await this.#ask((admin) => admin.createTopics(this.#creation(missing)));
    if (missing.length > 0) await this.#visible(missing.map(({ name }) => name));
    for (const { name } of specs) this.#facts.delete(name);
    await Promise.all(specs.map((spec) => this.#verify(spec)));
  }

  /**
   * A broker answers a creation before its own metadata shows the topics. kafkajs's wait for leaders takes that moment
   * for "no such topic" and gives up, so they are waited for here.
   */
  async #visible(topics: string[]): Promise<void> {
    const endMs = Date.now() + CREATION_LIMIT_MS;
    for (;;) {
      try {
        await this.#ask((admin) => admin.fetchTopicMetadata({ topics }));
        return;
      } catch (cause) {
        if (Date.now() >= endMs) throw cause;
        await new Promise((resolve) => setTimeout(resolve, VISIBLE_POLL_MS));
      }
    }
  }

  /** The group's committed position, null where there is none. */
  async committed(group: string, topic: string, partition: number): Promise<bigint | null> {
    const answer = await this.#ask((admin) => admin.fetchOffsets({ groupId: group, topics: [topic] }));
    const found = answer.flatMap(({ partitions }) => partitions).find((one) => one.partition === partition);
    return found === undefined || BigInt(found.offset) < 0n ? null : BigInt(found.offset);
  }

  close(): void {
    this.#closed = true;
    this.#client?.sockets.destroyAll();
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

  async #verify({ name, partitions, config }: TopicSpec): Promise<void> {
    const found = await this.facts(name);
    if (found.partitions !== partitions) {
      const reason = `has ${found.partitions} partitions, ${partitions} are wanted; the count is never changed`;
      throw busbarError("BUSBAR_TOPIC_MISMATCH", { topic: name, reason });
    }
    const entries = await this.#config(name);
    for (const [key, wanted] of Object.entries(config)) {
      const value = entries.get(key);
      if (value !== wanted) {
        const reason = `${key} is ${value ?? "not known to the broker"}, ${wanted} is wanted`;
        throw busbarError("BUSBAR_TOPIC_MISMATCH", { topic: name, reason });
      }
    }
  }

  async #describe(topic: string): Promise<TopicFacts> {
    const [partitions, config] = await Promise.all([this.#partitions(topic), this.#config(topic)]);
    const maxBytes = Number(config.get("max.message.bytes"));
    return {
      partitions,
      maxBatchBytes: Number.isInteger(maxBytes) && maxBytes > 0 ? maxBytes : DEFAULT_MAX_BATCH_BYTES,
      compacted: config.get("cleanup.policy")?.includes("compact") ?? false,
    };
  }

  async #partitions(topic: string): Promise<number> {
    try {
      const { topics } = await this.#ask((admin) => admin.fetchTopicMetadata({ topics: [topic] }));
      return topics[0]?.partitions.length ?? 0;
    } catch (cause) {
      if (isBusbarError(cause) && mentionsMissing(cause.cause)) {
        throw busbarError("BUSBAR_NOT_FOUND", { what: "topic", id: topic }, cause);
      }
      throw cause;
    }
  }

  async #config(topic: string): Promise<ReadonlyMap<string, string>> {
    const query = { includeSynonyms: false, resources: [{ type: TOPIC_RESOURCE, name: topic }] };
    const { resources } = await this.#ask((admin) => admin.describeConfigs(query)).catch((cause: unknown) => {
      if (isBusbarError(cause) && mentionsMissing(cause.cause)) return { resources: [] };
      throw cause;
    });
    return new Map(resources.flatMap(({ configEntries }) => configEntries.map((e) => [e.configName, e.configValue])));
  }

  async #ask<T>(call: (admin: Admin) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      this.#client ??= this.#open();
      const client = this.#client;
      try {
        const limitMs = this.#settings.requestTimeoutMs * 2;
        return await within(client.admin.then(call), limitMs, "the broker's answer");
      } catch (cause) {
        const answered = wasAnswered(cause);
        if (!answered) this.#drop(client);
        if (mentions(cause, /_AUTHORIZATION_FAILED$/)) {
          throw busbarError("BUSBAR_LOG_FORBIDDEN", { what: reasonOf(cause) }, cause);
        }
        if (answered || attempt === ATTEMPTS || this.#closed) {
          throw busbarError("BUSBAR_LOG_UNAVAILABLE", { reason: reasonOf(cause) }, cause);
        }
      }
    }
  }

  #open(): AdminClient {
    const sockets = new SocketSet(this.#settings.route);
    const admin = new Kafka(clientConfig(this.#settings, sockets)).admin();
    return { sockets, admin: admin.connect().then(() => admin) };
  }

  #drop(client: AdminClient): void {
    client.sockets.destroyAll();
    if (this.#client === client) this.#client = null;
  }
}

/** Whether the broker said no, rather than nothing. */
function wasAnswered(cause: unknown): boolean {
  for (let error = cause; error instanceof Error; error = error.cause) {
    if (error.name === "KafkaJSAggregateError" || ("type" in error && typeof error.type === "string")) return true;
  }
  return false;
}

/** kafkajs wraps the broker's error, one or several deep. */
function mentions(cause: unknown, type: RegExp): boolean {
  for (let error = cause; error instanceof Error; error = error.cause) {
    if ("type" in error && typeof error.type === "string" && type.test(error.type)) return true;
  }
  return false;
}

const mentionsMissing = (cause: unknown): boolean => mentions(cause, /^UNKNOWN_TOPIC_OR_PARTITION$/);
