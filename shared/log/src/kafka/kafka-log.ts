/**
 * The EventLog on Kafka. This file only joins the parts and decides who shares a connection:
 * each appender, each topic that is published to, each followed topic (each further follower of the same partition too), all range
 * reads together, and administration have their own, since a broker answers one connection in order and a fetch that
 * waits would hold up everything behind it.
 */
import { setTimeout as pause } from "node:timers/promises";
import { assert, busbarError, isBusbarError, reasonOf } from "@busbar/kernel";
import type {
  Appender,
  AppendOutcome,
  Delivery,
  EventLog,
  FollowOptions,
  Follower,
  JoinOptions,
  Membership,
  Publication,
  TopicSpec,
} from "../event-log.ts";
import { flawOfRecords } from "../record-size.ts";
import type { TopicSettings } from "../topic-durability.ts";
import { KafkaAppender } from "./appender.ts";
import { clientConfig } from "./client-config.ts";
import { BrokerLink } from "./internals.ts";
import { KafkaMembership } from "./membership.ts";
import { type KafkaLogOptions, type KafkaSettings, kafkaSettings } from "./options.ts";
import { DisposableProducer, within } from "./producer.ts";
import { Publisher } from "./publisher.ts";
import { readRange } from "./range-reader.ts";
import { SocketSet } from "./sockets.ts";
import { TopicCatalog, type TopicFacts } from "./topic-catalog.ts";
import { TopicReader } from "./topic-reader.ts";
import { Backoff } from "../wake.ts";

const EARLIEST = -2;
const LATEST = -1;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;
const OFFSET_LIMIT_MS = 10_000;
/** For a topic of which nothing is known yet; the publisher is only asked after the topic was described. */
const SMALL_BATCH_BYTES = 65_536;

/** Connects when first used. `close` ends all followers, appenders and memberships of this log. */
export function createKafkaEventLog(options: KafkaLogOptions): EventLog {
  assert(options.brokers.length > 0, "createKafkaEventLog: at least one broker");
  return new KafkaEventLog(kafkaSettings(options));
}

class KafkaEventLog implements EventLog {
  readonly capabilities = { adapter: "kafka", groups: true, durable: true } as const;
  readonly #settings: KafkaSettings;
  readonly #catalog: TopicCatalog;
  readonly #publisher: Publisher;
  readonly #maxBatchBytes = new Map<string, number>();
  readonly #readers: TopicReader[] = [];
  readonly #open = new Set<{ close(): Promise<void> } | { leave(): Promise<void> }>();
  #link: BrokerLink | null = null;
  #closed = false;

