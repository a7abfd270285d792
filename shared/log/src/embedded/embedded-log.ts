/**
 * The EventLog in one SQLite file, for one machine and for tests.
 *
 * It keeps the contract of the port, with what one machine cannot have left out and named in `capabilities`: the one
 * process that joins owns every partition. Several processes may append to and follow one file; each notices the
 * others' records within a poll.
 */
import { performance } from "node:perf_hooks";
import { assert, busbarError, isBusbarError } from "@busbar/kernel";
import type {
  Appender,
  AppendOutcome,
  Delivery,
  EventLog,
  FollowOptions,
  Follower,
  JoinOptions,
  Membership,
  NewRecord,
  Publication,
  TopicSpec,
} from "../event-log.ts";
import { flawOfRecords } from "../record-size.ts";
import type { TopicSettings } from "../topic-durability.ts";
import { Subscription } from "../subscription.ts";
import { type Appending, LogStore, type StoredTopic } from "./store.ts";

export interface EmbeddedLogOptions {
  /** A path; without one the log lives in memory and ends with the process. */
  readonly file?: string;
}

const POLL_MS = 20;
const MAX_DELIVERY_BYTES = 256 * 1024;
const HEARTBEAT_MS = 100;

/** Throws BUSBAR_LOG_UNAVAILABLE when the file cannot be opened. */
export function createEmbeddedLog(options: EmbeddedLogOptions = {}): EventLog {
  return new EmbeddedLog(options.file ?? null);
}

class EmbeddedLog implements EventLog {
  readonly capabilities;
  readonly #store: LogStore;
  readonly #subscriptions = new Set<Subscription>();
  readonly #poll: NodeJS.Timeout | null;
  #version: bigint;
  #scheduled = false;
  #closed = false;

  constructor(file: string | null) {
    this.capabilities = { adapter: "embedded", groups: false, durable: file !== null } as const;
    this.#store = new LogStore(file ?? ":memory:");
    this.#version = this.#store.foreignVersion();
    this.#poll = file === null ? null : setInterval(() => this.#look(), POLL_MS);
    this.#poll?.unref();
  }

  async ensureTopics(specs: readonly TopicSpec[]): Promise<void> {
    for (const spec of specs) this.#store.ensure(spec);
    await Promise.resolve();
  }

