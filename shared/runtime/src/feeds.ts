/**
 * Feeds: what one process reads once and all its partitions use: the directives in total order, the latest heartbeats
 * of supervisors, the signs of life of agents. Each has its own follower, so no data can delay a halt.
 */
import { type AppliedDirective, type BusDirective, type BusHeartbeat, HEADER, type MessageOf } from "@busbar/events";
import { type Codec, frameSchemaId, verifyCommand } from "@busbar/events/codec";
import { busbarError, type BusbarError, canonicalJson, own, sha256Hex, utf8Length } from "@busbar/kernel";
import type { EventLog, Follower, FollowProblem, StoredRecord } from "@busbar/log";
import type { Logger } from "@busbar/telemetry";
import { type Clock, type Keyring, pause, type Timers } from "./ports.ts";
import { GatewayLives } from "./takeover.ts";

export interface FeedOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly keyring: Keyring;
  readonly topic: string;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly timers: Pick<Timers, "after">;
}

/** The text of a directive that a partition applies at most, bytes: it goes whole into a record of each partition. */
export const DIRECTIVE_LIMIT_BYTES = 393_216;
const REASON_CHARACTERS = 4096;

/** A reason may be as long as its author likes; an order must not be lost for it. */
function withShortReason<T extends object>(said: T): T {
  if (!("reason" in said) || typeof said.reason !== "string" || said.reason.length <= REASON_CHARACTERS) return said;
  return { ...said, reason: `${said.reason.slice(0, REASON_CHARACTERS)}…` };
}

/** A directive as a partition applies it: scope, id, and the rest as canonical JSON. */
export function appliedOf(offset: bigint, directive: BusDirective, principal = ""): AppliedDirective {
  const { meta: _meta, type, ...whole } = directive;
  const said = withShortReason(whole);
  // Who ordered it is whoever signed it, whatever the text says.
  const body = principal === "" ? said : { ...said, by: principal };
  const scope = "scope" in directive ? directive.scope : "";
  return { offset: offset.toString(), kind: type, scope, id: idOf(directive), detail: canonicalJson(body) };
}

/** Bytes that a directive takes in the record that applies it. */
const bytesOf = ({ kind, scope, id, detail }: AppliedDirective): number => utf8Length(kind + scope + id + detail);

function idOf(directive: BusDirective): string {
  switch (directive.type) {
    case "Halt":
      return "";
    case "Resume":
      return directive.fence;
    case "Freeze":
    case "Unfreeze":
      return directive.freezeId;
    case "SetPolicy":
      return directive.hash;
    case "Grant":
      return directive.grantId;
    case "AgentDeployed":
    case "AgentPromoted":
    case "AgentRolledBack":
    case "AgentUndeployed":
      return `${directive.agent}@${directive.version}`;
    case "AgentScaled":
      return directive.agent;
    default:
      return directive.key;
  }
}

export interface DirectiveFeed {
  /** Resolves when everything that was there at the start has been read. */
  ready(): Promise<void>;
  /** Directives from an offset on, and the position after the last one read. */
  since(through: bigint): { readonly applied: readonly AppliedDirective[]; readonly through: bigint };
  end(): bigint;
  onChange(listener: () => void): () => void;
  /** The topic lost records that were read or were to be read; called at once where it has. What is read stays. */
  onBroken(listener: (error: BusbarError) => void): () => void;
  stop(): Promise<void>;
}

/** What a follower's problem says of a topic that must be whole; null where it only cannot be reached now. */
function brokenBy(topic: string, problem: FollowProblem): BusbarError | null {
  if (problem.kind === "unreachable") return null;
  const position = problem.position.toString();
  return problem.kind === "gap"
    ? busbarError("BUSBAR_LOG_GAP", { topic, partition: 0, from: position, to: problem.low.toString() })
    : busbarError("BUSBAR_LOG_TRUNCATED", { topic, partition: 0, position, end: problem.end.toString() });
}

interface FeedHealth extends Pick<DirectiveFeed, "ready" | "onBroken"> {
  markReady(): void;
  onProblem(problem: FollowProblem): void;
}

