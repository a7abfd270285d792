/**
 * Publishing to topics that many write to: what arrives together for a topic is sent together.
 *
 * U1 A request carries one topic, through that topic's own idempotent producer, one request in flight. The broker answers
 *    a request as a whole to kafkajs: a topic that this process may not write, or that is gone, would make `unknown` of
 *    everything beside it, and hold it up while kafkajs tries again.
 * U2 A failed request is `unknown` for what it carried, and nothing of it is sent again from here; the next one goes
 *    through a new producer. Callers send the same bytes again, and their consumers drop what they have seen.
 * U3 A topic that nobody writes to for a while has no producer.
 */
import type { AppendOutcome, Publication } from "../event-log.ts";
import { BATCH_OVERHEAD_BYTES, recordBytes } from "../record-size.ts";
import type { DisposableProducer, PartitionBatch } from "./producer.ts";

export interface PublisherPorts {
  openProducer(): Promise<Pick<DisposableProducer, "alive" | "send" | "kill">>;
  /** Bytes a batch of the topic may have. */
  maxBatchBytes(topic: string): number;
}

interface Waiting {
  readonly publication: Publication;
  readonly bytes: number;
  readonly settle: (outcome: AppendOutcome) => void;
}

const MAX_RECORDS_PER_REQUEST = 1_024;
const MAX_REQUEST_BYTES = 4 * 1024 * 1024;
/** A producer that was not used for this long is let go, ms. */
const IDLE_MS = 60_000;

export class Publisher {
  readonly #ports: PublisherPorts;
  readonly #lanes = new Map<string, Lane>();

  constructor(ports: PublisherPorts) {
    this.#ports = ports;
  }

  /** The publication was checked: it fits, and its partition exists. */
  publish(publication: Publication): Promise<AppendOutcome> {
    const { topic } = publication;
    const lane = this.#lanes.get(topic) ?? new Lane(this.#ports);
    this.#lanes.set(topic, lane);
    return lane.publish(publication);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.close()));
  }
}

/** What shares requests: the publications of one topic. */
export class Lane {
  readonly #ports: PublisherPorts;
  #producer: Awaited<ReturnType<PublisherPorts["openProducer"]>> | null = null;
  #idle: NodeJS.Timeout | undefined;
  #waiting: Waiting[] = [];
  #sending: Promise<void> | null = null;
  #isClosed = false;

  constructor(ports: PublisherPorts) {
    this.#ports = ports;
  }

  publish(publication: Publication): Promise<AppendOutcome> {
    if (this.#isClosed) return Promise.resolve({ kind: "unknown", cause: new Error("the log is closed") });
    return new Promise((settle) => {
      this.#waiting.push({ publication, bytes: recordBytes(publication.record), settle });
      this.#sending ??= this.#drain();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#idle);
    await this.#sending;
    this.#letGo();
  }

  #letGo(): void {
    this.#producer?.kill();
    this.#producer = null;
  }

  async #drain(): Promise<void> {
    clearTimeout(this.#idle);
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) await this.#send(this.#takeRequest());
    this.#sending = null;
    if (!this.#isClosed) this.#idle = setTimeout(() => this.#letGo(), IDLE_MS).unref();
  }

  /** In order of arrival, up to the bounds of a request and of each partition's batch. */
  #takeRequest(): readonly Waiting[] {
    const perPartition = new Map<string, number>();
    let total = 0;
    let count = 0;
    for (const { publication, bytes } of this.#waiting) {
      const name = `${publication.topic}/${publication.partition}`;
      const batch = (perPartition.get(name) ?? BATCH_OVERHEAD_BYTES) + bytes;
      total += bytes;
      const full = batch > this.#ports.maxBatchBytes(publication.topic) || total > MAX_REQUEST_BYTES;
      if (count > 0 && (full || count >= MAX_RECORDS_PER_REQUEST)) break;
      perPartition.set(name, batch);
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #send(request: readonly Waiting[]): Promise<void> {
    const groups = Map.groupBy(request, ({ publication }) => `${publication.topic}/${publication.partition}`);
    const parts = [...groups.values()];
    try {
      if (this.#producer?.alive !== true) this.#producer = await this.#ports.openProducer();
      const answers = await this.#producer.send(parts.map(batchOf));
      for (const [index, part] of parts.entries()) {
        const answer = answers[index] ?? null;
        if (answer === null) {
          settleAll(part, { kind: "unknown", cause: new Error("not exactly one answer for the partition") });
          continue;
        }
        for (const [at, { settle }] of part.entries()) {
          const { baseOffset, appendedAtMs } = answer;
          settle({ kind: "appended", baseOffset: baseOffset + BigInt(at), appendedAtMs });
        }
      }
    } catch (cause) {
      settleAll(request, { kind: "unknown", cause });
    }
  }
}

function batchOf(part: readonly Waiting[]): PartitionBatch {
  const records = part.map(({ publication }) => publication.record);
  const first = part[0]?.publication;
  return { topic: first?.topic ?? "", partition: first?.partition ?? -1, records };
}

function settleAll(part: readonly Waiting[], outcome: AppendOutcome): void {
  for (const { settle } of part) settle(outcome);
}
