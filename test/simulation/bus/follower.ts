/** One follower of one partition, by the contract of the port: positions in order, each once, one handler at a time. */
import type { FollowOptions, Follower } from "@busbar/log";
import type { Broker } from "./broker.ts";
import type { Network } from "./network.ts";
import type { SimNode } from "./node.ts";

const RETRY_MS = 100;
/** Records of one delivery, at most; how many of them a fetch brings is drawn. */
const MAX_RECORDS = 64;

export class SimFollower implements Follower {
  readonly #node: SimNode;
  readonly #broker: Broker;
  readonly #network: Network;
  readonly #options: FollowOptions;
  #position: bigint;
  /** Seek, pause and stop make what is under way void. */
  #turn = 0;
  #isAsking = false;
  #isPaused = false;
  #isStopped = false;
  #isUnreachable = false;
  #running: Promise<void> | null = null;

  constructor(node: SimNode, broker: Broker, network: Network, options: FollowOptions) {
    this.#node = node;
    this.#broker = broker;
    this.#network = network;
    this.#options = options;
    this.#position = options.from;
    this.#ask();
  }

  position(): bigint {
    return this.#position;
  }

  seek(offset: bigint): void {
    this.#position = offset;
    this.#changed();
  }

  pause(): void {
    this.#isPaused = true;
    this.#changed();
  }

  resume(): void {
    this.#isPaused = false;
    this.#changed();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#changed();
    await this.#running;
  }

  #changed(): void {
    this.#turn += 1;
    this.#isAsking = false;
    this.#ask();
  }

  #ask(): void {
    if (this.#isAsking || this.#isPaused || this.#isStopped || this.#running !== null) return;
    this.#isAsking = true;
    const turn = this.#turn;
    const { topic, partition } = this.#options;
    this.#network.scheduler.schedule(this.#network.fetchMs(), null, `fetch ${topic}/${partition}`, () =>
      this.#serve(turn),
    );
  }

  /** At the broker. */
  #serve(turn: number): void {
    if (turn !== this.#turn || this.#node.state === "dead") return;
    const { topic, partition } = this.#options;
    if (this.#node.cutSinceMs !== null) return this.#retry(turn);
    if (this.#isUnreachable) this.#node.later(this.#network.delayMs(), "broker back", () => this.#reached(turn));
    const end = this.#broker.end(topic, partition);
    if (this.#position >= end) {
      this.#broker.awaitAppend(topic, partition, () => this.#serve(turn));
      return;
    }
    const { scheduler } = this.#network;
    const count = scheduler.chance(0.3) ? 1 + scheduler.dice.below(MAX_RECORDS) : MAX_RECORDS;
    const from = Number(this.#position);
    const records = this.#broker.records(topic, partition).slice(from, from + count);
    this.#node.later(this.#network.delayMs(), `delivery ${topic}/${partition} from ${from}`, () => {
      if (turn !== this.#turn || this.#isStopped) return;
      if (this.#node.cutSinceMs !== null) return this.#retry(turn);
      this.#reached(turn);
      const next = this.#position + BigInt(records.length);
      this.#position = next;
      this.#isAsking = false;
      this.#hand({ records, unreadable: [], next, end });
    });
  }

  #retry(turn: number): void {
    this.#node.later(RETRY_MS, "broker away", () => {
      if (turn !== this.#turn || this.#isStopped) return;
      if (!this.#isUnreachable) this.#options.onProblem({ kind: "unreachable", cause: new Error("cut off") });
      this.#isUnreachable = true;
      this.#network.scheduler.schedule(this.#network.delayMs(), null, "fetch again", () => this.#serve(turn));
    });
  }

  #reached(turn: number): void {
    if (turn !== this.#turn || this.#isStopped || !this.#isUnreachable || this.#node.cutSinceMs !== null) return;
    this.#isUnreachable = false;
    this.#options.onReached?.();
  }

  #hand(delivery: Parameters<FollowOptions["onDelivery"]>[0]): void {
    const outcome = this.#options.onDelivery(delivery) ?? undefined;
    if (outcome === undefined) return this.#ask();
    this.#running = outcome.finally(() => {
      this.#running = null;
      this.#ask();
    });
  }
}
