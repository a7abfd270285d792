/**
 * The private half of kafkajs, confined to this file.
 *
 * Reading goes past kafkajs's consumer on purpose: one record that a handler or a codec cannot take stops it for good,
 * it jumps to a default offset when its own is out of range, it never gets past a fetch of empty batches, and after a
 * seek it still hands out the batch fetched before (test/integration/kafkajs-facts.int.test.ts). What is used here is
 * the layer below: brokers, metadata, one request and its answer. These modules are not public; the version is pinned
 * exactly and the library is no longer changed, so they are as stable as its interface.
 *
 * Two more are mended here: after each answer kafkajs sets a timer with a negative time, a timer per request and a
 * warning on Node 24; and it makes the bytes of a produce request at several times their cost (produce-request.ts).
 */
import { createRequire } from "node:module";
import type { KafkaConfig } from "kafkajs";
import { type FetchAnswer, type FetchedPartition, parseFetchAnswer } from "./fetch-answer.ts";
import { encodeProduce, isPlainProduce, type ProduceOptions } from "./produce-request.ts";
import type { SocketSet } from "./sockets.ts";

/** What was asked of one partition. */
export interface FetchTarget {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
}

interface WireRequest {
  readonly request: { readonly apiVersion: number };
}
/** A request and how its answer is read, as kafkajs sends them. */
export interface WireExchange<T> {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    encode(): Promise<unknown>;
  };
  readonly response: { decode(bytes: Buffer): Promise<T>; parse(answer: T): Promise<T> };
}
interface Broker {
  readonly connectionPool: {
    readonly host: string;
    readonly port: number;
    send<T>(request: unknown): Promise<T>;
  };
  lookupRequest(apiKey: number, definition: unknown): (options: unknown) => WireRequest;
  listOffsets(options: unknown): Promise<{
    readonly responses: readonly { readonly partitions: readonly { readonly offset: string }[] }[];
  }>;
}
interface EncodedBytes {
  readonly buf: Buffer;
  readonly buffer: Buffer;
  size(): number;
}
interface ProduceExchange {
  readonly request: { encode(): Promise<EncodedBytes> };
}
interface ProduceDefinition {
  protocol(of: { readonly version: number }): (options: ProduceOptions) => ProduceExchange;
}
interface PartitionMetadata {
  readonly partitionId: number;
  readonly leader: number;
}
interface Cluster {
  connect(): Promise<void>;
  isConnected(): boolean;
  addTargetTopic(topic: string): Promise<void>;
  refreshMetadata(): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly PartitionMetadata[];
  findBroker(node: { readonly nodeId: number }): Promise<Broker>;
  findControllerBroker(): Promise<Broker>;
  readonly brokerPool: {
    /** Null before the first answer. */
    readonly metadata: object | null;
    readonly brokers: Readonly<Record<string, Broker | undefined>>;
  };
}
interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests: (this: RequestQueue) => void;
}

const load = createRequire(import.meta.url);
const modules = {
  Cluster: load("kafkajs/src/cluster") as new (options: unknown) => Cluster,
  loggers: load("kafkajs/src/loggers") as { createLogger(options: unknown): unknown },
  requests: (load("kafkajs/src/protocol/requests") as { requests: { Fetch: unknown; Produce: ProduceDefinition } })
    .requests,
  apiKeys: load("kafkajs/src/protocol/requests/apiKeys") as { Fetch: number },
  RequestQueue: load("kafkajs/src/network/requestQueue") as { prototype: RequestQueue },
};

const FETCH_VERSION = 11;
const PRODUCE_VERSION = 7;
const READ_UNCOMMITTED = 0;
const METADATA_MAX_AGE_MS = 300_000;
const MAX_FETCH_BYTES = 8 * 1024 * 1024;

mendTimers(modules.RequestQueue.prototype);
modules.requests.Produce = withOwnBytes(modules.requests.Produce);

/** Of this version, and of messages of the form that this log sends, the bytes are ours; all else is as it was. */
function withOwnBytes(definition: ProduceDefinition): ProduceDefinition {
  const protocol = ({ version }: { readonly version: number }) => {
    const build = definition.protocol({ version });
    return (options: ProduceOptions): ProduceExchange => {
      const exchange = build(options);
      if (version !== PRODUCE_VERSION || !isPlainProduce(options)) return exchange;
      const encode = (): Promise<EncodedBytes> => Promise.resolve(asEncoder(encodeProduce(options, Date.now())));
      return { ...exchange, request: { ...exchange.request, encode } };
    };
  };
  return { ...definition, protocol };
}

/** What kafkajs's encoders take for one of them. */
const asEncoder = (bytes: Buffer): EncodedBytes => ({ buf: bytes, buffer: bytes, size: () => bytes.length });

function mendTimers(queue: RequestQueue): void {
  const schedule = queue.scheduleCheckPendingRequests;
  queue.scheduleCheckPendingRequests = function scheduleWhenPending(this: RequestQueue): void {
    if (this.pending.length > 0) schedule.call(this);
  };
}

/** Connections of one reader: requests to one broker are answered in order, so a reader that must not wait has its own. */
export class BrokerLink {
  readonly #cluster: Cluster;
  readonly #sockets: SocketSet;
  #refreshing: Promise<void> = Promise.resolve();

