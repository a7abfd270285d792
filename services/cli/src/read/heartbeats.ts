/** Who gave a sign of life lately, by the broker's clock: supervisors and gateways per events partition, agent processes. */
import type { BusHeartbeat, MessageOf } from "@busbar/events";
import type { Reading } from "./partition.ts";

export interface SupervisorLife {
  readonly supervisor: string;
  readonly partition: number;
  /** Time since the newest beat, ms. */
  readonly ageMs: number;
  readonly eventsThrough: string;
  readonly directivesEnd: string;
}

export interface AgentLife {
  readonly agent: string;
  readonly instance: string;
  /** Version whose chains it runs; empty where nobody deployed it. */
  readonly version: string;
  /** Of the agent machine, as the process says. */
  readonly state: string;
  readonly chains: readonly string[];
  readonly ageMs: number;
}

/** What the gateway that holds a partition says of its door. */
export interface DoorLife {
  readonly gateway: string;
  readonly partition: number;
  /** Of its claim; empty while it has none. */
  readonly claimOffset: string;
  readonly lifecycle: string;
  /** Why the partition is shut until a person acts; empty while it is not. */
  readonly failure: string;
  /** What to type about it. */
  readonly next: string;
  readonly ageMs: number;
}

export interface Life {
  /** One for each partition that a living gateway holds: of several, the one with the latest claim. */
  readonly doors: readonly DoorLife[];
  readonly supervisors: readonly SupervisorLife[];
  readonly agents: readonly AgentLife[];
}

/** A sign of life as it was read: `atMs` is the broker's time of its append. */
export interface Beat {
  readonly message: BusHeartbeat;
  readonly atMs: number;
}

/** Older ones are none. */
export const LIFE_BOUND_MS = 5000;

const supervisorLife = (beat: MessageOf<"SupervisorHeartbeat">, ageMs: number): SupervisorLife => {
  const { supervisor, partition, eventsThrough, directivesEnd } = beat;
  return { supervisor, partition, ageMs, eventsThrough, directivesEnd };
};

const agentLife = (beat: MessageOf<"AgentHeartbeat">, ageMs: number): AgentLife => {
  const { agent, instance, version, state, chains } = beat;
  return { agent, instance, version, state, chains: chains.map(({ chainId }) => chainId), ageMs };
};

const claimed = ({ claimOffset }: DoorLife): bigint => (claimOffset === "" ? -1n : BigInt(claimOffset));

/** Of all gateways that speak of a partition, the one that claimed it last: what an older one says is over. */
function holders(beats: Iterable<readonly [MessageOf<"GatewayHeartbeat">, number]>): readonly DoorLife[] {
  const held = new Map<number, DoorLife>();
  for (const [{ gateway, doors }, ageMs] of beats) {
    for (const door of doors) {
      const found = { gateway, ...door, ageMs };
      const known = held.get(door.partition);
      if (known === undefined || claimed(known) < claimed(found)) held.set(door.partition, found);
    }
  }
  return [...held.values()].sort((left, right) => left.partition - right.partition);
}

/** The newest beat of each process (supervisors: of each partition) within the bound before `nowMs`. */
export function foldLife(beats: readonly Beat[], nowMs: number, boundMs = LIFE_BOUND_MS): Life {
  const supervisors = new Map<string, SupervisorLife>();
  const agents = new Map<string, AgentLife>();
  const gateways = new Map<string, readonly [MessageOf<"GatewayHeartbeat">, number]>();
  for (const { message, atMs } of beats) {
    const ageMs = Math.max(0, nowMs - atMs);
    if (ageMs > boundMs) continue;
    if (message.type === "AgentHeartbeat") agents.set(message.instance, agentLife(message, ageMs));
    else if (message.type === "GatewayHeartbeat") gateways.set(message.gateway, [message, ageMs]);
    else if (message.type === "SupervisorHeartbeat" && message.stream === "events") {
      supervisors.set(`${message.supervisor} ${message.partition}`, supervisorLife(message, ageMs));
    }
  }
  return {
    doors: holders(gateways.values()),
    supervisors: [...supervisors.values()].sort((left, right) => left.partition - right.partition),
    agents: [...agents.values()].sort((left, right) => (left.instance < right.instance ? -1 : 1)),
  };
}

/** Reads the heartbeats of the last seconds. */
export async function readBeats(bus: Reading, nowMs: number, boundMs = LIFE_BOUND_MS): Promise<readonly Beat[]> {
  const { log, codec, topics } = bus;
  const from = await log.offsetAt(topics.heartbeats, 0, nowMs - boundMs);
  const beats: Beat[] = [];
  for await (const { records } of log.read(topics.heartbeats, 0, { from })) {
    for (const record of records) {
      const decoded = codec.decode(record.value, "heartbeat");
      if (decoded.ok) beats.push({ message: decoded.message, atMs: record.timestampMs });
    }
  }
  return beats;
}
