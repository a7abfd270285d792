/**
 * The faults of a seed. Some come at a time, some at a moment: when a record of a type lands, when a gateway is about
 * to send, so that the narrow places between a check and its deed are hit more often than by chance.
 */
import { claimHeaders } from "@busbar/events";
import type { ToolRun } from "@busbar/runtime";
import type { Broker, Placed } from "./broker.ts";
import { type Cluster, TOPICS } from "./cluster.ts";
import type { Groups } from "./groups.ts";
import type { Network, Weather } from "./network.ts";
import type { NodeKind, SimNode } from "./node.ts";
import type { Scheduler } from "./scheduler.ts";
import { CALM, type ToolWeather, type World } from "./world.ts";

const PROCESSES: readonly NodeKind[] = ["gateway", "gateway", "supervisor", "agent"];
const CLEAR: Weather = { latencyMs: 1.5, slowShare: 0.01, stallShare: 0, lossShare: 0, answerLimitMs: 700, lateMs: 0 };
const MINUTES_10 = 600_000;

export interface ChaosParts {
  readonly scheduler: Scheduler;
  readonly broker: Broker;
  readonly network: Network;
  readonly groups: Groups;
  readonly cluster: Cluster;
  readonly world: World;
}

/** What a seed may do to the bus; drawn once, printed in a trace. */
export interface Climate {
  readonly weather: Weather;
  readonly tools: ToolWeather;
  readonly lotShare: number;
  /** Faults at a time, and at a moment. */
  readonly timed: number;
  readonly sprung: number;
}

export function drawClimate(scheduler: Scheduler): Climate {
  const isWild = scheduler.chance(0.8);
  const some = (most: number): number => (isWild && scheduler.chance(0.6) ? scheduler.between(0, most) : 0);
  return {
    weather: {
      latencyMs: scheduler.pick([0.5, 2, 10]),
      slowShare: scheduler.pick([0, 0.02, 0.1]),
      stallShare: scheduler.pick([0, 0.005, 0.03]),
      lossShare: some(0.08),
      answerLimitMs: scheduler.pick([300, 700, 1500]),
      lateMs: scheduler.pick([0, 1000, 6000]),
    },
    tools: {
      slow: some(0.2),
      lost: some(0.08),
      late: some(0.1),
      unanswered: some(0.1),
      failBefore: some(0.15),
      fail: some(0.08),
      invalid: some(0.05),
      unknown: some(0.05),
      throttled: some(0.1),
    },
    lotShare: isWild ? scheduler.pick([0, 0.2, 0.7]) : 0,
    timed: isWild ? scheduler.dice.below(16) : scheduler.dice.below(2),
    sprung: isWild ? scheduler.dice.below(14) : 0,
  };
}

export class Chaos {
  readonly #parts: ChaosParts;
  readonly #springs: ((type: string, node: SimNode) => boolean)[] = [];
  /** Some clock was ahead for a while: times on the log may be. */
  movedForward = false;
  #isOver = false;

  constructor(parts: ChaosParts) {
    this.#parts = parts;
  }

  /** Faults from now on, until `calm`. */
  begin(climate: Climate, windowMs: number): void {
    const { scheduler, network, groups, world, broker } = this.#parts;
    Object.assign(network.weather, climate.weather);
    world.weather = climate.tools;
    groups.lotShare = climate.lotShare;
    for (let count = 0; count < climate.timed; count += 1) {
      scheduler.schedule(scheduler.between(0, windowMs), null, "fault", () => this.#strike());
    }
    for (let count = 0; count < climate.sprung; count += 1) {
      scheduler.schedule(scheduler.between(0, windowMs), null, "a fault waits", () => this.#spring());
    }
    broker.onAppend((record) => this.#onAppend(record));
    world.onSend = (node, run) => this.#onSend(node, run);
  }

  /** Faults cease: whatever lives works, every clock is right, everything arrives. */
  calm(): void {
    const { network, groups, world, cluster } = this.#parts;
    this.#isOver = true;
    Object.assign(network.weather, CLEAR);
    world.weather = CALM;
    world.onSend = null;
    groups.lotShare = 0;
    for (const node of cluster.nodes) {
      node.clockOffMs = 0;
      node.cutSinceMs = null;
      node.thaw();
    }
  }

  #victim(...kinds: readonly NodeKind[]): SimNode | null {
    const { scheduler, cluster } = this.#parts;
    const alive = cluster.alive(...kinds);
    return alive.length === 0 ? null : scheduler.pick(alive);
  }

  #strike(): void {
    if (this.#isOver) return;
    const { scheduler, groups } = this.#parts;
    const node = this.#victim(scheduler.pick(PROCESSES));
    const luck = scheduler.random();
    if (luck < 0.08 && groups.names().length > 0) return groups.rebalance(scheduler.pick(groups.names()));
    if (luck < 0.16) return this.#intrude();
    if (node === null) return;
    if (luck < 0.4) return this.#parts.cluster.kill(node);
    if (luck < 0.62) return this.#freeze(node);
    if (luck < 0.76) return this.#cut(node);
    if (luck < 0.88) return this.#moveClock(node);
    this.#parts.cluster.replace(node);
  }

  #freeze(node: SimNode): void {
    const { scheduler } = this.#parts;
    const forMs = scheduler.pick([80, 600, 4000, 12_000, 25_000]) * scheduler.between(0.5, 1.5);
    node.freeze();
    scheduler.schedule(forMs, null, `${node.name} thaws`, () => node.thaw());
  }

  #cut(node: SimNode): void {
    const { scheduler } = this.#parts;
    node.cutSinceMs ??= scheduler.nowMs;
    scheduler.schedule(scheduler.between(100, 9000), null, `${node.name} is back`, () => {
      node.cutSinceMs = null;
    });
  }

