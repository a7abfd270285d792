/**
 * Loading a partition (PROTOCOL 3.1, 3.2): read up, wait for a live loser's release, claim, read to the claim.
 * What comes out is acknowledged state that ends exactly at our own claim: the next append is written for `end`.
 */
import { claimHeaders, GENESIS_DIGEST, HEADER } from "@busbar/events";
import type { Codec } from "@busbar/events/codec";
import { busbarError } from "@busbar/kernel";
import type { Appender, EventLog } from "@busbar/log";
import { type CallOutcome, initialPartitionState, type PartitionState, replay } from "@busbar/policy";
import type { Logger } from "@busbar/telemetry";
import type { CheckpointStore } from "../checkpoint.ts";
import { createPartitionReader, type PartitionReader, type ReadEvent, withKnownSchema } from "../partition-reader.ts";
import { metaWith } from "../meta.ts";
import { type Chance, type Clock, pause, type Timers } from "../ports.ts";

export interface LoadOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topic: string;
  readonly partition: number;
  readonly owner: string;
  readonly clock: Clock;
  readonly timers: Pick<Timers, "after">;
  readonly chance: Pick<Chance, "nonce">;
  readonly checkpoints: CheckpointStore;
  readonly checkpointName: string;
  /** Version of machines and code; a checkpoint of another one is not used. */
  readonly stateVersion: string;
  readonly namespace: string;
  /** How long a live loser may take to drain before its partition is claimed anyway, ms. */
  readonly releaseBoundMs: number;
  readonly logger: Logger;
  readonly isStopping: () => boolean;
  /** Whether to claim over this standing claim of another owner. */
  readonly mayClaim: (claimant: string) => boolean;
  /** Nobody needs to wait for its release. */
  readonly isGone: (claimant: string) => boolean;
  readonly onVoid: (count: number) => void;
}

export interface Loaded {
  readonly state: PartitionState;
  readonly appender: Appender;
  readonly claim: { readonly offset: bigint; readonly nonce: string };
  /** Our clock minus the broker's at the claim, ms. */
  readonly skewMs: number;
  /** What void records tell of calls: written by a former owner too late to count. */
  readonly evidence: readonly CallOutcome[];
}

interface Reading {
  readonly evidence: CallOutcome[];
  readonly state: PartitionState;
  readonly reader: PartitionReader;
  next: bigint;
  released: boolean;
  /** Owner of the last claim that was read; "" where it lies before the checkpoint. */
  claimant: string;
  voids: number;
}

export async function loadPartition(options: LoadOptions): Promise<Loaded> {
  const reading = await startReading(options);
  await readTo(options, reading, null);
  if (!reading.released && !options.mayClaim(reading.claimant)) {
    throw busbarError("BUSBAR_SUPERSEDED", { partition: options.partition, owner: reading.claimant });
  }
  await awaitRelease(options, reading);
  const { appender, claim, skewMs } = await appendClaim(options);
  await readTo(options, reading, claim.offset + 1n);
  const found = reading.state.claim;
  if (found === null || found.nonce !== claim.nonce || BigInt(found.offset) !== claim.offset) {
    await appender.close();
    throw busbarError("BUSBAR_LOG_UNAVAILABLE", { reason: "another owner claimed the partition at the same time" });
  }
  if (reading.voids > 0) options.onVoid(reading.voids);
  return { state: reading.state, appender, claim, skewMs, evidence: reading.evidence };
}

function freshReading(options: LoadOptions): Reading {
  const state = initialPartitionState(options.partition);
  return {
    state,
    reader: createPartitionReader(options.codec),
    next: 0n,
    released: true,
    claimant: "",
    voids: 0,
    evidence: [],
  };
}

/** From the newest usable checkpoint, or from the beginning. */
async function startReading(options: LoadOptions): Promise<Reading> {
  const { log, topic, partition } = options;
  const checkpoint = await options.checkpoints.load(options.checkpointName, partition);
  // After it: while we look, the present owner goes on and may save one that lies behind an end that we asked before.
  const { low, end } = await log.offsets(topic, partition);
  if (checkpoint !== null && checkpoint.offset > end) {
    throw busbarError("BUSBAR_LOG_TRUNCATED", {
      topic,
      partition,
      end: end.toString(),
      position: checkpoint.offset.toString(),
    });
  }
  const usable = checkpoint !== null && checkpoint.version === options.stateVersion && checkpoint.offset >= low;
  if (usable) {
    const state = checkpoint.state as unknown as PartitionState;
    if (await continues(options, checkpoint.offset, state)) return resumeReading(options, checkpoint.offset, state);
    options.logger.warn(
      { partition, offset: checkpoint.offset.toString() },
      "checkpoint does not match the log: not used",
    );
  }
  if (low > 0n) throw busbarError("BUSBAR_LOG_GAP", { topic, partition, from: "0", to: low.toString() });
  return freshReading(options);
}

function resumeReading(options: LoadOptions, offset: bigint, state: PartitionState): Reading {
  const claim = state.claim === null ? null : { offset: BigInt(state.claim.offset), nonce: state.claim.nonce };
  const reader = createPartitionReader(options.codec, { offset, claim });
  return {
    state,
    reader,
    next: offset,
    released: claim === null || state.doorReason === "the owner released the partition",
    claimant: "",
    voids: 0,
    evidence: [],
  };
}