  listTopics(): Promise<readonly string[]> {
    return Promise.resolve(this.#store.list());
  }

  async partitionCount(topic: string): Promise<number> {
    return Promise.resolve(this.#store.topic(topic).partitions);
  }

  async topicSettings(topic: string): Promise<TopicSettings> {
    const { partitions, config } = this.#store.topic(topic);
    return Promise.resolve({ partitions, config, replicas: 1 });
  }

  async openAppender(topic: string, partition: number): Promise<Appender> {
    const stored = this.#store.partition(topic, partition);
    return Promise.resolve(
      new EmbeddedAppender(stored, (records) => this.#append([{ topic: stored, partition, records }])),
    );
  }

  async publish(publications: readonly Publication[]): Promise<readonly AppendOutcome[]> {
    const refusals = publications.map((publication) => this.#refusal(publication));
    const good = publications.filter((_publication, index) => refusals[index] === null);
    const parts = good.map(({ topic, partition, record }) => ({
      topic: this.#store.topic(topic),
      partition,
      records: [record],
    }));
    const outcomes = this.#append(parts).values();
    await Promise.resolve();
    return refusals.map((refusal) => refusal ?? next(outcomes));
  }

  async offsets(topic: string, partition: number): Promise<{ readonly low: bigint; readonly end: bigint }> {
    const stored = this.#store.partition(topic, partition);
    return Promise.resolve({ low: this.#store.low(stored, partition), end: this.#store.end(stored, partition) });
  }

  async offsetAt(topic: string, partition: number, atMs: number): Promise<bigint> {
    return Promise.resolve(this.#store.offsetAt(this.#store.partition(topic, partition), partition, atMs));
  }

  async *read(
    topic: string,
    partition: number,
    range: { readonly from: bigint; readonly to?: bigint },
  ): AsyncGenerator<Delivery> {
    const { low, end } = await this.offsets(topic, partition);
    const { from, to = end } = range;
    const { compacted } = this.#store.topic(topic);
    if (from < low && !compacted)
      throw busbarError("BUSBAR_LOG_GAP", { topic, partition, from: String(from), to: String(low) });
    if (from > end || to > end) {
      const position = String(from > end ? from : to);
      throw busbarError("BUSBAR_LOG_TRUNCATED", { topic, partition, end: String(end), position });
    }
    for (let at = from; at < to;) {
      const records = this.#store.read(topic, partition, at, to, MAX_DELIVERY_BYTES);
      const last = records.at(-1);
      if (last === undefined && compacted) return;
      if (last === undefined)
        throw busbarError("BUSBAR_LOG_GAP", { topic, partition, from: String(at), to: String(to) });
      at = last.offset + 1n;
      yield { records, unreadable: [], next: at, end };
    }
  }

  follow(options: FollowOptions): Follower {
    assert(!this.#closed, "follow: the log is closed");
    const subscription = new Subscription(options, (changed) => {
      if (changed.stopped) this.#subscriptions.delete(changed);
      else this.#schedule();
      this.#hold();
    });
    this.#subscriptions.add(subscription);
    this.#hold();
    this.#schedule();
    return subscription;
  }

  join(options: JoinOptions): Promise<Membership> {
    const [first] = options.topics;
    assert(first !== undefined, "join: a group has topics");
    const membership = new SoleMembership(options, this.#store);
    const { partitions } = this.#store.topic(first);
    setImmediate(() => membership.assign([...Array(partitions).keys()]));
    return Promise.resolve(membership);
  }

  async committed(group: string, topic: string, partition: number): Promise<bigint | null> {
    return Promise.resolve(this.#store.committed(group, this.#store.partition(topic, partition), partition));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#poll !== null) clearInterval(this.#poll);
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.stop()));
    this.#store.close();
  }

  #refusal({ topic, partition, record }: Publication): AppendOutcome | null {
    try {
      const error = flawOfRecords([record], this.#store.partition(topic, partition).maxBatchBytes);
      return error === null ? null : { kind: "refused", error };
    } catch (cause) {
      return isBusbarError(cause) ? { kind: "refused", error: cause } : { kind: "unknown", cause };
    }
  }

  #append(parts: readonly Appending[]): readonly AppendOutcome[] {
    if (parts.length === 0) return [];
    try {
      const appendedAtMs = Date.now();
      const bases = this.#store.append(parts, appendedAtMs);
      this.#schedule();
      return bases.map((baseOffset) => ({ kind: "appended", baseOffset, appendedAtMs }));
    } catch (cause) {
      return parts.map(() => ({ kind: "unknown", cause }));
    }
  }

  /** Keeps the process alive while someone follows. */
  #hold(): void {
    if (this.#subscriptions.size > 0) this.#poll?.ref();
    else this.#poll?.unref();
  }

  /** Other processes' records, and topics that came into being. */
  #look(): void {
    const version = this.#store.foreignVersion();
    if (version !== this.#version) this.#schedule();
    this.#version = version;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#closed) return;
      for (const subscription of this.#subscriptions) if (subscription.ready) this.#deliver(subscription);
    });
  }

  #deliver(subscription: Subscription): void {
    const { topic, partition } = subscription;
    const ticket = subscription.ticket();
    const { position } = ticket;
    try {
      const stored = this.#store.partition(topic, partition);
      const end = this.#store.end(stored, partition);
      if (position > end) return subscription.problem({ kind: "truncated", position, end });
      const records = this.#store.read(topic, partition, position, end, MAX_DELIVERY_BYTES);
      const [first] = records;
      if (first !== undefined && first.offset > position && !stored.compacted) {
        return subscription.problem({ kind: "gap", position, low: first.offset });
      }
      const next = (records.at(-1)?.offset ?? position - 1n) + 1n;
      subscription.deliver(ticket, { records, unreadable: [], next, end });
      if (next < end) this.#schedule();
    } catch (cause) {
      subscription.problem({ kind: "unreachable", cause });
      setTimeout(() => this.#schedule(), subscription.backoff.next()).unref();
    }
  }
}

class EmbeddedAppender implements Appender {
  readonly #topic: StoredTopic;
  readonly #write: (records: readonly NewRecord[]) => readonly AppendOutcome[];
  #dead: AppendOutcome | null = null;

  constructor(topic: StoredTopic, write: (records: readonly NewRecord[]) => readonly AppendOutcome[]) {
    this.#topic = topic;
    this.#write = write;
  }

  get maxBatchBytes(): number {
    return this.#topic.maxBatchBytes;
  }

  async append(records: readonly NewRecord[]): Promise<AppendOutcome> {
    const error = flawOfRecords(records, this.#topic.maxBatchBytes);
    if (error !== null) return { kind: "refused", error };
    if (this.#dead !== null) return this.#dead;
    const outcome = next(this.#write(records).values());
    if (outcome.kind === "unknown") this.#dead = outcome;
    return Promise.resolve(outcome);
  }

  close(): Promise<void> {
    const cause = busbarError("BUSBAR_LOG_UNAVAILABLE", { reason: "the appender is closed" });
    this.#dead ??= { kind: "unknown", cause };
    return Promise.resolve();
  }
}

/** The one member there is. */
class SoleMembership implements Membership {
  readonly memberName = `embedded-${process.pid}`;
  readonly #options: JoinOptions;
  readonly #store: LogStore;
  #joinedAtMs: number | null = null;
  #left = false;

  constructor(options: JoinOptions, store: LogStore) {
    this.#options = options;
    this.#store = store;
  }

  assign(partitions: readonly number[]): void {
    if (this.#left) return;
    this.#joinedAtMs = performance.now();
    this.#options.onAssignment(partitions, 1);
  }

  heartbeats(): { readonly generation: number; readonly count: number } {
    if (this.#joinedAtMs === null || this.#left) return { generation: 0, count: 0 };
    return { generation: 1, count: 1 + Math.floor((performance.now() - this.#joinedAtMs) / HEARTBEAT_MS) };
  }

  async commit(topic: string, positions: ReadonlyMap<number, bigint>): Promise<void> {
    for (const [partition, position] of positions) {
      this.#store.commit(this.#options.group, this.#store.partition(topic, partition), partition, position);
    }
    await Promise.resolve();
  }

  leave(): Promise<void> {
    this.#left = true;
    return Promise.resolve();
  }
}

function next(outcomes: Iterator<AppendOutcome>): AppendOutcome {
  const { value, done } = outcomes.next();
  return done === true ? { kind: "unknown", cause: new Error("no outcome") } : value;
}
