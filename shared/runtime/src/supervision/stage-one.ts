/**
 * Stage 1 of a supervisor, per events partition: reads the valid events, checks the door against the rules, tells
 * stage 2 what tools did, and beats (PROTOCOL 6.4, 6.7, 7.1). It decides nothing by itself and waits for no door.
 */
import { type BusEvent, type EventBody, HEADER, partitionOf } from "@busbar/events";
import { toDeadLetter } from "@busbar/events/codec";
import { type Json, own } from "@busbar/kernel";
import type { Delivery, Follower, Publication } from "@busbar/log";
import {
  batchOf,
  type ChainState,
  type DecisionBook,
  decisionOf,
  DEFAULT_BREAKER,
  DEFAULT_DRIFT,
  DEFAULT_FLOW,
  disagreement,
  DRIFT_RULE,
  FLOW_RULE,
  initialPartitionState,
  type LoadBook,
  marksOf,
  noteLoad,
  offsetOf,
  type PartitionState,
  replay,
  signalsOf,
  takeDecision,
  takeReport,
  tripPolicyOf,
} from "@busbar/policy";
import { metaWith } from "../meta.ts";
import { createPartitionReader, type PartitionReader, type ReadEvent, withKnownSchema } from "../partition-reader.ts";
import { pause } from "../ports.ts";
import { publishAll, type StageOptions } from "./stage-options.ts";

const VERSION = "stage-one-11";
const CHECKPOINT = "supervisor-events";
const SCHEMA_RETRY_MS = 500;
/** Ends of calls that say nothing to breakers. */
/** Numbers of load reports among the signals of an event begin here: behind those of outcomes. */
const LOAD_INDEX = 8;
const DECISION_INDEX = 16;
const QUIET_ENDS: ReadonlySet<string> = new Set(["EffectAbandoned", "EffectSettled"]);

/** What every signal says of where it comes from, and most say of whom. */
interface Said {
  readonly key: string;
  readonly sourcePartition: number;
  readonly sourceOffset: string;
  readonly atMs: number;
  readonly chainId?: string;
  readonly agent?: string;
}

interface StageOneState {
  readonly partition: PartitionState;
  /** Grants that calls which are still open have spent, by call id and key of the breaker. */
  readonly probes: Record<string, Readonly<Record<string, string>>>;
  readonly load: LoadBook;
  readonly decisions: DecisionBook;
}

export class StageOne {
  readonly #options: StageOptions;
  #state: StageOneState;
  #reader: PartitionReader;
  #follower: Follower | null = null;
  #next = 0n;
  #sinceCheckpoint = 0;
  #isStopped = false;

  constructor(options: StageOptions) {
    this.#options = options;
    this.#state = { partition: initialPartitionState(options.partition), probes: {}, load: {}, decisions: {} };
    this.#reader = createPartitionReader(options.codec);
  }

