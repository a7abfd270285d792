/**
 * Orders of a person: directives, signed with the operator's key, and the wait until every partition has applied one.
 *
 * O1 The ends of the partitions are noted before the order is sent, so no application can lie before the reading.
 * O2 Only valid records count: the reader judges by placement, from the claim in force at the noted end.
 * O3 All times are the broker's: from the append of the order to the append of its application.
 */
import { userInfo } from "node:os";
import { type BusDirective, type BusEvent, covers, type InFlight, type MessageOf } from "@busbar/events";
import { busbarError, shortHash } from "@busbar/kernel";
import { type Follower, locateClaim, type NewRecord } from "@busbar/log";
import { signedPublication, createPartitionReader, metaWith } from "@busbar/runtime";
import { type OpenBus, operatorKeyring, partitionsOf } from "./bus.ts";
import { type Progress, SILENT } from "./progress.ts";

type DirectiveType = BusDirective["type"];
type Body<T extends DirectiveType> = Omit<MessageOf<T>, "type" | "meta">;

const PUBLISH_TRIES = 5;

/** The person at this terminal, as orders name them. */
export function operatorName(): string {
  return `operator:${userInfo().username}`;
}

/** Publishes one record until the log has it; the same bytes each time. Throws BUSBAR_LOG_UNAVAILABLE. */
export async function publishRecord(
  bus: OpenBus,
  topic: string,
  partition: number,
  record: NewRecord,
): Promise<{ readonly offset: bigint; readonly appendedAtMs: number }> {
  let cause: unknown;
  for (let tries = 0; tries < PUBLISH_TRIES; tries++) {
    const [outcome] = await bus.log.publish([{ topic, partition, record }]);
    if (outcome?.kind === "refused") throw outcome.error;
    if (outcome?.kind === "appended") {
      return { offset: outcome.baseOffset, appendedAtMs: outcome.appendedAtMs ?? Date.now() };
    }
    cause = outcome?.cause;
  }
  throw busbarError("BUSBAR_LOG_UNAVAILABLE", { reason: "the order was not acknowledged" }, cause);
}

/** The signed record of an order for `topic`. */
export function orderRecord(bus: OpenBus, topic: string, key: string, type: string, value: Uint8Array): NewRecord {
  const principal = operatorName();
  return signedPublication(operatorKeyring(bus), { topic, principal, type, key, value }).record;
}

export interface GivenOrder {
  readonly offset: bigint;
  readonly appendedAtMs: number;
  /** Ends of the events partitions before the order was sent. */
  readonly ends: readonly bigint[];
}

/** Ends of all events partitions now. */
export function endsOf(bus: OpenBus): Promise<readonly bigint[]> {
  return Promise.all(
    partitionsOf(bus).map(async (partition) => (await bus.log.offsets(bus.topics.events, partition)).end),
  );
}

/** Puts an order on the directives topic. */
export async function giveOrder<T extends DirectiveType>(
  bus: OpenBus,
  type: T,
  key: string,
  body: Body<T>,
): Promise<GivenOrder> {
  const ends = await endsOf(bus);
  const atMs = Date.now();
  const eventId = `cli/${shortHash(operatorName(), type, key, String(atMs), String(process.pid))}`;
  const value = bus.codec.encode(type, { meta: metaWith({ eventId, atMs }), ...body } as never);
  const { directives } = bus.topics;
  return { ...(await publishRecord(bus, directives, 0, orderRecord(bus, directives, key, type, value))), ends };
}

/** What one partition said about an order. */
export interface Application {
  readonly partition: number;
  /** From the order to its application, ms by the broker's clock. */
  readonly latencyMs: number;
  readonly offset: bigint;
  /** Effects that were admitted after the order and before the application, and that its scope covers. */
  readonly admittedBetween: readonly string[];
  readonly abandoned: readonly string[];
  readonly inFlight: readonly InFlight[];
}

interface Watching {
  readonly partition: number;
  readonly order: GivenOrder;
  readonly scope: string;
  readonly between: string[];
  /** Names that filled more than a record: the parts that came so far, before the record that applies the halt. */
  readonly named: InFlight[];
}

const isOrder = (event: { readonly applied: readonly { readonly offset: string }[] }, order: GivenOrder): boolean =>
  event.applied.some(({ offset }) => BigInt(offset) === order.offset);