/** Whether the topic has been read, and is whole. */
function feedHealth({ topic, logger }: Pick<FeedOptions, "topic" | "logger">): FeedHealth {
  const listeners = new Set<(error: BusbarError) => void>();
  let broken: BusbarError | null = null;
  let markReady: () => void = () => undefined;
  let markBroken: (error: BusbarError) => void = () => undefined;
  const ready = new Promise<void>((resolve, reject) => {
    markReady = resolve;
    markBroken = reject;
  });
  // Who waits for it is told; when the topic breaks later nobody waits.
  ready.catch(() => undefined);
  return {
    ready: () => ready,
    markReady: () => markReady(),
    onProblem: (problem) => {
      logger.warn({ problem: problem.kind }, "directives cannot be read");
      const error = brokenBy(topic, problem);
      if (error === null) return;
      broken = error;
      markBroken(error);
      for (const listener of listeners) listener(error);
    },
    onBroken: (listener) => {
      listeners.add(listener);
      if (broken !== null) listener(broken);
      return () => listeners.delete(listener);
    },
  };
}

export async function createDirectiveFeed(options: FeedOptions): Promise<DirectiveFeed> {
  const applied: AppliedDirective[] = [];
  const listeners = new Set<() => void>();
  const { end: target } = await options.log.offsets(options.topic, 0);
  let through = 0n;
  const seen = new Set<string>();
  let isStopped = false;
  const health = feedHealth(options);
  if (target === 0n) health.markReady();
  const take = (records: readonly StoredRecord[], next: bigint): void => {
    if (isStopped) return;
    for (const record of records) {
      const directive = verified(options, record, seen);
      if (directive === null) continue;
      const one = appliedOf(record.offset, directive, record.headers[HEADER.principal]);
      if (bytesOf(one) <= DIRECTIVE_LIMIT_BYTES) applied.push(one);
      else options.logger.error({ offset: record.offset.toString() }, "directive that is too large to apply: ignored");
    }
    through = next;
    if (through >= target) health.markReady();
    for (const listener of listeners) listener();
  };
  const follower: Follower = options.log.follow({
    topic: options.topic,
    partition: 0,
    from: 0n,
    // A promise would hold up the next fetch, so there is one only where a schema has to be asked for.
    onDelivery: ({ records, next }) => {
      const unknown = records.filter((record) => isSigned(options, record) && isOfUnknownSchema(options.codec, record));
      if (unknown.length === 0) return take(records, next);
      return Promise.all(unknown.map((record) => learnSchema(options, record, () => isStopped))).then(() =>
        take(records, next),
      );
    },
    onProblem: (problem) => {
      if (!isStopped) health.onProblem(problem);
    },
  });
  return {
    ready: health.ready,
    since: (from) => ({ applied: applied.filter((one) => BigInt(one.offset) >= from), through }),
    end: () => through,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onBroken: health.onBroken,
    stop: () => {
      isStopped = true;
      return follower.stop();
    },
  };
}

/**
 * Text in data never becomes an order: only what is signed by one who may order counts, once (PROTOCOL 4.2). The same
 * signed bytes again are a copy of an old order, or a sender that was not sure: neither is a new one.
 */
function verified(options: FeedOptions, record: StoredRecord, seen: Set<string>): BusDirective | null {
  const decoded = options.codec.decode(record.value, "directive");
  const principal = principalOf(record);
  const ignore = (why: string): null => {
    options.logger.warn({ offset: record.offset.toString(), principal }, `directive that ${why}: ignored`);
    return null;
  };
  if (!decoded.ok || record.value === null) return ignore("cannot be read");
  const isAllowed = isSigned(options, record) && mayOrder(principal, decoded.message);
  if (!isAllowed) return ignore("is not signed by one who may order");
  // What was signed, not the signature: the same one can be written down in several ways.
  const order = `${principal} ${sha256Hex(record.value)}`;
  if (seen.has(order)) return ignore("is a copy of an earlier one");
  seen.add(order);
  return decoded.message;
}

const principalOf = (record: StoredRecord): string => record.headers[HEADER.principal] ?? "";