  constructor(config: KafkaConfig, sockets: SocketSet) {
    this.#sockets = sockets;
    this.#cluster = new modules.Cluster({
      ...config,
      logger: modules.loggers.createLogger({ level: config.logLevel, logCreator: config.logCreator }),
      // This layer retries by itself, with its own pace: a failure is to be seen at once.
      retry: { initialRetryTime: 50, maxRetryTime: 200, retries: 1 },
      metadataMaxAge: METADATA_MAX_AGE_MS,
      allowAutoTopicCreation: false,
      isolationLevel: READ_UNCOMMITTED,
    });
  }

  /** Asks again where the topic's partitions are led. Rejects when no broker answers or the topic does not exist. */
  async refresh(topic: string): Promise<ReadonlyMap<number, number>> {
    // kafkajs's cluster is not made for two connects or two refreshes at once.
    const before = this.#refreshing;
    const mine = before.catch(() => undefined).then(() => this.#refresh(topic));
    this.#refreshing = mine.then(() => undefined);
    this.#refreshing.catch(() => undefined);
    return mine;
  }

  async #refresh(topic: string): Promise<ReadonlyMap<number, number>> {
    if (!this.#cluster.isConnected()) await this.#cluster.connect();
    await this.#cluster.addTargetTopic(topic);
    await this.#cluster.refreshMetadata();
    return this.leaders(topic);
  }

  /** Partition to leading node, as last heard; empty before the first `refresh`. */
  leaders(topic: string): ReadonlyMap<number, number> {
    if (this.#cluster.brokerPool.metadata === null) return new Map();
    const partitions = this.#cluster.findTopicPartitionMetadata(topic);
    return new Map(partitions.filter((p) => p.leader >= 0).map((p) => [p.partitionId, p.leader]));
  }

  /** One fetch of one node. The first target may bring a batch larger than `maxBytes`. */
  async fetch(
    nodeId: number,
    targets: readonly FetchTarget[],
    limits: { readonly maxWaitMs: number; readonly maxBytes: number },
  ): Promise<readonly FetchedPartition[]> {
    const broker = await this.#cluster.findBroker({ nodeId });
    const build = broker.lookupRequest(modules.apiKeys.Fetch, modules.requests.Fetch);
    const wire = build({
      isolationLevel: READ_UNCOMMITTED,
      maxWaitTime: limits.maxWaitMs,
      minBytes: 1,
      maxBytes: MAX_FETCH_BYTES,
      topics: targets.map(({ topic, partition, offset }) => ({
        topic,
        partitions: [{ partition, fetchOffset: String(offset), maxBytes: limits.maxBytes }],
      })),
    });
    if (wire.request.apiVersion !== FETCH_VERSION) throw new Error("the broker is older than Kafka 2.3");
    const answer = await broker.connectionPool.send<FetchAnswer>({ ...wire, response: FETCH_RESPONSE });
    if (answer.errorCode !== 0) throw new Error(`fetch answered with error ${answer.errorCode}`);
    return answer.partitions;
  }

  /** First offset at or after a timestamp in ms; -1: the end, -2: the first kept one. Null where there is none. */
  async offsetAt(topic: string, partition: number, timestamp: number): Promise<bigint | null> {
    const nodeId = this.leaders(topic).get(partition) ?? (await this.refresh(topic)).get(partition);
    if (nodeId === undefined) throw new Error(`${topic}/${partition} has no leader`);
    const broker = await this.#cluster.findBroker({ nodeId });
    const topics = [{ topic, partitions: [{ partition, timestamp }] }];
    const answer = await broker.listOffsets({ replicaId: -1, isolationLevel: READ_UNCOMMITTED, topics });
    const offset = answer.responses[0]?.partitions[0]?.offset;
    if (offset === undefined) throw new Error(`${topic}/${partition}: no offset in the answer`);
    return BigInt(offset) < 0n ? null : BigInt(offset);
  }

  /** A request of ours to the node that passes on what the controller decides. */
  async ask<T>(exchange: WireExchange<T>): Promise<T> {
    if (!this.#cluster.isConnected()) await this.#cluster.connect();
    await this.#cluster.refreshMetadata();
    const broker = await this.#cluster.findControllerBroker();
    return broker.connectionPool.send<T>(exchange);
  }

  /** Cuts the connections to one node; the next request opens new ones. */
  dropNode(nodeId: number): void {
    const pool = this.#cluster.brokerPool.brokers[String(nodeId)]?.connectionPool;
    if (pool !== undefined) this.#sockets.destroyTo(`${pool.host}:${pool.port}`);
  }

  close(): void {
    this.#sockets.destroyAll();
  }
}

/** Takes the place of kafkajs's decoder, which reads all batches or none. */
const FETCH_RESPONSE = {
  decode: (bytes: Buffer): Promise<FetchAnswer & { clientSideThrottleTime: number }> => {
    const answer = parseFetchAnswer(bytes);
    return Promise.resolve({ ...answer, clientSideThrottleTime: answer.throttleMs });
  },
  parse: (answer: FetchAnswer): Promise<FetchAnswer> => Promise.resolve(answer),
};
