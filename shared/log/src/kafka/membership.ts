/**
 * Membership of a group: a kafkajs consumer that reads nothing.
 *
 * All its partitions are paused; it joins, sends heartbeats and is told its partitions (no handler of ours
 * runs inside it, so none can hold up its heartbeats or outlive its assignment). It never restarts itself: after a
 * crash of the library another one takes its place, with a new client.
 * M1 `onLost` comes when the consumer crashed, when no heartbeat succeeded for a session timeout, and when the
 *    broker had taken the member out; what follows is a new `onAssignment`: after another join, or, where the broker
 *    had kept the member through its silence (a broker that was restarted), with the next heartbeat that succeeds.
 * M2 A generation is the count of joins of this membership: only equality means anything.
 */
import { assert, reasonOf } from "@busbar/kernel";
import { type Consumer, Kafka } from "kafkajs";
import type { JoinOptions, Membership } from "../event-log.ts";
import { claimAssigner } from "./assigner.ts";
import { clientConfig } from "./client-config.ts";
import type { KafkaSettings } from "./options.ts";
import { within } from "./producer.ts";
import { SocketSet } from "./sockets.ts";
import { Backoff } from "../wake.ts";

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 3_000;
const COMMIT_LIMIT_MS = 10_000;
const LEAVE_LIMIT_MS = 3_000;

interface Running {
  readonly consumer: Consumer;
  readonly sockets: SocketSet;
}

export class KafkaMembership implements Membership {
  readonly #options: JoinOptions;
  readonly #settings: KafkaSettings;
  readonly #backoff = new Backoff(FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
  #running: Running | null = null;
  #left = false;
  #lost = true;
  #generation = 0;
  #count = 0;
  #memberId = "";
  /** Of the latest join. */
  #assignment: readonly number[] = [];
  /** The broker's generation that heartbeats of the join before carried. */
  #brokerGeneration: { readonly of: number; readonly id: number } | null = null;
  #silence: NodeJS.Timeout | null = null;
  #restart: NodeJS.Timeout | null = null;

  constructor(options: JoinOptions, settings: KafkaSettings) {
    assert(options.topics.length > 0, "join: a group has topics");
    this.#options = options;
    this.#settings = settings;
    this.#start();
  }

  get memberName(): string {
    return this.#memberId === "" ? this.#settings.clientId : this.#memberId;
  }

  heartbeats(): { readonly generation: number; readonly count: number } {
    return { generation: this.#generation, count: this.#count };
  }

  async commit(topic: string, positions: ReadonlyMap<number, bigint>): Promise<void> {
    const offsets = [...positions].map(([partition, next]) => ({ topic, partition, offset: String(next) }));
    if (this.#running === null || offsets.length === 0) return;
    await within(this.#running.consumer.commitOffsets(offsets), COMMIT_LIMIT_MS, "the commit");
  }

  async leave(): Promise<void> {
    this.#left = true;
    if (this.#silence !== null) clearTimeout(this.#silence);
    if (this.#restart !== null) clearTimeout(this.#restart);
    const running = this.#running;
    this.#running = null;
    if (running === null) return;
    // A broker that is away takes the member out by itself.
    await within(running.consumer.disconnect(), LEAVE_LIMIT_MS, "leaving the group").catch(() => undefined);
    running.sockets.destroyAll();
  }

  #start(): void {
    const settings = this.#settings;
    const options = this.#options;
    const sockets = new SocketSet(settings.route);
    const consumer = new Kafka(clientConfig(settings, sockets)).consumer({
      groupId: options.group,
      partitionAssigners: [claimAssigner(() => options.owned(), { mode: options.assignment ?? settings.assignment })],
      sessionTimeout: settings.sessionTimeoutMs,
      rebalanceTimeout: settings.sessionTimeoutMs,
      heartbeatInterval: settings.heartbeatIntervalMs,
      maxWaitTimeInMs: settings.maxWaitMs,
      allowAutoTopicCreation: false,
      readUncommitted: true,
      retry: { restartOnFailure: () => Promise.resolve(false) },
    });
    const running = { consumer, sockets };
    this.#running = running;
    this.#listen(running);
    this.#run(running).catch((cause: unknown) => this.#crashed(running, cause));
  }

  async #run({ consumer }: Running): Promise<void> {
    await consumer.connect();
    await consumer.subscribe({ topics: [...this.#options.topics], fromBeginning: true });
    await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: () => Promise.resolve() });
  }

  #listen(running: Running): void {
    const { consumer } = running;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      if (running !== this.#running) return;
      // Before the first fetch of this assignment: nothing is ever read here.
      consumer.pause(this.#options.topics.map((topic) => ({ topic })));
      this.#joined(payload.memberId, payload.memberAssignment);
    });
    consumer.on(consumer.events.HEARTBEAT, ({ payload }) => {
      if (running === this.#running) this.#heartbeat(payload.groupGenerationId);
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      this.#crashed(running, payload.error);
    });
  }

  #joined(memberId: string, assignment: Readonly<Record<string, readonly number[]>>): void {
    // kafkajs joins anew under another id when the broker had taken the member out, without a word.
    if (this.#memberId !== "" && this.#memberId !== memberId) this.#lose("the broker had taken the member out");
    this.#memberId = memberId;
    this.#assignment = [...new Set(Object.values(assignment).flat())].sort((a, b) => a - b);
    this.#announce();
  }

  #announce(): void {
    this.#lost = false;
    this.#generation += 1;
    this.#count = 0;
    this.#backoff.reset();
    this.#watchSilence();
    this.#options.onAssignment(this.#assignment, this.#generation);
  }

  #heartbeat(brokerGeneration: number): void {
    const known = this.#brokerGeneration;
    const ofEarlierJoin = known !== null && known.of < this.#generation && known.id === brokerGeneration;
    if (ofEarlierJoin) return;
    if (this.#lost) this.#announce();
    this.#brokerGeneration = { of: this.#generation, id: brokerGeneration };
    this.#count += 1;
    this.#watchSilence();
  }

  #watchSilence(): void {
    if (this.#silence !== null) clearTimeout(this.#silence);
    const limit = this.#settings.sessionTimeoutMs;
    this.#silence = setTimeout(() => this.#lose(`no heartbeat succeeded for ${limit} ms`), limit);
  }

  #lose(reason: string): void {
    if (this.#lost || this.#left) return;
    this.#lost = true;
    this.#options.onLost(reason);
  }

  #crashed(running: Running, cause: unknown): void {
    running.sockets.destroyAll();
    running.consumer.disconnect().catch(() => undefined);
    if (running !== this.#running || this.#left) return;
    this.#running = null;
    this.#lose(reasonOf(cause));
    this.#memberId = "";
    this.#restart = setTimeout(() => this.#start(), this.#backoff.next());
  }
}