/** A signature covers the raw bytes, so it can be checked before anybody can read them. */
function isSigned({ keyring, topic }: FeedOptions, record: StoredRecord): boolean {
  if (record.value === null) return false;
  const order = { topic, principal: principalOf(record), value: record.value, offset: record.offset };
  return keyring.isOrderSigned(order, record.headers[HEADER.sig] ?? "");
}

function isOfUnknownSchema(codec: Codec, record: StoredRecord): boolean {
  const decoded = codec.decode(record.value, "directive");
  return !decoded.ok && decoded.code === "BUSBAR_SCHEMA_UNKNOWN";
}

const SCHEMA_RETRY_MS = 500;

/**
 * Asks for the schema of a signed directive until there is an answer: a halt must not be missed for want of a registry.
 * Nobody waits for what is not signed, or one bad record would hold up every halt behind it.
 */
async function learnSchema(options: FeedOptions, record: StoredRecord, isStopped: () => boolean): Promise<void> {
  const id = frameSchemaId(record.value);
  while (id !== null && !isStopped()) {
    const resolution = await options.codec.resolveUnknown(id);
    if (resolution.ok || resolution.code !== "BUSBAR_REGISTRY_UNAVAILABLE") return;
    const where = { offset: record.offset.toString(), reason: resolution.reason };
    options.logger.error(where, "directives wait: a schema id cannot be looked up");
    await pause(options.timers, SCHEMA_RETRY_MS);
  }
}

/**
 * What services may order; a person may order all. What was stopped or is held by hand is let go by a person and by no
 * service, whatever key it has (PROTOCOL 5.5); and which code runs is a person's word as well.
 */
const SERVICE_ORDERS: Readonly<Record<string, readonly BusDirective["type"][]>> = {
  supervisor: ["Halt", "OpenBreaker", "CloseBreaker", "Grant", "Throttle", "Unthrottle", "DriftDetected"],
  gateway: ["Halt", "SetPolicy"],
};

function mayOrder(principal: string, { type }: BusDirective): boolean {
  const [role = ""] = principal.split(":");
  return role === "operator" || (own(SERVICE_ORDERS, role)?.includes(type) ?? false);
}

export interface SupervisorBeat {
  readonly beat: MessageOf<"SupervisorHeartbeat">;
  /** Broker time of its append, ms. */
  readonly atMs: number;
}

export interface LifeFeed {
  /** Gateways, as the log tells of them. */
  readonly lives: GatewayLives;
  /** When a beat of the gateway was last read here, by our monotonic clock. */
  gatewayReadMs(gateway: string): number;
  /** The latest beat about an events partition. */
  supervisor(partition: number): SupervisorBeat | null;
  /** When its agent last said that the chain is run in this incarnation, by our clock; 0: never. */
  chainSeenMs(agent: string, chainId: string, incarnation: number): number;
  /** When any process that runs this version's chains last gave a sign of life, by our clock; 0: never. */
  agentSeenMs(agent: string, version: string): number;
  agents(): readonly MessageOf<"AgentHeartbeat">[];
  stop(): Promise<void>;
}

/** Signs of life older than this are forgotten, ms. */
const FORGET_MS = 60_000;

/** A supervisor's beat that says it was sent longer ago, or later, than this by the broker's clock is an old one, ms. */
const BEAT_SKEW_MS = 10_000;

type ServiceBeat = Exclude<BusHeartbeat, { type: "AgentHeartbeat" }>;

/** Who must have signed a beat, and of what its beats are in order. */
function senderOf(beat: ServiceBeat): { readonly sender: string; readonly source: string } {
  if (beat.type === "GatewayHeartbeat") return { sender: `gateway:${beat.gateway}`, source: `gateway ${beat.gateway}` };
  const { supervisor, stream, partition } = beat;
  return { sender: `supervisor:${supervisor}`, source: `${supervisor} ${stream} ${partition}` };
}

/**
 * Why a sign of life is not what it says, or null. Agents answer for their own chains with their key; a supervisor's
 * beat opens doors, so it is signed, and a copy of an old one is neither the next one nor recent.
 */