  async start(): Promise<void> {
    const { checkpoints, partition, codec, log, topics, logger } = this.#options;
    const found = await checkpoints.load(CHECKPOINT, partition);
    const { end } = await log.offsets(topics.events, partition);
    if (found !== null && found.version === VERSION && found.offset <= end) {
      this.#state = found.state as unknown as StageOneState;
      this.#next = found.offset;
      const { claim } = this.#state.partition;
      const start = {
        offset: found.offset,
        claim: claim === null ? null : { offset: BigInt(claim.offset), nonce: claim.nonce },
      };
      this.#reader = createPartitionReader(codec, start);
    }
    if (this.#isStopped) return;
    this.#follower = log.follow({
      topic: topics.events,
      partition,
      from: this.#next,
      onDelivery: (delivery) => this.#onDelivery(delivery),
      onProblem: (problem) => logger.warn({ partition, problem: problem.kind }, "events cannot be read"),
    });
  }

  async #onDelivery(delivery: Delivery): Promise<void> {
    const signals: Publication[] = [];
    for (const read of this.#reader.read(delivery)) {
      const known = await this.#known(read);
      if (this.#isStopped) return;
      this.#take(known, signals);
    }
    await publishAll(this.#options, signals, () => this.#isStopped);
    this.#next = delivery.next;
    this.#sinceCheckpoint += delivery.records.length;
    // After its outputs are acknowledged, never before.
    if (this.#sinceCheckpoint >= this.#options.settings.checkpointEvery) await this.#checkpoint();
    await this.#options.pace();
  }

  /** Without its schema an event cannot be judged: this stage waits, its heartbeats stand still, doors go read-only. */
  async #known(read: ReadEvent): Promise<ReadEvent> {
    while (!this.#isStopped) {
      try {
        return await withKnownSchema(this.#options.codec, read);
      } catch (error) {
        this.#options.logger.error({ err: error, partition: this.#options.partition }, "events wait for a schema");
        await pause(this.#options.timers, SCHEMA_RETRY_MS);
      }
    }
    return read;
  }

  #take(read: ReadEvent, signals: Publication[]): void {
    const { partition, metrics, logger } = this.#options;
    if (read.kind === "void") {
      metrics.voids.inc(1);
      const letter = this.#deadLetter(read);
      if (letter !== null) signals.push(letter);
      return;
    }
    if (read.kind === "undecodable") {
      logger.error(
        { partition, offset: read.offset.toString() },
        `valid record that cannot be decoded: ${read.reason}`,
      );
      return;
    }
    const { event, offset, digest } = read;
    const defect = disagreement(this.#state.partition, event);
    if (defect !== null) {
      metrics.defects.inc();
      logger.error(
        { partition, offset: offset.toString(), chainId: event.meta.chainId },
        `door and rules disagree: ${defect}`,
      );
    }
    this.#noteProbes(event);
    const { chains } = this.#state.partition;
    const before = own(chains, event.meta.chainId);
    replay(this.#state.partition, { offset, event, digest });
    // In the order of their numbers: a receiver drops what is not higher than what it has.
    this.#reportOutcome(event, signals);
    this.#reportLoad(event, before, signals);
    this.#reportDecision(event, signals);
  }

  /** Numbers from 0. A breaker that is turned off is told nothing but who waits for it: a person may hold it open. */
  #reportOutcome(event: BusEvent, signals: Publication[]): void {
    const callId = "callId" in event ? event.callId : "";
    const told = signalsOf(event, this.#state.partition, this.#state.probes[callId] ?? {});
    if (told.length > 0 || QUIET_ENDS.has(event.type)) delete this.#state.probes[callId];
    const policy = this.policy()?.breaker ?? DEFAULT_BREAKER;
    for (const signal of told) {
      const isOn = signal.code === "BUSBAR_BREAKER_OPEN" || tripPolicyOf(policy, signal.key).failures > 0;
      if (isOn) signals.push(this.#publication("ToolOutcome", signal));
    }
  }

  /** Before the admission is replayed: it spends its grants. */
  #noteProbes(event: BusEvent): void {
    if (event.type !== "EffectAdmitted" || event.probes.length === 0) return;
    const { grants } = this.#state.partition;
    const spent = event.probes.map((id) => [own(grants, id)?.key ?? "", id] as const);
    this.#state.probes[event.callId] = Object.fromEntries(spent);
  }

  /** A void position whose bytes say nothing is kept with its reason; a void event of ours says what it is by itself. */
  #deadLetter({ record, reason }: Extract<ReadEvent, { kind: "void" }>): Publication | null {
    const { codec, topics, partition, clock, metrics } = this.#options;
    if (record === null) return null;
    const decoded = codec.decode(record.value, "event");
    if (decoded.ok) return null;
    const key = `${record.topic}/${partition}/${record.offset}`;
    const meta = metaWith({ eventId: key, atMs: clock.nowMs() });
    const letter = toDeadLetter({ code: decoded.code, reason: `void (${reason}): ${decoded.reason}`, record });
    metrics.deadLetters.inc({ code: decoded.code });
    const value = codec.encode("DeadLetter", { meta, ...letter });
    return { topic: topics.deadLetters, partition, record: { key, value, headers: { [HEADER.type]: "DeadLetter" } } };
  }

  /** After the outcomes of the same event, by its number. */
  #reportLoad(event: BusEvent, before: ChainState | undefined, signals: Publication[]): void {
    const { partition, partitionCount } = this.#options;
    const { chainId, eventId, atMs } = event.meta;
    const after = own(this.#state.partition.chains, chainId);
    const agent = (after ?? before)?.agent;
    if (agent === undefined) return;
    const keys = [`agent:${agent}`, `partition:${partition}`];
    noteLoad(this.#state.load, keys, before, after);
    const policy = this.policy()?.flow ?? DEFAULT_FLOW;
    for (const [index, key] of keys.entries()) {
      const load = takeReport(this.#state.load, key, atMs, marksOf(policy, key), index === 0 ? partitionCount : 1);
      if (load === null) continue;
      const at = { sourcePartition: partition, sourceOffset: offsetOf(eventId), rule: FLOW_RULE, atMs };
      signals.push(this.#publication("LoadReport", { key, ...load, ...at, index: LOAD_INDEX + index }));
    }
  }

  #reportDecision(event: BusEvent, signals: Publication[]): void {
    const { partition, partitionCount } = this.#options;
    const { agent, eventId, atMs } = event.meta;
    const policy = this.policy();
    const { window } = policy?.drift ?? DEFAULT_DRIFT;
    const kind = agent === "" || window === 0 ? null : decisionOf(event, policy);
    if (kind === null) return;
    const counts = takeDecision(this.#state.decisions, agent, kind, batchOf(window, partitionCount));
    if (counts === null) return;
    const told = Object.entries(counts).map(([decision, count]) => ({ decision, count }));
    const at = { sourcePartition: partition, sourceOffset: offsetOf(eventId), rule: DRIFT_RULE, atMs };
    signals.push(
      this.#publication("DecisionReport", { key: `agent:${agent}`, counts: told, ...at, index: DECISION_INDEX }),
    );
  }

  #publication<T extends "ToolOutcome" | "LoadReport" | "DecisionReport">(
    type: T,
    signal: Said & EventBody<T>,
  ): Publication {
    const { codec, topics, partitionCount, namespace } = this.#options;
    const { key } = signal;
    const eventId = `${topics.events}/${signal.sourcePartition}/${signal.sourceOffset}`;
    const { atMs, chainId = "", agent = "" } = signal;
    const meta = metaWith({ eventId, atMs, chainId, agent, namespace });
    const value = codec.encode(type, { meta, ...signal } as never);
    const record = { key, value, headers: { [HEADER.type]: type, [HEADER.source]: eventId } };
    return { topic: topics.signals, partition: partitionOf(key, partitionCount), record };
  }

  /** What this stage has read, for the heartbeat. */
  beat(): { readonly eventsThrough: bigint; readonly claimOffset: string; readonly claimNonce: string } {
    const { claim } = this.#state.partition;
    return { eventsThrough: this.#next, claimOffset: claim?.offset ?? "", claimNonce: claim?.nonce ?? "" };
  }

  policy(): PartitionState["policy"] {
    return this.#state.partition.policy;
  }

  async #checkpoint(): Promise<void> {
    this.#sinceCheckpoint = 0;
    const { checkpoints, partition } = this.#options;
    // Nothing is taken until it is saved: the delivery that it belongs to waits.
    const state = this.#state as unknown as Json;
    await checkpoints.save(CHECKPOINT, partition, { offset: this.#next, version: VERSION, state });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#follower?.stop();
  }
}
