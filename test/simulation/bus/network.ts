/**
 * What lies between a node and the broker: time, loss, late arrival. Each request is two scheduled events, its arrival
 * (the world's) and its answer (the node's). Requests of one channel arrive, and are answered, in their order, as on a
 * connection; one that was given up may still arrive later, out of any order.
 */
import { EPOCH_MS, type SimNode } from "./node.ts";
import type { Scheduler } from "./scheduler.ts";

/** What a sender hears when it hears nothing. */
export const LOST = Symbol("no answer");

/** Probabilities and times of the seed; faults move them for a while. */
export interface Weather {
  /** Usual one-way time, ms. */
  latencyMs: number;
  /** Share of messages that take up to 40 times as long. */
  slowShare: number;
  /** Share of fetches that stall for seconds, each follower by itself: one topic lags behind the others. */
  stallShare: number;
  /** Share of writes whose answer is lost, whatever became of the write. */
  lossShare: number;
  /** After so long without an answer a request is given up, ms. */
  answerLimitMs: number;
  /** A request that was given up arrives at most so much later, ms. */
  lateMs: number;
}

type Fate = "served" | "answer-lost" | "request-lost" | "late";

export class Network {
  readonly scheduler: Scheduler;
  readonly weather: Weather;

  constructor(scheduler: Scheduler, weather: Weather) {
    this.scheduler = scheduler;
    this.weather = weather;
  }

  delayMs(): number {
    const { latencyMs, slowShare } = this.weather;
    const factor = this.scheduler.chance(slowShare) ? this.scheduler.between(2, 40) : this.scheduler.between(0.2, 2);
    return latencyMs * factor;
  }

  /** Time of a fetch's request, ms. */
  fetchMs(): number {
    return this.scheduler.chance(this.weather.stallShare) ? this.scheduler.between(300, 6000) : this.delayMs();
  }

  fate(): Fate {
    const { lossShare } = this.weather;
    if (lossShare === 0 || !this.scheduler.chance(lossShare)) return "served";
    return this.scheduler.pick(["answer-lost", "request-lost", "late"] as const);
  }

  /** Broker time of a record that lands now, ms. */
  appendedAtMs(): number {
    return EPOCH_MS + Math.floor(this.scheduler.nowMs);
  }

  open(node: SimNode): Channel {
    return new Channel(this, node);
  }
}

export class Channel {
  readonly #network: Network;
  readonly #node: SimNode;
  #lastArrivalMs = 0;
  #lastAnswerMs = 0;

  constructor(network: Network, node: SimNode) {
    this.#network = network;
    this.#node = node;
  }

  /** Served at the broker, or LOST: then it may have been served, may be later, or never. */
  ask<T>(what: string, serve: () => T, fate: Fate = "served"): Promise<T | typeof LOST> {
    const { scheduler, weather } = this.#network;
    const node = this.#node;
    return new Promise((resolve, reject) => {
      const giveUp = (): void => void node.later(weather.answerLimitMs, `${what}: no answer`, () => resolve(LOST));
      if (node.cutSinceMs !== null || fate === "request-lost") return giveUp();
      if (fate === "late") {
        const lateMs = weather.answerLimitMs + scheduler.between(0, weather.lateMs);
        scheduler.schedule(lateMs, null, `${what} of ${node.name} arrives late`, () => void serve());
        return giveUp();
      }
      scheduler.schedule(this.#arrival(), null, `${what} of ${node.name}`, () => {
        try {
          const value = serve();
          // An answer that finds the line cut is lost, the record is not.
          if (fate === "answer-lost" || node.cutSinceMs !== null) return giveUp();
          node.later(this.#answer(), `${what} answered`, () => resolve(value));
        } catch (error) {
          node.later(this.#answer(), `${what} refused`, () => reject(error instanceof Error ? error : new Error(what)));
        }
      });
    });
  }

  #arrival(): number {
    const { scheduler } = this.#network;
    this.#lastArrivalMs = Math.max(scheduler.nowMs + this.#network.delayMs(), this.#lastArrivalMs);
    return this.#lastArrivalMs - scheduler.nowMs;
  }

  #answer(): number {
    const { scheduler } = this.#network;
    this.#lastAnswerMs = Math.max(scheduler.nowMs + this.#network.delayMs(), this.#lastAnswerMs);
    return this.#lastAnswerMs - scheduler.nowMs;
  }
}
