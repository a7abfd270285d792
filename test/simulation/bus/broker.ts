/** The records of the simulated log, and who wants to hear of new ones. What a real broker holds, and nothing more. */
import type { NewRecord, StoredRecord } from "@busbar/log";
import { EPOCH_MS } from "./node.ts";
import type { Scheduler } from "./scheduler.ts";

/** A record with the step of the simulation that appended it. */
export interface Placed extends StoredRecord {
  readonly step: number;
  readonly atMs: number;
}

interface Partition {
  readonly records: Placed[];
  readonly waiting: Set<() => void>;
}

export class Broker {
  readonly scheduler: Scheduler;
  readonly #topics = new Map<string, readonly Partition[]>();
  readonly #committed = new Map<string, bigint>();
  readonly #listeners: ((record: Placed) => void)[] = [];

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler;
  }

  create(topic: string, partitions: number): void {
    const made = Array.from({ length: partitions }, () => ({ records: [], waiting: new Set<() => void>() }));
    this.#topics.set(topic, made);
  }

  topics(): readonly string[] {
    return [...this.#topics.keys()];
  }

  partitions(topic: string): number {
    return this.#topics.get(topic)?.length ?? 0;
  }

  /** Told of every record at the moment it lands. */
  onAppend(listener: (record: Placed) => void): void {
    this.#listeners.push(listener);
  }

  records(topic: string, partition: number): readonly Placed[] {
    return this.#partition(topic, partition).records;
  }

  end(topic: string, partition: number): bigint {
    return BigInt(this.#partition(topic, partition).records.length);
  }

  append(topic: string, partition: number, records: readonly NewRecord[]): bigint {
    const found = this.#partition(topic, partition);
    const base = BigInt(found.records.length);
    const { nowMs: atMs, steps: step } = this.scheduler;
    for (const { key, value, headers = {} } of records) {
      const offset = BigInt(found.records.length);
      const copy = { topic, partition, offset, timestampMs: EPOCH_MS + Math.floor(atMs), key, headers, step, atMs };
      const placed = { ...copy, value: Uint8Array.from(value) };
      found.records.push(placed);
      for (const listener of this.#listeners) listener(placed);
    }
    const waiting = [...found.waiting];
    found.waiting.clear();
    for (const wake of waiting) wake();
    return base;
  }

  /** Called once, at the next append to the partition. */
  awaitAppend(topic: string, partition: number, wake: () => void): void {
    this.#partition(topic, partition).waiting.add(wake);
  }

  commit(group: string, topic: string, partition: number, next: bigint): void {
    this.#committed.set(`${group} ${topic}/${partition}`, next);
  }

  committed(group: string, topic: string, partition: number): bigint | null {
    return this.#committed.get(`${group} ${topic}/${partition}`) ?? null;
  }

  #partition(topic: string, partition: number): Partition {
    const found = this.#topics.get(topic)?.[partition];
    if (found === undefined) throw new Error(`no partition ${topic}/${partition}`);
    return found;
  }
}
