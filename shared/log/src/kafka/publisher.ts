/**
 * Publishing to topics that many write to: what arrives together is sent together.
 *
 * One request in flight through one idempotent producer. A failed request is `unknown` for what it carried; the next
 * one goes through a new producer. Callers send the same bytes again, and their consumers drop what they have seen.
 */
import type { AppendOutcome, Publication } from "../event-log.ts";
import { BATCH_OVERHEAD_BYTES, recordBytes } from "../record-size.ts";
import type { DisposableProducer, PartitionBatch } from "./producer.ts";

export interface PublisherPorts {
  openProducer(): Promise<DisposableProducer>;
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

export class Publisher {
  readonly #ports: PublisherPorts;
  #producer: DisposableProducer | null = null;
  #waiting: Waiting[] = [];
  #sending: Promise<void> | null = null;
  #isClosed = false;

  constructor(ports: PublisherPorts) {
    this.#ports = ports;
  }

  /** The publication was checked: it fits, and its partition exists. */
  publish(publication: Publication): Promise<AppendOutcome> {
    if (this.#isClosed) return Promise.resolve({ kind: "unknown", cause: new Error("the log is closed") });
    return new Promise((settle) => {
      this.#waiting.push({ publication, bytes: recordBytes(publication.record), settle });
      this.#sending ??= this.#drain();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#sending;
    this.#producer?.kill();
  }

  async #drain(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) await this.#send(this.#takeRequest());
    this.#sending = null;
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