  constructor(settings: KafkaSettings) {
    this.#settings = settings;
    this.#catalog = new TopicCatalog(settings);
    this.#publisher = new Publisher({
      openProducer: () => DisposableProducer.open(settings),
      maxBatchBytes: (topic) => this.#maxBatchBytes.get(topic) ?? SMALL_BATCH_BYTES,
    });
  }

  ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    return this.#catalog.ensure(specs);
  }

  listTopics(): Promise<readonly string[]> {
    return this.#catalog.list();
  }

  async partitionCount(topic: string): Promise<number> {
    return (await this.#catalog.facts(topic)).partitions;
  }

  topicSettings(topic: string): Promise<TopicSettings> {
    return this.#catalog.settings(topic);
  }

  async openAppender(topic: string, partition: number): Promise<Appender> {
    const { maxBatchBytes } = await this.#factsOf(topic, partition);
    const producer = await DisposableProducer.open(this.#settings);
    const onDead = (dead: KafkaAppender) => void this.#open.delete(dead);
    const appender = new KafkaAppender(producer, { topic, partition, maxBatchBytes, onDead });
    this.#open.add(appender);
    return appender;
  }

  publish(publications: readonly Publication[]): Promise<readonly AppendOutcome[]> {
    return Promise.all(publications.map((publication) => this.#publishOne(publication)));
  }

  async offsets(topic: string, partition: number): Promise<{ readonly low: bigint; readonly end: bigint }> {
    const [low, end] = await Promise.all([
      this.#offsetOf(topic, partition, EARLIEST),
      this.#offsetOf(topic, partition, LATEST),
    ]);
    return { low: low ?? 0n, end: end ?? 0n };
  }

  async offsetAt(topic: string, partition: number, atMs: number): Promise<bigint> {
    const found = await this.#offsetOf(topic, partition, Math.max(0, Math.trunc(atMs)));
    return found ?? (await this.#offsetOf(topic, partition, LATEST)) ?? 0n;
  }

  async *read(
    topic: string,
    partition: number,
    range: { readonly from: bigint; readonly to?: bigint },
  ): AsyncGenerator<Delivery> {
    const { compacted } = await this.#catalog.facts(topic);
    const { low, end } = await this.offsets(topic, partition);
    const { from, to = end } = range;
    if (from < low) throw busbarError("BUSBAR_LOG_GAP", { topic, partition, from: String(from), to: String(low) });
    if (from > end) {
      throw busbarError("BUSBAR_LOG_TRUNCATED", { topic, partition, end: String(end), position: String(from) });
    }
    yield* readRange(() => this.#sharedLink(), { topic, partition, from, to, compacted });
  }

  follow(options: FollowOptions): Follower {
    assert(!this.#closed, "follow: the log is closed");
    return this.#readerFor(options).add(options);
  }

  join(options: JoinOptions): Promise<Membership> {
    const membership = new KafkaMembership(options, this.#settings);
    this.#open.add(membership);
    return Promise.resolve(membership);
  }

  committed(group: string, topic: string, partition: number): Promise<bigint | null> {
    return this.#catalog.committed(group, topic, partition);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const closing = [...this.#open].map((one) => ("leave" in one ? one.leave() : one.close()));
    await Promise.all([...closing, ...this.#readers.map((reader) => reader.close()), this.#publisher.close()]);
    this.#link?.close();
    this.#catalog.close();
  }

  #readerFor({ topic, partition }: FollowOptions): TopicReader {
    const found = this.#readers.find((reader) => reader.topic === topic && !reader.follows(partition));
    if (found !== undefined) return found;
    const reader = new TopicReader(topic, {
      settings: this.#settings,
      openLink: () => this.#newLink(),
      isCompacted: async (name) => (await this.#catalog.facts(name)).compacted,
    });
    this.#readers.push(reader);
    return reader;
  }

  async #publishOne(publication: Publication): Promise<AppendOutcome> {
    const { topic, partition, record } = publication;
    try {
      const facts = await this.#factsOf(topic, partition);
      const error = flawOfRecords([record], facts.maxBatchBytes);
      if (error !== null) return { kind: "refused", error };
      this.#maxBatchBytes.set(topic, facts.maxBatchBytes);
    } catch (cause) {
      // Nothing was sent; but only what will never work is `refused`.
      const hopeless = isBusbarError(cause) && ["BUSBAR_NOT_FOUND", "BUSBAR_LOG_FORBIDDEN"].includes(cause.code);
      return hopeless ? { kind: "refused", error: cause } : { kind: "unknown", cause };
    }
    return this.#publisher.publish(publication);
  }

  /** Asks until there is an answer: a leader may move, a new topic's may not be known yet. */
  async #offsetOf(topic: string, partition: number, timestamp: number): Promise<bigint | null> {
    await this.#factsOf(topic, partition);
    const backoff = new Backoff(FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
    const end = Date.now() + OFFSET_LIMIT_MS;
    for (;;) {
      const link = this.#sharedLink();
      try {
        return await within(link.offsetAt(topic, partition, timestamp), OFFSET_LIMIT_MS, "the broker's answer");
      } catch (cause) {
        if (link === this.#link) this.#link = null;
        link.close();
        if (Date.now() > end) throw busbarError("BUSBAR_LOG_UNAVAILABLE", { reason: reasonOf(cause) }, cause);
        const pauseMs = backoff.next();
        await pause(pauseMs);
      }
    }
  }

  /** Facts of the topic; rejects with BUSBAR_NOT_FOUND where it has no such partition. */
  async #factsOf(topic: string, partition: number): Promise<TopicFacts> {
    const facts = await this.#catalog.facts(topic);
    if (partition >= 0 && partition < facts.partitions) return facts;
    throw busbarError("BUSBAR_NOT_FOUND", { what: "partition", id: `${topic}/${partition}` });
  }

  #sharedLink(): BrokerLink {
    this.#link ??= this.#newLink();
    return this.#link;
  }

  #newLink(): BrokerLink {
    const sockets = new SocketSet(this.#settings.route);
    return new BrokerLink(clientConfig(this.#settings, sockets), sockets);
  }
}
