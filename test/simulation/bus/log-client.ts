/** The log as one node sees it: the EventLog port over the simulated broker and network. */
import { busbarError } from "@busbar/kernel";
import type {
  Appender,
  AppendOutcome,
  Delivery,
  EventLog,
  FollowOptions,
  JoinOptions,
  NewRecord,
  Publication,
  TopicSettings,
} from "@busbar/log";
import type { Broker } from "./broker.ts";
import { SimFollower } from "./follower.ts";
import type { Groups } from "./groups.ts";
import { type Channel, LOST, type Network } from "./network.ts";
import type { SimNode } from "./node.ts";

export interface Wires {
  readonly broker: Broker;
  readonly network: Network;
  readonly groups: Groups;
}

const UNKNOWN: AppendOutcome = { kind: "unknown", cause: new Error("no answer") };
const MAX_READ = 64;
/** Of no batch here is so large. */
const MAX_BATCH_BYTES = 1_048_588;

const unavailable = (what: string): Error => busbarError("BUSBAR_LOG_UNAVAILABLE", { reason: `${what}: no answer` });

/** The log of a node. */
export function openLog(wires: Wires, node: SimNode): EventLog {
  return new LogClient(wires, node);
}

class LogClient implements EventLog {
  readonly capabilities = { adapter: "embedded", groups: true, durable: true } as const;
  readonly #wires: Wires;
  readonly #node: SimNode;
  readonly #reads: Channel;
  readonly #writes: Channel;

  constructor(wires: Wires, node: SimNode) {
    this.#wires = wires;
    this.#node = node;
    this.#reads = wires.network.open(node);
    this.#writes = wires.network.open(node);
  }

  ensureTopics(): Promise<void> {
    return Promise.resolve();
  }

  listTopics(): Promise<readonly string[]> {
    return this.#ask("topics", () => this.#wires.broker.topics());
  }

  partitionCount(topic: string): Promise<number> {
    return this.#ask("metadata", () => this.#wires.broker.partitions(topic));
  }

  topicSettings(topic: string): Promise<TopicSettings> {
    return this.#ask("metadata", () => {
      const partitions = this.#wires.broker.partitions(topic);
      return { partitions, replicas: 1, config: new Map([["flush.messages", "1"]]) };
    });
  }

  openAppender(topic: string, partition: number): Promise<Appender> {
    const { network, broker } = this.#wires;
    const appender = new SimAppender(network, network.open(this.#node), `append ${topic}/${partition}`, (records) =>
      broker.append(topic, partition, records),
    );
    return this.#ask("producer", () => appender);
  }

  async publish(publications: readonly Publication[]): Promise<readonly AppendOutcome[]> {
    if (publications.length === 0) return [];
    const { broker, network } = this.#wires;
    const { scheduler } = network;
    const fate = network.fate();
    // A request that is cut off in the middle: some partitions took their part, others did not.
    const taken =
      fate === "answer-lost" && scheduler.chance(0.5) ? scheduler.dice.below(publications.length + 1) : null;
    const serve = (): readonly AppendOutcome[] =>
      publications.slice(0, taken ?? publications.length).map(({ topic, partition, record }) => {
        const baseOffset = broker.append(topic, partition, [record]);
        return {
          kind: "appended",
          baseOffset,
          appendedAtMs: broker.records(topic, partition).at(-1)?.timestampMs ?? null,
        };
      });
    const answer = await this.#writes.ask(`publish ${publications[0]?.topic ?? ""}`, serve, fate);
    return answer === LOST ? publications.map(() => UNKNOWN) : answer;
  }

  offsets(topic: string, partition: number): Promise<{ readonly low: bigint; readonly end: bigint }> {
    return this.#ask("offsets", () => ({ low: 0n, end: this.#wires.broker.end(topic, partition) }));
  }

  offsetAt(topic: string, partition: number, atMs: number): Promise<bigint> {
    return this.#ask("offset-at", () => {
      const records = this.#wires.broker.records(topic, partition);
      const found = records.find((record) => record.timestampMs >= atMs);
      return found?.offset ?? BigInt(records.length);
    });
  }

  async *read(
    topic: string,
    partition: number,
    range: { readonly from: bigint; readonly to?: bigint },
  ): AsyncGenerator<Delivery> {
    const { broker, network } = this.#wires;
    const to = range.to ?? (await this.offsets(topic, partition)).end;
    for (let at = range.from; at < to;) {
      const count = network.scheduler.chance(0.2) ? 1 + network.scheduler.dice.below(MAX_READ) : MAX_READ;
      const delivery = await this.#ask(`read ${topic}/${partition} from ${at}`, () => {
        const end = broker.end(topic, partition);
        if (to > end)
          throw busbarError("BUSBAR_LOG_TRUNCATED", { topic, partition, end: String(end), position: String(to) });
        const last = Math.min(Number(to), Number(at) + count);
        const records = broker.records(topic, partition).slice(Number(at), last);
        return { records, unreadable: [], next: at + BigInt(records.length), end };
      });
      at = delivery.next;
      yield delivery;
    }
  }

  follow(options: FollowOptions): SimFollower {
    return new SimFollower(this.#node, this.#wires.broker, this.#wires.network, options);
  }

  join(options: JoinOptions) {
    return this.#ask("join", () => this.#wires.groups.join(this.#node, options));
  }

  committed(group: string, topic: string, partition: number): Promise<bigint | null> {
    return this.#ask("committed", () => this.#wires.broker.committed(group, topic, partition));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #ask<T>(what: string, serve: () => T): Promise<T> {
    const answer = await this.#reads.ask(what, serve);
    if (answer === LOST) throw unavailable(what);
    return answer;
  }
}

/** One request in flight; dead after the first answer that did not come. */
class SimAppender implements Appender {
  readonly maxBatchBytes = MAX_BATCH_BYTES;
  readonly #network: Network;
  readonly #channel: Channel;
  readonly #what: string;
  readonly #write: (records: readonly NewRecord[]) => bigint;
  #last: Promise<unknown> = Promise.resolve();
  #isDead = false;

  constructor(network: Network, channel: Channel, what: string, write: (records: readonly NewRecord[]) => bigint) {
    this.#network = network;
    this.#channel = channel;
    this.#what = what;
    this.#write = write;
  }

  append(records: readonly NewRecord[]): Promise<AppendOutcome> {
    const done = this.#last.then(() => this.#send(records));
    this.#last = done;
    return done;
  }

  async #send(records: readonly NewRecord[]): Promise<AppendOutcome> {
    if (this.#isDead) return UNKNOWN;
    const types = records.map(({ headers }) => headers?.["type"] ?? "?").join(" ");
    const serve = (): AppendOutcome => {
      const baseOffset = this.#write(records);
      return { kind: "appended", baseOffset, appendedAtMs: this.#network.appendedAtMs() };
    };
    const answer = await this.#channel.ask(`${this.#what} (${types})`, serve, this.#network.fate());
    if (answer !== LOST) return answer;
    this.#isDead = true;
    return UNKNOWN;
  }

  close(): Promise<void> {
    this.#isDead = true;
    return Promise.resolve();
  }
}
