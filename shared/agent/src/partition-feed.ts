/**
 * One inbox partition of an agent process: followed from its committed position, committed on receipt.
 *
 * F1 A chain is started only after the position behind its assignment is committed: so an assignment is taken by one
 *    process, and one that died before it started is taken by the next (PROTOCOL 8.2).
 * F2 Commits never overlap; what comes meanwhile goes with the next one. Without an assignment they wait for a tick.
 *    A chain waits for the first commit behind its assignment and for no later one, however much comes in.
 */
import { HEADER } from "@busbar/events";
import { assert, reasonOf } from "@busbar/kernel";
import type { Delivery, EventLog, Follower, FollowProblem, StoredRecord } from "@busbar/log";
import type { Logger } from "@busbar/telemetry";

export interface FeedOptions {
  readonly log: EventLog;
  readonly logger: Logger;
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  /** False for what is meant for another version of the agent: it is passed over. */
  concerns(record: StoredRecord): boolean;
  /** Handles one record. When a chain became ready by it: what to call once the position behind it is committed. */
  onRecord(record: StoredRecord, content?: string): (() => void) | null;
  /** Fetches the content that a record only refers to. */
  fetchContent(record: StoredRecord): Promise<string>;
  /** After a commit, and after what it let start was called. */
  onCommitted(): void;
  commit(position: bigint): Promise<void>;
  /** Whether the partition's log is within reach, as far as this follower sees. */
  onReach(isReachable: boolean): void;
}

export class PartitionFeed {
  readonly #options: FeedOptions;
  #follower: Follower | null = null;
  #next: bigint | null = null;
  #committed: bigint | null = null;
  #isCommitting = false;
  /** Chains that wait for a commit, in the order of their records. */
  readonly #ready: { readonly offset: bigint; readonly start: () => void }[] = [];
  #isStopped = false;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** Starts to follow. A failure to read the position leaves the partition unfollowed; `start` may be called again. */
  async start(): Promise<void> {
    const { log, group, topic, partition } = this.#options;
    const committed = await log.committed(group, topic, partition);
    const { low, end } = await log.offsets(topic, partition);
    if (this.#isStopped) return;
    // A committed position outside of the kept log (retention, a new topic): take what there is.
    const from = committed === null || committed < low || committed > end ? low : committed;
    this.#committed = committed;
    this.#follower = log.follow({
      topic,
      partition,
      from,
      onDelivery: (delivery) => this.#onDelivery(delivery),
      onProblem: (problem) => {
        this.#onProblem(problem);
      },
      onReached: () => {
        this.#options.onReach(true);
      },
    });
  }

  /** Commits what was received since the last commit. */
  tick(): void {
    void this.#commit();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#follower?.stop();
  }

  /** Follows records one after the other; one that refers to content elsewhere holds up those behind it. */
  #onDelivery(delivery: Delivery): void | Promise<void> {
    const isWhole = !delivery.records.some((record) => this.#refersElsewhere(record));
    return isWhole ? this.#take(delivery, new Map()) : this.#fetchThenTake(delivery);
  }

  #refersElsewhere(record: StoredRecord): boolean {
    return record.headers[HEADER.claimCheck] !== undefined && this.#options.concerns(record);
  }

  async #fetchThenTake(delivery: Delivery): Promise<void> {
    const contents = new Map<bigint, string>();
    for (const record of delivery.records) {
      if (!this.#refersElsewhere(record)) continue;
      try {
        contents.set(record.offset, await this.#options.fetchContent(record));
      } catch (error) {
        const { topic, partition, logger } = this.#options;
        logger.error(
          { topic, partition, offset: String(record.offset), reason: reasonOf(error) },
          "content put aside cannot be read",
        );
      }
    }
    this.#take(delivery, contents);
  }

  #take({ records, unreadable, next }: Delivery, contents: ReadonlyMap<bigint, string>): void {
    if (this.#isStopped) return;
    const { logger, topic, partition } = this.#options;
    for (const { offset, reason } of unreadable) {
      logger.warn({ topic, partition, offset: String(offset), reason }, "an inbox position cannot be read");
    }
    for (const record of records) {
      if (!this.#options.concerns(record)) continue;
      const start = this.#options.onRecord(record, contents.get(record.offset));
      if (start !== null) this.#ready.push({ offset: record.offset, start });
    }
    this.#next = next;
    this.#options.onReach(true);
    if (this.#ready.length > 0) void this.#commit();
  }

  #onProblem(problem: FollowProblem): void {
    const { logger, topic, partition } = this.#options;
    if (problem.kind === "unreachable") {
      this.#options.onReach(false);
      return;
    }
    logger.error({ topic, partition, problem: problem.kind }, "the inbox was cut: following from what is kept");
    void this.#follower?.stop().then(() => this.start());
  }

  #startBefore(position: bigint): void {
    if (this.#isStopped) return;
    const later = this.#ready.findIndex(({ offset }) => offset >= position);
    for (const { start } of this.#ready.splice(0, later < 0 ? this.#ready.length : later)) start();
    this.#options.onCommitted();
  }

  async #commit(): Promise<void> {
    if (this.#isCommitting || this.#isStopped) return;
    this.#isCommitting = true;
    try {
      while (!this.#isStopped && this.#next !== null && this.#next !== this.#committed) {
        const position = this.#next;
        assert(this.#committed === null || position > this.#committed, "PartitionFeed: positions ascend");
        await this.#options.commit(position);
        this.#committed = position;
        this.#startBefore(position);
      }
    } catch (error) {
      // The next tick tries again; until then the chains behind it wait.
      const { logger, topic, partition } = this.#options;
      logger.warn({ topic, partition, reason: reasonOf(error) }, "the inbox position could not be committed");
    } finally {
      this.#isCommitting = false;
    }
  }
}
