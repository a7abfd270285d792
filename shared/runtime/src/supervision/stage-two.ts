/**
 * Stage 2 of a supervisor, per signals partition: what is counted across chains (PROTOCOL 7.1, 7.3). It keeps the
 * highest (offset, index) of each source and drops what is not higher, so that a signal said twice counts once.
 */
import { type BusDirective, type BusSignal, HEADER, type MessageOf, partitionOf } from "@busbar/events";
import { frameSchemaId, toDeadLetter } from "@busbar/events/codec";
import type { Json } from "@busbar/kernel";
import type { Delivery, Follower, Publication, StoredRecord } from "@busbar/log";
import {
  type BreakerInput,
  type BreakerOrder,
  type BreakerState,
  CLOSED_BREAKER,
  DEFAULT_BREAKER,
  DEFAULT_DRIFT,
  DEFAULT_FLOW,
  type DriftState,
  type FlowState,
  peerOf,
  type Policy,
  stepBreaker,
  tripPolicyOf,
} from "@busbar/policy";
import { directiveBody } from "@busbar/policy";
import { metaWith } from "../meta.ts";
import { DriftDesk } from "./drift-desk.ts";
import { FlowDesk } from "./flow-desk.ts";
import { publishAll, type StageOptions } from "./stage-options.ts";
import { signedPublication } from "../signed-publication.ts";

const VERSION = "stage-two-5";
const CHECKPOINT = "supervisor-signals";

interface About {
  readonly key: string;
  readonly cause: string;
  readonly id: string;
}

interface StageTwoState {
  readonly breakers: Record<string, BreakerState>;
  readonly flows: Record<string, FlowState>;
  readonly drifts: Record<string, DriftState>;
  /** Highest `offset:index` taken, by source partition. */
  readonly taken: Record<string, string>;
  /** Directives seen, exclusive. */
  directives: string;
}

export class StageTwo {
  readonly #options: StageOptions;
  readonly #policy: () => Policy | null;
  readonly #flow: FlowDesk;
  readonly #drift: DriftDesk;
  #state: StageTwoState = { breakers: {}, flows: {}, drifts: {}, taken: {}, directives: "0" };
  #follower: Follower | null = null;
  #cancelTick: () => void = () => undefined;
  #unsubscribe: () => void = () => undefined;
  #next = 0n;
  #sinceCheckpoint = 0;
  #isStopped = false;
  #publishing: Promise<void> = Promise.resolve();

