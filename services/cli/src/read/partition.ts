/**
 * Reading events partitions as every part of the bus does: the placement rule, then the codec, then the pure replay.
 * State starts at the newest checkpoint of the door where there is one, so that a long log costs little.
 */
import { locateClaim } from "@busbar/log";
import { initialPartitionState, type PartitionState, replay } from "@busbar/policy";
import { createCheckpointStore, createPartitionReader, type ReadEvent, STATE_VERSION } from "@busbar/runtime";
import { type OpenBus, partitionsOf } from "../bus.ts";

export type Reading = Pick<OpenBus, "log" | "codec" | "topics">;

export interface Range {
  readonly from: bigint;
  /** Default: the end at the time of the call. */
  readonly to?: bigint;
}

/** The positions of [from, to) in their order, void ones included. */
export async function* readEvents(bus: Reading, partition: number, range: Range): AsyncGenerator<ReadEvent> {
  const { log, codec, topics } = bus;
  const { from, to } = range;
  const claim = from === 0n ? null : await locateClaim(log, topics.events, partition, from);
  const reader = createPartitionReader(codec, { offset: from, claim });
  const asked = to === undefined ? { from } : { from, to };
  for await (const delivery of log.read(topics.events, partition, asked)) yield* reader.read(delivery);
}

export interface PartitionView {
  readonly state: PartitionState;
  /** Who claimed it last; empty before the first claim. */
  readonly owner: string;
  /** Broker time of the last change of the door, ms; 0 where none was read. */
  readonly doorAtMs: number;
  /** First position that was read: what lies before comes from a checkpoint. */
  readonly readFrom: bigint;
  readonly voids: number;
  /** Valid by place and not to be decoded, as positions. */
  readonly undecodable: readonly bigint[];
}

/** Where reading the state of a partition begins: the newest usable checkpoint, or the log's first position. */
export async function startOf(
  bus: Reading,
  partition: number,
): Promise<{ readonly state: PartitionState; readonly from: bigint }> {
  const { log, topics } = bus;
  const found = await createCheckpointStore(log, topics.checkpoints).load("door", partition);
  const { low, end } = await log.offsets(topics.events, partition);
  const isUsable = found !== null && found.version === STATE_VERSION && found.offset <= end && found.offset >= low;
  if (!isUsable) return { state: initialPartitionState(partition), from: low };
  return { state: found.state as unknown as PartitionState, from: found.offset };
}

async function ownerAt(bus: Reading, partition: number, offset: bigint): Promise<string> {
  for await (const { records } of bus.log.read(bus.topics.events, partition, { from: offset, to: offset + 1n })) {
    const decoded = bus.codec.decode(records[0]?.value ?? null, "event");
    if (decoded.ok && decoded.message.type === "PartitionClaimed") return decoded.message.owner;
  }
  return "";
}

const DOOR_EVENTS: ReadonlySet<string> = new Set([
  "PartitionClaimed",
  "PartitionReleased",
  "DoorOpened",
  "DoorDegraded",
]);

/** The states of all partitions, in their order. */
export function viewPartitions(bus: OpenBus): Promise<readonly PartitionView[]> {
  return Promise.all(partitionsOf(bus).map((partition) => viewPartition(bus, partition)));
}

/** The state of a partition as its log says. With `whole` the checkpoint is passed over and every position counted. */
export async function viewPartition(bus: Reading, partition: number, whole = false): Promise<PartitionView> {
  const start = whole ? { state: initialPartitionState(partition), from: 0n } : await startOf(bus, partition);
  const { state, from } = start;
  let [owner, doorAtMs, voids] = ["", 0, 0];
  const undecodable: bigint[] = [];
  for await (const read of readEvents(bus, partition, { from })) {
    if (read.kind === "void") voids += 1;
    else if (read.kind === "undecodable") undecodable.push(read.offset);
    else {
      const { event, offset, digest, record } = read;
      replay(state, { offset, event, digest });
      if (event.type === "PartitionClaimed") owner = event.owner;
      if (DOOR_EVENTS.has(event.type)) doorAtMs = record.timestampMs;
    }
  }
  if (owner === "" && state.claim !== null) owner = await ownerAt(bus, partition, BigInt(state.claim.offset));
  return { state, owner, doorAtMs, readFrom: from, voids, undecodable };
}
