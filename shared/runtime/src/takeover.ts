/**
 * Who lives, by the heartbeats of gateways, and who takes over the partitions of one that does not (ADR 0013).
 *
 * V1 Time is the broker's: a gateway is silent when its beats have stopped while the records of others go on. A reader
 *    that was frozen itself reads what it missed in order, and finds nobody silent.
 * V2 All of it is a function of the heartbeats topic up to a position, one partition in one order: two gateways that
 *    read the same prefix see the same gateways live, and the same successor.
 * V3 It is a matter of speed only. Which records count is decided by claims (PROTOCOL 2.2), so a wrong guess costs a
 *    takeover and never a second effect.
 */
import type { MessageOf } from "@busbar/events";
import { shortHash } from "@busbar/kernel";

type Beat = MessageOf<"GatewayHeartbeat">;

interface Held {
  readonly gateway: string;
  readonly atMs: number;
}

interface Living {
  readonly atMs: number;
  readonly partitions: number;
}

export class GatewayLives {
  /** Broker time of the newest record, and of the first one that was read here, ms. */
  #nowMs = 0;
  #sinceMs = 0;
  readonly #gateways = new Map<string, Living>();
  /** Who last named a partition as its own, and when. */
  readonly #held = new Map<number, Held>();

  /** Any record of the topic, in order: time goes on. */
  passed(atMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, atMs);
    if (this.#sinceMs === 0) this.#sinceMs = atMs;
  }

  take({ gateway, doors }: Beat, atMs: number): void {
    this.passed(atMs);
    this.#gateways.set(gateway, { atMs, partitions: doors.length });
    for (const { partition } of doors) this.#held.set(partition, { gateway, atMs });
    if (this.#gateways.size <= GATEWAYS_KEPT) return;
    for (const [name, found] of this.#gateways) if (this.#nowMs - found.atMs > FORGET_MS) this.#gateways.delete(name);
  }

  /** Its last beat lies within the bound. */
  isLive(gateway: string, boundMs: number): boolean {
    const found = this.#gateways.get(gateway);
    return found !== undefined && this.#nowMs - found.atMs < boundMs;
  }

  /** It is silent for the bound: since it was heard of, or since anybody was. */
  isGone(gateway: string, boundMs: number): boolean {
    if (this.#gateways.has(gateway)) return !this.isLive(gateway, boundMs);
    return this.#sinceMs > 0 && this.#nowMs - this.#sinceMs >= boundMs;
  }

  /** How long nobody has named the partition as his own, ms; null where nobody ever did. */
  silenceMs(partition: number): number | null {
    const held = this.#held.get(partition);
    return held === undefined ? null : this.#nowMs - held.atMs;
  }

  /** Gateways that live, in the order in which they take the partition over: who has the fewest, then by chance of name. */
  successors(partition: number, boundMs: number): readonly string[] {
    const place = (name: string): string => shortHash("successor", String(partition), name);
    return [...this.#gateways]
      .filter(([name]) => this.isLive(name, boundMs))
      .sort(([a, left], [b, right]) => left.partitions - right.partitions || (place(a) < place(b) ? -1 : 1))
      .map(([name]) => name);
  }
}

const GATEWAYS_KEPT = 1000;
const FORGET_MS = 600_000;

export interface TakeoverSettings {
  /** Silence after which a partition is taken over, ms. */
  readonly silenceMs: number;
  /** How much longer each further successor waits for the one before it, ms. */
  readonly stepMs: number;
}

/** Takeovers of one partition that a gateway remembers, ms, and how often it doubles its patience for them. */
const REMEMBERED_MS = 60_000;
const MAX_DOUBLINGS = 5;

/** One gateway's decision to take partitions over, with its back-off: it takes the same one ever more slowly. */
export class Takeovers {
  readonly #lives: GatewayLives;
  readonly #self: string;
  readonly #settings: TakeoverSettings;
  readonly #taken = new Map<number, readonly number[]>();

  constructor(lives: GatewayLives, self: string, settings: TakeoverSettings) {
    this.#lives = lives;
    this.#self = self;
    this.#settings = settings;
  }

  /** Whether to claim a partition that we do not hold now, at `nowMs` of any clock that does not go back. */
  isDue(partition: number, isAssigned: boolean, nowMs: number): boolean {
    const { silenceMs, stepMs } = this.#settings;
    const silence = this.#lives.silenceMs(partition);
    if (silence === null) return false;
    const boundMs = silenceMs * 2 ** this.#recent(partition, nowMs).length;
    if (silence < boundMs) return false;
    // Whose own beats do not arrive is as good as dead to the others: it does not judge them.
    if (!this.#lives.isLive(this.#self, silenceMs)) return false;
    if (isAssigned) return true;
    const rank = this.#lives.successors(partition, silenceMs).indexOf(this.#self);
    return rank >= 0 && silence >= boundMs + rank * stepMs;
  }

  took(partition: number, nowMs: number): void {
    this.#taken.set(partition, [...this.#recent(partition, nowMs), nowMs].slice(-MAX_DOUBLINGS));
  }

  #recent(partition: number, nowMs: number): readonly number[] {
    return (this.#taken.get(partition) ?? []).filter((atMs) => nowMs - atMs < REMEMBERED_MS);
  }
}