  /** `policy`: in force in the events partition of the same number; null while there is none. */
  constructor(options: StageOptions, policy: () => Policy | null) {
    this.#options = options;
    this.#policy = policy;
    this.#flow = new FlowDesk({
      ...options,
      policy: () => policy()?.flow ?? DEFAULT_FLOW,
      isOwn: (key) => partitionOf(key, options.partitionCount) === options.partition,
      flows: () => this.#state.flows,
      publish: ({ type, ...body }, sinceMs) =>
        this.#publish([this.#signed(type, body, { ...body, id: String(sinceMs) })]),
    });
    this.#drift = new DriftDesk({
      ...options,
      policy: () => policy()?.drift ?? DEFAULT_DRIFT,
      drifts: () => this.#state.drifts,
      publish: ({ type, ...body }, key, cause) => this.#publish([this.#signed(type, body, { key, cause, id: cause })]),
    });
  }

  async start(): Promise<void> {
    const { checkpoints, partition, log, topics, logger, directives, settings } = this.#options;
    const found = await checkpoints.load(CHECKPOINT, partition);
    const { end } = await log.offsets(topics.signals, partition);
    if (found !== null && found.version === VERSION && found.offset <= end) {
      this.#state = found.state as unknown as StageTwoState;
      this.#next = found.offset;
    }
    if (this.#isStopped) return;
    this.#takeDirectives();
    this.#unsubscribe = directives.onChange(() => this.#takeDirectives());
    this.#cancelTick = this.#options.timers.every(settings.tickMs, () => this.#tick());
    this.#follower = log.follow({
      topic: topics.signals,
      partition,
      from: this.#next,
      onDelivery: (delivery) => this.#onDelivery(delivery),
      onProblem: (problem) => logger.warn({ partition, problem: problem.kind }, "signals cannot be read"),
    });
  }

  async #onDelivery(delivery: Delivery): Promise<void> {
    for (const record of delivery.records) await this.#takeRecord(record);
    await this.#publishing;
    this.#next = delivery.next;
    this.#sinceCheckpoint += delivery.records.length;
    if (this.#sinceCheckpoint >= this.#options.settings.checkpointEvery) await this.#checkpoint();
    await this.#options.pace();
  }

  /** What nobody can read is put aside with its reason, acknowledged before its position is passed. */
  async #takeRecord(record: StoredRecord): Promise<void> {
    const { codec, topics, partition, clock, metrics, logger } = this.#options;
    const id = frameSchemaId(record.value);
    const first = codec.decode(record.value, "signal");
    const isUnknown = !first.ok && first.code === "BUSBAR_SCHEMA_UNKNOWN" && id !== null;
    if (isUnknown) await codec.resolveUnknown(id);
    const decoded = isUnknown ? codec.decode(record.value, "signal") : first;
    if (decoded.ok) return this.#take(decoded.message, record.offset);
    const key = `${record.topic}/${partition}/${record.offset}`;
    const meta = metaWith({ eventId: key, atMs: clock.nowMs() });
    const { code, reason } = decoded;
    const value = codec.encode("DeadLetter", { meta, ...toDeadLetter({ code, reason, record }) });
    const letter = { key, value, headers: { [HEADER.type]: "DeadLetter" } };
    metrics.deadLetters.inc({ code });
    logger.warn({ partition, offset: record.offset.toString(), code }, `signal put aside: ${reason}`);
    await publishAll(this.#options, [{ topic: topics.deadLetters, partition, record: letter }], () => this.#isStopped);
  }

  #take(signal: BusSignal, offset: bigint): void {
    const source = String(signal.sourcePartition);
    if (!isHigher(signal, this.#state.taken[source])) return;
    this.#state.taken[source] = `${signal.sourceOffset}:${signal.index}`;
    if (signal.type === "LoadReport") this.#flow.take(signal, offset);
    else if (signal.type === "DecisionReport") this.#drift.take(signal);
    else this.#takeOutcome(signal);
  }

  #takeOutcome(signal: MessageOf<"ToolOutcome">): void {
    const { atMs, ok, probe, meta, key, durationMs } = signal;
    const isDemand = signal.code === "BUSBAR_BREAKER_OPEN";
    const input: BreakerInput = isDemand
      ? { kind: "demand", partition: signal.sourcePartition, atMs }
      : { kind: "outcome", ok, durationMs, peer: peerOf(signal), probe, evidence: meta.eventId, atMs };
    this.#step(key, input);
  }

  #step(key: string, input: BreakerInput): void {
    const before = this.#state.breakers[key] ?? CLOSED_BREAKER;
    const [after, orders] = stepBreaker(
      key,
      before,
      input,
      tripPolicyOf(this.#policy()?.breaker ?? DEFAULT_BREAKER, key),
    );
    if (after === before && orders.length === 0) return;
    this.#state.breakers[key] = after;
    this.#observe(key, before, after, orders);
    if (orders.length === 0) return;
    this.#publish(orders.map((order) => this.#publication(order)));
  }

  /** In order, and before the next checkpoint. */
  #publish(publications: readonly Publication[]): void {
    this.#publishing = this.#publishing.then(() => publishAll(this.#options, publications, () => this.#isStopped));
  }

  #observe(key: string, before: BreakerState, after: BreakerState, orders: readonly BreakerOrder[]): void {
    if (before.state === after.state) return;
    const { metrics, logger } = this.#options;
    metrics.breaker.set({ key, state: before.state }, 0);
    metrics.breaker.set({ key, state: after.state }, 1);
    for (const order of orders) if (order.type === "OpenBreaker") metrics.trips.inc({ key, rule: order.rule });
    logger.info({ key, cause: after.cause }, `breaker ${before.state} -> ${after.state}`);
  }

  #publication({ type, ...fields }: BreakerOrder): Publication {
    const body = type === "CloseBreaker" ? { ...fields, by: `supervisor:${this.#options.name}` } : fields;
    return this.#signed(type, body, { ...fields, id: "grantId" in fields ? fields.grantId : fields.cause });
  }

  /** An order about a key; `id` tells it from others of its type and key. */
  #signed(type: BusDirective["type"], body: object, { key, cause, id }: About): Publication {
    const { codec, topics, keyring, clock, name, namespace } = this.#options;
    const eventId = `${name}/${type}/${key}/${id}`;
    const meta = metaWith({ eventId, atMs: clock.nowMs(), causationId: cause, namespace });
    const value = codec.encode(type, { meta, ...body } as never);
    return signedPublication(keyring, { topic: topics.directives, principal: `supervisor:${name}`, type, key, value });
  }

  /** What people did to breakers by hand: held open, or closed. */
  #takeDirectives(): void {
    const { applied, through } = this.#options.directives.since(BigInt(this.#state.directives));
    for (const directive of applied) {
      this.#flow.see(directive);
      const by = directiveBody(directive)["by"];
      if (directive.kind === "IsolateBreaker") this.#step(directive.id, { kind: "isolated" });
      if (directive.kind === "CloseBreaker" && typeof by === "string" && !by.startsWith("supervisor")) {
        this.#step(directive.id, { kind: "released" });
      }
    }
    this.#state.directives = through.toString();
  }

  #tick(): void {
    const atMs = this.#options.clock.nowMs();
    this.#flow.tick(atMs);
    for (const [key, breaker] of Object.entries(this.#state.breakers)) {
      if (breaker.state === "open" || breaker.state === "half-open") this.#step(key, { kind: "tick", atMs });
    }
  }

  through(): bigint {
    return this.#next;
  }

  async #checkpoint(): Promise<void> {
    this.#sinceCheckpoint = 0;
    const { checkpoints, partition } = this.#options;
    const { breakers, flows, drifts, taken, directives } = this.#state;
    const state = {
      breakers: { ...breakers },
      flows: { ...flows },
      drifts: { ...drifts },
      taken: { ...taken },
      directives,
    } as unknown as Json;
    await checkpoints.save(CHECKPOINT, partition, { offset: this.#next, version: VERSION, state });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTick();
    this.#unsubscribe();
    await this.#follower?.stop();
    await this.#publishing;
  }
}

function isHigher(signal: BusSignal, taken: string | undefined): boolean {
  if (taken === undefined) return true;
  const [offset = "0", index = "0"] = taken.split(":");
  const found = BigInt(signal.sourceOffset);
  return found > BigInt(offset) || (found === BigInt(offset) && signal.index > Number(index));
}
