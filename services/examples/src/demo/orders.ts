/** Orders of the demo's operator: signed directives, and waiting for what the partition owners say of them. */
import { type BusEvent } from "@busbar/events";
import { busbarError } from "@busbar/kernel";
import { locateClaim } from "@busbar/log";
import { signedPublication, createPartitionReader, metaWith } from "@busbar/runtime";
import type { DemoBus } from "./demo-bus.ts";

type Directive = "Halt" | "Freeze" | "Unfreeze";

/** Appends a signed directive; its offset. */
export async function order(
  bus: DemoBus,
  type: Directive,
  key: string,
  body: Readonly<Record<string, unknown>>,
): Promise<bigint> {
  const { codec, keyring, log, topics } = bus;
  const principal = "operator:demo";
  const atMs = Date.now();
  const meta = metaWith({ eventId: `${principal}/${type}/${atMs}`, atMs });
  const value = codec.encode(type, { meta, ...body } as never);
  const order = signedPublication(keyring, { topic: topics.directives, principal, type, key, value });
  const [outcome] = await log.publish([order]);
  if (outcome?.kind !== "appended")
    throw busbarError("BUSBAR_LOG_UNAVAILABLE", { reason: "the order was not acknowledged" });
  return outcome.baseOffset;
}

export interface Acknowledgement {
  readonly partition: number;
  readonly offset: bigint;
  readonly afterMs: number;
  readonly inFlight: number;
  readonly abandoned: number;
}

const ACK_BOUND_MS = 10_000;

/** Sends a directive and waits until every partition's owner has put it on its log. */
export async function orderAndAwait(
  bus: DemoBus,
  type: Directive,
  key: string,
  body: Readonly<Record<string, unknown>>,
): Promise<readonly Acknowledgement[]> {
  const partitions = Array.from({ length: bus.partitions }, (_, index) => index);
  const ends = await Promise.all(
    partitions.map(async (partition) => (await bus.log.offsets(bus.topics.events, partition)).end),
  );
  const beganMs = performance.now();
  const ordered = order(bus, type, key, body);
  return Promise.all(
    partitions.map((partition) => acknowledged(bus, { partition, from: ends[partition] ?? 0n, beganMs, ordered })),
  );
}

interface Awaited {
  readonly partition: number;
  readonly from: bigint;
  readonly beganMs: number;
  readonly ordered: Promise<bigint>;
}

async function acknowledged(bus: DemoBus, { partition, from, beganMs, ordered }: Awaited): Promise<Acknowledgement> {
  // A partition may have changed hands since the bus was ready: the claim in force is looked up now.
  const claim = await locateClaim(bus.log, bus.topics.events, partition, from);
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      void follower.stop();
      reject(busbarError("BUSBAR_HALT_UNPROVEN", { partitions: partition, timeoutMs: ACK_BOUND_MS }));
    }, ACK_BOUND_MS);
    const reader = createPartitionReader(bus.codec, { offset: from, claim });
    const follower = bus.log.follow({
      topic: bus.topics.events,
      partition,
      from,
      onProblem: () => undefined,
      onDelivery: async (delivery) => {
        const offset = await ordered;
        for (const read of reader.read(delivery)) {
          if (read.kind !== "event" || !isApplied(read.event, offset)) continue;
          clearTimeout(late);
          resolve(acknowledgementOf(read.event, read.offset, partition, performance.now() - beganMs));
          void follower.stop();
          return;
        }
      },
    });
  });
}

function isApplied(event: BusEvent, offset: bigint): boolean {
  return (
    (event.type === "HaltAcknowledged" || event.type === "DirectivesApplied") &&
    event.applied.some((one) => BigInt(one.offset) === offset)
  );
}

function acknowledgementOf(event: BusEvent, offset: bigint, partition: number, afterMs: number): Acknowledgement {
  const isHalt = event.type === "HaltAcknowledged";
  return {
    partition,
    offset,
    afterMs,
    inFlight: isHalt ? event.inFlight.length : 0,
    abandoned: isHalt ? event.abandoned.length : 0,
  };
}
