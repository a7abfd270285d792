/**
 * kafkajs as anybody would use it, to show what the log port guards against, and the port through the same proxy.
 */
import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { type Admin, Kafka, type KafkaConfig, logLevel, type Producer, type RecordMetadata } from "kafkajs";
import type { EventLog, StoredRecord, UnreadablePosition } from "@busbar/log";
import { createKafkaEventLog, type KafkaLogOptions } from "@busbar/log/kafka";
import { TcpProxy } from "@busbar/testkit";

const decoder = new TextDecoder();

/** A plain client; through the proxy where one is given. */
export function plainKafka(brokers: readonly string[], more: Partial<KafkaConfig> = {}, proxy?: TcpProxy): Kafka {
  return new Kafka({
    clientId: "plain",
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    ...(proxy === undefined ? {} : { socketFactory: ({ onConnect }) => connect(proxy.address, onConnect) }),
    ...more,
  });
}

/** Our log through the proxy. */
export function proxiedLog(brokers: readonly string[], proxy: TcpProxy, more: Partial<KafkaLogOptions> = {}): EventLog {
  return createKafkaEventLog({ brokers, clientId: "proxied", route: () => proxy.address, ...more });
}

export async function openProxy(brokers: readonly string[]): Promise<TcpProxy> {
  const [host = "", port = ""] = (brokers[0] ?? "").split(":");
  return TcpProxy.open({ host, port: Number(port) });
}

export async function withAdmin<T>(brokers: readonly string[], work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = plainKafka(brokers).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** A new topic with a name of its own. */
export async function freshTopic(
  log: EventLog,
  noun: string,
  {
    partitions = 1,
    config = {},
  }: { readonly partitions?: number; readonly config?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  const name = `${noun}-${randomUUID()}`;
  await log.ensureTopics([{ name, partitions, config }]);
  return name;
}

/** One message by a plain producer; its answer. */
export async function plainSend(
  producer: Producer,
  topic: string,
  value: string,
  partition = 0,
): Promise<RecordMetadata | undefined> {
  const topicMessages = [{ topic, messages: [{ key: "k", value, partition }] }];
  return (await producer.sendBatch({ acks: -1, topicMessages }))[0];
}

export interface Contents {
  readonly records: readonly StoredRecord[];
  readonly unreadable: readonly UnreadablePosition[];
  readonly texts: readonly string[];
}

/** A whole partition, by the port, which was checked against the broker by the contract suite. */
export async function contentsOf(log: EventLog, topic: string, partition = 0): Promise<Contents> {
  const records: StoredRecord[] = [];
  const unreadable: UnreadablePosition[] = [];
  for await (const delivery of log.read(topic, partition, { from: 0n })) {
    records.push(...delivery.records);
    unreadable.push(...delivery.unreadable);
  }
  return { records, unreadable, texts: records.map(({ value }) => (value === null ? "" : decoder.decode(value))) };
}

/** Values that are there more than once. */
export function repeated(texts: readonly string[]): readonly string[] {
  return texts.filter((text, index) => texts.indexOf(text) !== index);
}

const encoder = new TextEncoder();

export function newRecord(text: string, headers: Readonly<Record<string, string>> = {}) {
  return { key: "k", value: encoder.encode(text), headers };
}
