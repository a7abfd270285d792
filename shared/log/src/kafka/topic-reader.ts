/**
 * Follows the partitions of one topic over connections of its own (PROTOCOL 3.3, 4.1).
 *
 * One fetch per leading broker is in flight, for all of its partitions that are ready, each asked at its own
 * position; so there is no "batch fetched before" to survive a seek, and no offset but `next` is ever accepted.
 * T1 A partition whose handler is busy is left out and delays no other one.
 * T2 Nothing ends the loop but `close`: a broker that is away is reported, waited for with a capped pause, and asked
 *    again; a position outside the log stops that follower only.
 */
import type { FollowOptions } from "../event-log.ts";
import type { FetchedPartition } from "./fetch-answer.ts";
import type { BrokerLink, FetchTarget } from "./internals.ts";
import type { KafkaSettings } from "./options.ts";
import { decodeRecordSet } from "./record-batch.ts";
import { Subscription, type Ticket } from "../subscription.ts";
import { Wake } from "../wake.ts";

export interface ReaderPorts {
  readonly settings: KafkaSettings;
  /** Opens connections that nobody else uses. */
  openLink(): BrokerLink;
  /** Whether absent offsets of the topic are no news. */
  isCompacted(topic: string): Promise<boolean>;
}

interface Asked extends FetchTarget {
  readonly subscription: Subscription;
  readonly ticket: Ticket;
}

const OFFSET_OUT_OF_RANGE = 1;
/** Between a failure of which no follower is concerned and the next look at the metadata. */
const PAUSE_MS = 50;
/** While a handler is busy the others are asked with a short wait, so that its partition comes back soon. */
const BUSY_WAIT_MS = 10;

export class TopicReader {
  readonly topic: string;
  readonly #ports: ReaderPorts;
  readonly #subscriptions = new Set<Subscription>();
  readonly #inFlight = new Set<number>();
  readonly #wake = new Wake();
  /** Waiting for the end of the pause after a failure. */
  readonly #held = new Set<Subscription>();
  #pause: NodeJS.Timeout | null = null;
  #link: BrokerLink | null = null;
  #leaders: ReadonlyMap<number, number> = new Map();
  #stale = true;
  #compacted = false;
  #closed = false;
  #turn = 0;
  readonly #done: Promise<void>;

  constructor(topic: string, ports: ReaderPorts) {
    this.topic = topic;
    this.#ports = ports;
    this.#done = this.#run();
  }