function createBeatCheck({ keyring, topic }: FeedOptions) {
  const latest = new Map<string, number>();
  return (record: StoredRecord, beat: BusHeartbeat): string | null => {
    const principal = principalOf(record);
    const { value } = record;
    if (value === null) return "has no value";
    if (beat.type === "AgentHeartbeat") {
      const position = { topic, partition: 0, chainId: beat.instance, incarnation: 0, sequence: beat.sentAtMs, value };
      const auth = record.headers[HEADER.auth] ?? "";
      const isOwn = principal === `agent:${beat.agent}`;
      const keys = keyring.commandKeys(principal);
      return isOwn && keys.some((key) => verifyCommand(key, position, auth)) ? null : "is not its agent's";
    }
    const { sender, source } = senderOf(beat);
    const isOwn = principal === sender;
    // Without its offset, which says nothing about directives: only a key in use signs beats.
    const isSignedNow = keyring.isOrderSigned({ topic, principal, value }, record.headers[HEADER.sig] ?? "");
    if (!isOwn || !isSignedNow) return "is not signed by its sender";
    if (Math.abs(record.timestampMs - beat.sentAtMs) > BEAT_SKEW_MS) return "was sent at another time";
    if (beat.sentAtMs <= (latest.get(source) ?? 0)) return "is older than one before it";
    latest.set(source, beat.sentAtMs);
    return null;
  };
}

export async function createLifeFeed(options: FeedOptions): Promise<LifeFeed> {
  const beats = new Map<number, SupervisorBeat>();
  const chains = new Map<string, number>();
  const lives = new GatewayLives();
  const ownBeats = new Map<string, number>();
  const agents = new Map<string, { readonly beat: MessageOf<"AgentHeartbeat">; readonly seenMs: number }>();
  const { end } = await options.log.offsets(options.topic, 0);
  const takeAgent = (beat: MessageOf<"AgentHeartbeat">, nowMs: number): void => {
    agents.set(beat.instance, { beat, seenMs: nowMs });
    for (const { chainId, incarnation } of beat.chains) chains.set(`${beat.agent} ${chainId} ${incarnation}`, nowMs);
    if (chains.size < 100_000) return;
    for (const [key, seenMs] of chains) if (nowMs - seenMs > FORGET_MS) chains.delete(key);
  };
  const takeBeat = (beat: BusHeartbeat, atMs: number, nowMs: number): void => {
    if (beat.type === "AgentHeartbeat") return takeAgent(beat, nowMs);
    if (beat.type === "SupervisorHeartbeat") {
      if (beat.stream === "events") beats.set(beat.partition, { beat, atMs });
      return;
    }
    lives.take(beat, atMs);
    ownBeats.set(beat.gateway, options.clock.monotonicMs());
  };
  const isTrue = createBeatCheck(options);
  const follower = options.log.follow({
    topic: options.topic,
    partition: 0,
    // What was said before this process lived is no sign of life.
    from: end,
    onDelivery: ({ records }) => {
      const nowMs = options.clock.nowMs();
      for (const record of records) {
        lives.passed(record.timestampMs);
        const decoded = options.codec.decode(record.value, "heartbeat");
        if (!decoded.ok) continue;
        const { message } = decoded;
        const flaw = isTrue(record, message);
        if (flaw === null) takeBeat(message, record.timestampMs, nowMs);
        else options.logger.warn({ offset: record.offset.toString() }, `sign of life that ${flaw}: ignored`);
      }
    },
    onProblem: (problem) => options.logger.warn({ problem: problem.kind }, "heartbeats cannot be read"),
  });
  return {
    lives,
    gatewayReadMs: (gateway) => ownBeats.get(gateway) ?? Number.NEGATIVE_INFINITY,
    supervisor: (partition) => beats.get(partition) ?? null,
    chainSeenMs: (agent, chainId, incarnation) => chains.get(`${agent} ${chainId} ${incarnation}`) ?? 0,
    agentSeenMs: (agent, version) => {
      let seen = 0;
      for (const { beat, seenMs } of agents.values()) {
        if (beat.agent === agent && beat.version === version) seen = Math.max(seen, seenMs);
      }
      return seen;
    },
    agents: () => [...agents.values()].map(({ beat }) => beat),
    stop: () => follower.stop(),
  };
}