  #moveClock(node: SimNode): void {
    const { scheduler } = this.#parts;
    node.clockOffMs = scheduler.pick([-MINUTES_10, MINUTES_10, -4000, 4000, 60_000]);
    if (node.clockOffMs > 0) this.movedForward = true;
    scheduler.schedule(scheduler.between(500, 8000), null, `the clock of ${node.name} is set`, () => {
      node.clockOffMs = 0;
    });
  }

  /** A fault that waits for its moment: the first record of a type that a node writes, or a call it is about to send. */
  #spring(): void {
    const { scheduler, cluster } = this.#parts;
    const moment = scheduler.pick([
      "send",
      "send",
      "EffectAdmitted",
      "EffectCommitted",
      "HaltAcknowledged",
      "PartitionClaimed",
      "DoorOpened",
      "EffectInDoubt",
      "TaskSent",
    ]);
    const freezes = scheduler.chance(moment === "send" ? 0.75 : 0.5);
    this.#springs.push((type, node) => {
      if (type !== moment || node.state !== "up") return false;
      if (freezes) this.#freeze(node);
      else cluster.kill(node);
      return true;
    });
  }

  #fire(type: string, node: SimNode | undefined): void {
    if (this.#isOver || node === undefined) return;
    const index = this.#springs.findIndex((spring) => spring(type, node));
    if (index >= 0) this.#springs.splice(index, 1);
  }

  #onSend(node: SimNode, _run: ToolRun): void {
    this.#fire("send", node);
  }

  #onAppend(record: Placed): void {
    if (record.topic !== TOPICS.events || this.#springs.length === 0) return;
    const owner = record.headers["type"] === "PartitionClaimed" ? record.headers["owner"] : this.#ownerOf(record);
    this.#fire(
      record.headers["type"] ?? "",
      this.#parts.cluster.nodes.find((node) => node.name === owner),
    );
  }

  /** The nonce of a claim starts with the name of its node. */
  #ownerOf(record: Placed): string {
    const nonce = record.headers["epoch"]?.split(":")[1] ?? "";
    return nonce.slice(0, nonce.lastIndexOf("-"));
  }

  /** Records that nobody asked for: old ones once more, stamps that do not fit, a claim of somebody who then is silent. */
  #intrude(): void {
    const { scheduler, broker } = this.#parts;
    const partition = scheduler.dice.below(broker.partitions(TOPICS.events));
    const records = broker.records(TOPICS.events, partition);
    const old = records.length === 0 ? undefined : scheduler.pick(records);
    const luck = scheduler.random();
    if (luck < 0.25 || old === undefined || old.value === null) {
      const headers = claimHeaders({ owner: "intruder", nonce: `intruder-${scheduler.steps}` });
      broker.append(TOPICS.events, partition, [{ key: "x", value: new Uint8Array([0]), headers }]);
      return;
    }
    const last = records.findLast((record) => record.headers["epoch"] !== undefined) ?? old;
    const epoch = last.headers["epoch"] ?? "0:x";
    const at = String(records.length + (scheduler.chance(0.5) ? 0 : 1));
    const headers =
      luck < 0.6 ? old.headers : { ...old.headers, epoch, at: luck < 0.8 ? String(records.length + 1) : at };
    const isForgery = headers["at"] === String(records.length);
    // Who has the rights of an owner and writes what an owner would write is outside of what the log can tell apart.
    const stamped = isForgery ? { ...headers, epoch: "0:nobody" } : headers;
    broker.append(TOPICS.events, partition, [{ key: old.key ?? "x", value: old.value, headers: stamped }]);
  }
}
