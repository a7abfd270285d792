/**
 * One idempotent kafkajs producer that is thrown away at its first failure (PROTOCOL 1.3).
 *
 * After a rejected or unanswered send kafkajs has rolled back its sequence: the next send would reuse the numbers and
 * be answered with an older record's offset. So a failure here is final: the sockets are cut, retries end, and
 * nothing of this producer is sent any more. It is used with one request in flight, since sends that overlap lose records; the callers see to that.
 */
import { busbarError, reasonOf } from "@busbar/kernel";
import { Kafka, type Message, type Producer, type RecordMetadata } from "kafkajs";
import type { NewRecord } from "../event-log.ts";
import { clientConfig, retriesWithin } from "./client-config.ts";
import type { KafkaSettings } from "./options.ts";
import { SocketSet } from "./sockets.ts";

/** Records of one partition in one request: one batch. */
export interface PartitionBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly NewRecord[];
}

export interface BatchAnswer {
  readonly baseOffset: bigint;
  /** Null on topics that keep the producer's time. */
  readonly appendedAtMs: number | null;
}

export class DisposableProducer {
  readonly #sockets: SocketSet;
  readonly #producer: Producer;
  readonly #deadlineMs: number;

  private constructor(settings: KafkaSettings) {
    this.#sockets = new SocketSet(settings.route);
    this.#deadlineMs = settings.appendDeadlineMs;
    this.#producer = new Kafka(clientConfig(settings, this.#sockets)).producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: retriesWithin(settings.appendDeadlineMs) },
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition ?? -1,
    });
  }

  /** Rejects with BUSBAR_LOG_UNAVAILABLE when the broker does not answer in time. */
  static async open(settings: KafkaSettings): Promise<DisposableProducer> {
    const producer = new DisposableProducer(settings);
    try {
      await within(producer.#producer.connect(), producer.#deadlineMs, "connecting to the broker");
      return producer;
    } catch (cause) {
      producer.kill();
      throw busbarError("BUSBAR_LOG_UNAVAILABLE", { reason: reasonOf(cause) }, cause);
    }
  }

  /** Whether it may still be used. */
  get alive(): boolean {
    return !this.#sockets.dead;
  }

  /**
   * One request. Answers in the order of the batches; an answer is null where there was not exactly one for the
   * partition. Rejects after a failure or the deadline. In both cases the producer is dead.
   */
  async send(batches: readonly PartitionBatch[]): Promise<readonly (BatchAnswer | null)[]> {
    try {
      const sent = this.#producer.sendBatch({ acks: -1, topicMessages: topicMessages(batches) });
      const metadata = await within(sent, this.#deadlineMs, "the append");
      const answers = matchAnswers(batches, metadata);
      if (answers.includes(null)) this.kill();
      return answers;
    } catch (cause) {
      this.kill();
      throw cause;
    }
  }

  kill(): void {
    this.#sockets.destroyAll();
    // Only ends kafkajs's own timers; it has no connection left to wait for.
    this.#producer.disconnect().catch(() => undefined);
  }
}

/**
 * Exactly one answer for each partition that was named, and none for others (PROTOCOL 1.3): kafkajs resolves a send
 * that left out a partition whose leader had moved.
 */
export function matchAnswers(
  batches: readonly Pick<PartitionBatch, "topic" | "partition">[],
  metadata: readonly RecordMetadata[],
): readonly (BatchAnswer | null)[] {
  return batches.map(({ topic, partition }) => {
    const answers = metadata.filter((one) => one.topicName === topic && one.partition === partition);
    const [answer] = answers;
    if (answer?.baseOffset === undefined || answers.length !== 1 || answer.errorCode !== 0) return null;
    const baseOffset = BigInt(answer.baseOffset);
    if (baseOffset < 0n) return null;
    const appendedAtMs = Number(answer.logAppendTime ?? -1);
    return { baseOffset, appendedAtMs: appendedAtMs < 0 ? null : appendedAtMs };
  });
}

function topicMessages(batches: readonly PartitionBatch[]): { topic: string; messages: Message[] }[] {
  const byTopic = new Map<string, Message[]>();
  for (const { topic, partition, records } of batches) {
    const messages = byTopic.get(topic) ?? [];
    for (const { key, value, headers } of records) {
      // kafkajs turns a plain Uint8Array into text; a Buffer over the same bytes goes as it is.
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      messages.push({ key, value: bytes, partition, headers: { ...headers } });
    }
    byTopic.set(topic, messages);
  }
  return [...byTopic].map(([topic, messages]) => ({ topic, messages }));
}

/** The promise, or a rejection when it takes longer. */
export async function within<T>(promise: Promise<T>, limitMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(busbarError("BUSBAR_TIMEOUT", { what, timeoutMs: limitMs, next: "npx busbar doctor" }));
    }, limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