/** The first valid record after a checkpoint must name the checkpoint's digest as its predecessor. */
async function continues(options: LoadOptions, offset: bigint, state: PartitionState): Promise<boolean> {
  const { log, topic, partition } = options;
  const { state: _unused, reader } = resumeReading(options, offset, state);
  for await (const delivery of log.read(topic, partition, { from: offset })) {
    for (const read of reader.read(delivery)) {
      if (read.kind !== "event" || read.event.type === "PartitionClaimed") continue;
      return read.record.headers[HEADER.prev] === state.digest;
    }
  }
  return true;
}

async function readTo(options: LoadOptions, reading: Reading, to: bigint | null): Promise<void> {
  const { log, topic, partition } = options;
  const range = to === null ? { from: reading.next } : { from: reading.next, to };
  for await (const delivery of log.read(topic, partition, range)) {
    if (options.isStopping()) throw busbarError("BUSBAR_LOG_UNAVAILABLE", { reason: "the owner stops" });
    for (const read of reading.reader.read(delivery))
      fold(options, reading, await withKnownSchema(options.codec, read));
    reading.next = delivery.next;
    reading.state.end = delivery.next.toString();
  }
}

function fold(options: LoadOptions, reading: Reading, read: ReadEvent): void {
  if (read.kind === "void") {
    reading.voids += 1;
    const found = evidenceOf(options, read);
    if (found !== null) reading.evidence.push(found);
    return;
  }
  const where = `${options.topic}/${options.partition}/${read.offset}`;
  if (read.kind === "undecodable")
    throw busbarError("BUSBAR_EVENT_UNDECODABLE", { position: where, reason: read.reason });
  const { event, record, offset } = read;
  const isClaim = event.type === "PartitionClaimed";
  if (!isClaim && record.headers[HEADER.prev] !== reading.state.digest) {
    throw busbarError("BUSBAR_LOG_CORRUPT", { position: where, reason: "the digest chain is broken" });
  }
  // Claims carry no digest: the chain of the stamped records goes on over them.
  const digest = isClaim ? reading.state.digest : (record.headers[HEADER.digest] ?? GENESIS_DIGEST);
  replay(reading.state, { offset, event, digest });
  if (event.type === "PartitionClaimed") reading.claimant = event.owner;
  reading.released = event.type === "PartitionReleased" || (reading.released && !isClaim);
}

/** A void outcome is no state; what it says of its own admission may still be known by nobody else (PROTOCOL 2.5). */
function evidenceOf(options: LoadOptions, read: Extract<ReadEvent, { kind: "void" }>): CallOutcome | null {
  if (read.record === null) return null;
  const decoded = options.codec.decode(read.record.value, "event");
  if (!decoded.ok) return null;
  const event = decoded.message;
  const isOutcome =
    event.type === "EffectCommitted" || event.type === "EffectCommittedInvalid" || event.type === "EffectAbandoned";
  if (!isOutcome) return null;
  const { callId, admitted, meta } = event;
  const happened = event.type !== "EffectAbandoned";
  const result = event.type === "EffectAbandoned" ? "" : event.result;
  const evidenceOffset = read.offset.toString();
  return { kind: "evidence", chainId: meta.chainId, callId, admitted, durationMs: 0, happened, result, evidenceOffset };
}

const RELEASE_POLL_MS = 25;

/** A loser that lives drains and says so; one that is dead is not waited for longer than the bound. */
async function awaitRelease(options: LoadOptions, reading: Reading): Promise<void> {
  const endMs = options.clock.monotonicMs() + options.releaseBoundMs;
  while (
    !reading.released &&
    !options.isGone(reading.claimant) &&
    options.clock.monotonicMs() < endMs &&
    !options.isStopping()
  ) {
    await pause(options.timers, RELEASE_POLL_MS);
    await readTo(options, reading, null);
  }
}

async function appendClaim(options: LoadOptions): Promise<Pick<Loaded, "appender" | "claim" | "skewMs">> {
  const nonce = options.chance.nonce();
  const appender = await options.log.openAppender(options.topic, options.partition);
  const eventId = `${options.topic}/${options.partition}/claim-${nonce}`;
  const meta = metaWith({ eventId, atMs: options.clock.nowMs(), namespace: options.namespace });
  const value = options.codec.encode("PartitionClaimed", { meta, owner: options.owner, nonce });
  const headers = claimHeaders({ owner: options.owner, nonce });
  const outcome = await appender.append([{ key: `partition-${options.partition}`, value, headers }]);
  if (outcome.kind === "appended") {
    const skewMs = outcome.appendedAtMs === null ? 0 : options.clock.nowMs() - outcome.appendedAtMs;
    return { appender, claim: { offset: outcome.baseOffset, nonce }, skewMs };
  }
  await appender.close();
  throw busbarError("BUSBAR_LOG_UNAVAILABLE", { reason: "the claim was not acknowledged" });
}