/** An acknowledgement that was broken off and begun anew names some calls twice. */
const unique = (named: readonly InFlight[]): readonly InFlight[] => [
  ...new Map(named.map((call) => [call.callId, call])).values(),
];

function takeEvent(watching: Watching, event: BusEvent, offset: bigint, atMs: number): Application | null {
  const { order, scope, between, partition } = watching;
  if (event.type === "EffectAdmitted") {
    const { agent, lineage } = event.meta;
    if (atMs >= order.appendedAtMs && covers(scope, { agent, lineage, tool: event.tool })) between.push(event.callId);
    return null;
  }
  if (event.type !== "HaltAcknowledged" && event.type !== "DirectivesApplied") return null;
  if (event.type === "HaltAcknowledged") {
    if (event.applied.length > 0 && !isOrder(event, order)) watching.named.length = 0;
    else watching.named.push(...event.inFlight);
  }
  // Having read past it is not enough: an owner that could not verify the order has read past it and applied nothing.
  if (!isOrder(event, order)) return null;
  const isHalt = event.type === "HaltAcknowledged";
  const latencyMs = Math.max(0, atMs - order.appendedAtMs);
  const [abandoned, inFlight] = isHalt ? [event.abandoned, unique(watching.named)] : [[], []];
  return { partition, latencyMs, offset, admittedBetween: between, abandoned, inFlight };
}

/** Follows one partition until it has applied the order. The follower is handed out to be stopped. */
async function watch(bus: OpenBus, watching: Watching, keep: (follower: Follower) => void): Promise<Application> {
  const { log, codec, topics } = bus;
  const { partition, order } = watching;
  const from = order.ends[partition] ?? 0n;
  const claim = from === 0n ? null : await locateClaim(log, topics.events, partition, from);
  const reader = createPartitionReader(codec, { offset: from, claim });
  return new Promise((resolve, reject) => {
    const follower = log.follow({
      topic: topics.events,
      partition,
      from,
      onDelivery: (delivery) => {
        for (const read of reader.read(delivery)) {
          if (read.kind !== "event") continue;
          const application = takeEvent(watching, read.event, read.offset, read.record.timestampMs);
          if (application !== null) return resolve(application);
        }
      },
      onProblem: (problem) => {
        if (problem.kind !== "unreachable")
          reject(busbarError("BUSBAR_LOG_UNAVAILABLE", { reason: `events/${partition}: ${problem.kind}` }));
      },
    });
    keep(follower);
  });
}

export interface Applied {
  readonly applications: readonly Application[];
  /** Partitions that said nothing within the bound. */
  readonly missing: readonly number[];
  /** Effects that the missing ones admitted after the order, as far as their logs were read. */
  readonly admittedUnproven: readonly string[];
}

/** Waits until every partition has applied the order, at most `timeoutMs`; `progress` counts those that have. */
export async function awaitApplied(
  bus: OpenBus,
  order: GivenOrder,
  scope: string,
  timeoutMs: number,
  progress: Progress = SILENT,
): Promise<Applied> {
  const followers: Follower[] = [];
  const done = new Map<number, Application>();
  const watched = partitionsOf(bus).map((partition): Watching => ({ partition, order, scope, between: [], named: [] }));
  const all = watched.map(async (one) => {
    done.set(one.partition, await watch(bus, one, (follower) => followers.push(follower)));
    progress.tick(done.size);
  });
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  try {
    await Promise.race([Promise.all(all), bound]);
  } finally {
    progress.stop();
    clearTimeout(timer);
    for (const one of all) one.catch(() => undefined);
    await Promise.all(followers.map((follower) => follower.stop()));
  }
  const applications = [...done.values()].sort((left, right) => left.partition - right.partition);
  const missing = watched.filter(({ partition }) => !done.has(partition));
  return {
    applications,
    missing: missing.map(({ partition }) => partition),
    admittedUnproven: missing.flatMap(({ between }) => between),
  };
}

/** Ends a command whose order not every partition has applied. Throws BUSBAR_HALT_UNPROVEN. */
export function assertProven({ missing }: Applied, timeoutMs: number): void {
  if (missing.length === 0) return;
  throw busbarError("BUSBAR_HALT_UNPROVEN", { partitions: missing.join(", "), timeoutMs });
}