  follows(partition: number): boolean {
    return [...this.#subscriptions].some((subscription) => subscription.partition === partition);
  }

  add(options: FollowOptions): Subscription {
    const subscription = new Subscription(options, (changed) => {
      if (changed.stopped) this.#subscriptions.delete(changed);
      this.#wake.ring();
    });
    this.#subscriptions.add(subscription);
    this.#wake.ring();
    return subscription;
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#pause !== null) clearTimeout(this.#pause);
    const stopping = [...this.#subscriptions].map((subscription) => subscription.stop());
    this.#link?.close();
    this.#wake.ring();
    await Promise.all([...stopping, this.#done]);
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      if (this.#subscriptions.size > 0) {
        if (this.#stale && this.#pause === null) await this.#refresh();
        if (!this.#stale) this.#ask();
      }
      await this.#wake.wait();
    }
  }

  async #refresh(): Promise<void> {
    try {
      this.#link ??= this.#ports.openLink();
      const leaders = await this.#link.refresh(this.topic);
      this.#compacted = await this.#ports.isCompacted(this.topic);
      this.#leaders = leaders;
      this.#stale = false;
    } catch (cause) {
      this.#link?.close();
      this.#link = null;
      this.#retryLater([...this.#subscriptions], cause);
    }
  }

  /** Sends one fetch to each broker that leads a ready partition and has no request of ours open. */
  #ask(): void {
    const perNode = new Map<number, Asked[]>();
    this.#turn += 1;
    for (const subscription of this.#inTurn()) {
      if (!subscription.ready || this.#held.has(subscription)) continue;
      const node = this.#leaders.get(subscription.partition);
      if (node === undefined) {
        this.#retryLater([subscription], new Error(`${this.topic}/${subscription.partition} has no leader`));
        continue;
      }
      if (this.#inFlight.has(node)) continue;
      const ticket = subscription.ticket();
      const { topic, partition } = subscription;
      const asked = { subscription, ticket, topic, partition, offset: ticket.position };
      perNode.set(node, [...(perNode.get(node) ?? []), asked]);
    }
    for (const [node, asked] of perNode) void this.#fetch(node, asked);
  }

  /** Another one first each time: only the first of a request gets a batch above the byte limit. */
  #inTurn(): readonly Subscription[] {
    const all = [...this.#subscriptions];
    const first = this.#turn % Math.max(1, all.length);
    return [...all.slice(first), ...all.slice(0, first)];
  }

  async #fetch(node: number, asked: readonly Asked[]): Promise<void> {
    const link = this.#link;
    if (link === null) return;
    this.#inFlight.add(node);
    for (const { subscription } of asked) subscription.inFlight = true;
    try {
      const { maxWaitMs, maxBytesPerPartition } = this.#ports.settings;
      const busy = [...this.#subscriptions].some((subscription) => subscription.busy);
      const limits = {
        maxWaitMs: busy ? Math.min(BUSY_WAIT_MS, maxWaitMs) : maxWaitMs,
        maxBytes: maxBytesPerPartition,
      };
      const answer = await link.fetch(node, asked, limits);
      for (const part of answer) await this.#take(link, asked, part);
    } catch (cause) {
      link.dropNode(node);
      const about = asked.filter(({ ticket, subscription }) => subscription.holds(ticket));
      this.#retryLater(
        about.map(({ subscription }) => subscription),
        cause,
      );
    } finally {
      for (const { subscription } of asked) subscription.inFlight = false;
      this.#inFlight.delete(node);
      this.#wake.ring();
    }
  }

  async #take(link: BrokerLink, asked: readonly Asked[], part: FetchedPartition): Promise<void> {
    const one = asked.find(({ partition }) => partition === part.partition);
    if (one === undefined || !one.subscription.holds(one.ticket)) return;
    if (part.errorCode === OFFSET_OUT_OF_RANGE) {
      await this.#outOfRange(link, one);
    } else if (part.errorCode !== 0) {
      const cause = new Error(`${part.topic}/${part.partition}: the broker answered with error ${part.errorCode}`);
      this.#retryLater([one.subscription], cause);
    } else {
      one.subscription.backoff.reset();
      const { topic, partition, offset: from } = one;
      const set = await decodeRecordSet(part.records, { topic, partition, from, compacted: this.#compacted });
      one.subscription.deliver(one.ticket, { ...set, end: part.highWatermark });
    }
  }

  /** The broker does not say on which side; the log's ends do. */
  async #outOfRange(link: BrokerLink, { subscription, topic, partition, offset }: Asked): Promise<void> {
    const [low, end] = await Promise.all([link.offsetAt(topic, partition, -2), link.offsetAt(topic, partition, -1)]);
    if (low === null || end === null) return;
    if (offset < low) subscription.problem({ kind: "gap", position: offset, low });
    else if (offset > end) subscription.problem({ kind: "truncated", position: offset, end });
  }

  /** Leaves these out until a pause is over and the metadata was asked for again. */
  #retryLater(subscriptions: readonly Subscription[], cause: unknown): void {
    if (this.#closed) return;
    let pauseMs = PAUSE_MS;
    for (const subscription of subscriptions) {
      pauseMs = Math.max(pauseMs, subscription.backoff.next());
      this.#held.add(subscription);
      subscription.problem({ kind: "unreachable", cause });
    }
    this.#pause ??= setTimeout(() => {
      this.#pause = null;
      this.#held.clear();
      this.#stale = true;
      this.#wake.ring();
    }, pauseMs);
  }
}
