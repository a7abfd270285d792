/**
 * A turn: what the owner of a partition does with the inputs that wait when nothing of it is in flight.
 *
 * T1 A decision is replayed the moment it is emitted, so the next input of the same turn sees it (PROTOCOL 4.4).
 * T2 What is emitted is one append; effects and answers wait for its acknowledgement, outside this file.
 * T3 Everything is a function of (state, inputs, env): no clock, no randomness, no I/O.
 * T4 A record is encoded and measured before it is replayed, and an input whose records have no room in the append
 *    leaves no trace (`attempt`): it goes into the next append, or is refused where it would fill one alone.
 */
import type { BusEvent, ClaimCheck, EventBody, Meta, Progress, TypeOfFamily } from "@busbar/events";
import { assert, type Json, own } from "@busbar/kernel";
import { isLeftToPerson } from "../degradation/ladder.ts";
import { stepOf } from "../degradation/step-record.ts";
import type { ChainState, PartitionState } from "../partition-state.ts";
import type { Trip } from "../rules/index.ts";
import { type LoggedEvent, replay } from "../replay/replay.ts";

/** What decisions are made with besides the state. All of it is data or a pure function. */
export interface TurnEnv {
  /** Events topic, for event ids. */
  readonly topic: string;
  readonly atMs: number;
  readonly partitionCount: number;
  /** Bytes that one append takes, each record counted with RECORD_OVERHEAD_BYTES (PROTOCOL 1.2). */
  readonly batchBytes: number;
  readonly namespace: string;
  /** Of the gateway; on the events that are about no chain. */
  readonly codeVersion: string;
  /** Encodes an event; digest = running digest over the partition's valid records, this one included. */
  encode(event: BusEvent, previousDigest: string): { readonly bytes: Uint8Array; readonly digest: string };
  /** JSON Schema check: null, or what is wrong. */
  check(schema: Json, value: Json): string | null;
}

/** Key, headers and framing of a record, from above; names in keys are bounded (`short` in commands.ts). */
export const RECORD_OVERHEAD_BYTES = 1024;

/**
 * Room that an admission leaves in an append of its own: the failure of the attempt and the admission of the next one,
 * which repeats the arguments, stand in one append (PROTOCOL 4.5).
 */
export const OUTCOME_ROOM_BYTES = 65_536;

export interface EmittedEvent extends LoggedEvent {
  readonly bytes: Uint8Array;
  readonly previousDigest: string;
}

export type EventType = TypeOfFamily<"event">;

export interface Turn {
  readonly state: PartitionState;
  readonly env: TurnEnv;
  readonly emitted: EmittedEvent[];
  /** Calls admitted in this very turn: decided, not yet acknowledged, so not started. */
  readonly admitted: Set<string>;
  /** The owner's positions after the input at hand; rides on every record (PROTOCOL 4.1). */
  progress: Progress;
  bytes: number;
}

export function beginTurn(state: PartitionState, env: TurnEnv): Turn {
  const progress = { ...state.inputs, inbox: state.inbox, forwards: "" };
  return { state, env, emitted: [], admitted: new Set(), progress, bytes: 0 };
}

/** About whom an event is; a chain gives most of it. */
export interface About {
  readonly chain?: ChainState;
  readonly chainId?: string;
  readonly lineage?: readonly string[];
  readonly agent?: string;
  readonly incarnation?: number;
  readonly causationId?: string;
  readonly traceparent?: string;
  readonly commandSeq?: number;
  readonly correlationId?: string;
  /** Of an assignment: the version that it pins the chain to. */
  readonly codeVersion?: string;
  readonly claimCheck?: ClaimCheck | null;
}

const NOBODY = {
  chainId: "",
  lineage: [],
  agent: "",
  incarnation: 0,
  causationId: "",
  correlationId: "",
  traceparent: "",
  commandSeq: 0,
  claimCheck: null,
} as const;

/** What a chain says about itself; what is said beside it goes before. */
function ofChain(chain: ChainState | undefined): Partial<Meta> & Pick<Meta, "streamSeq"> {
  if (chain === undefined) return { streamSeq: 1 };
  const { chainId, lineage, agent, incarnation, correlationId, traceparent, version } = chain;
  const streamSeq = chain.streamSeq + 1;
  return { chainId, lineage, agent, incarnation, correlationId, traceparent, streamSeq, codeVersion: version };
}

function metaOf(turn: Turn, about: About): Meta {
  const { state, env, progress } = turn;
  const { chain, ...said } = about;
  return {
    ...NOBODY,
    codeVersion: (about.chainId ?? "") === "" ? env.codeVersion : "",
    ...ofChain(chain),
    ...said,
    eventId: `${env.topic}/${state.partition}/${state.end}`,
    atMs: Math.max(env.atMs, state.atMs),
    namespace: env.namespace,
    replay: false,
    policyHash: state.policyHash,
    progress,
  };
}

/** The chain as it is now (a decision may have changed it since it was looked up). */
export function chainOf(turn: Turn, chainId: string): ChainState | undefined {
  return own(turn.state.chains, chainId);
}

/** Records one decision: stamped, encoded, replayed. A rule that it trips is recorded at once. */
export function emit<T extends EventType>(turn: Turn, type: T, about: About, body: EventBody<T>): string {
  const chain = chainOf(turn, about.chain?.chainId ?? about.chainId ?? "") ?? about.chain;
  const meta = metaOf(turn, chain === undefined ? about : { ...about, chain });
  const event = { type, meta, ...body } as unknown as BusEvent;
  record(turn, event);
  if (event.type === "EffectAdmitted") turn.admitted.add(event.callId);
  if (event.meta.chainId !== "") {
    recordTrip(turn, event.meta.chainId, event.meta.eventId);
    recordNarrowing(turn, event.meta.chainId, event.meta.eventId);
  }
  return event.meta.eventId;
}

/** Thrown by `record` and caught by `attempt`, and by nobody between. */
class NoRoom extends Error {}

/** What is to be tried again under another record, or again with new arguments, must fit beside its own outcome. */
const ADMISSIONS: ReadonlySet<BusEvent["type"]> = new Set([
  "EffectAdmitted",
  "ApprovalRequested",
  "ModelCallAdmitted",
  "TaskSent",
]);

function record(turn: Turn, event: BusEvent): void {
  const previousDigest = turn.state.digest;
  const { bytes, digest } = turn.env.encode(event, previousDigest);
  const size = bytes.length + RECORD_OVERHEAD_BYTES;
  const reserved = ADMISSIONS.has(event.type) ? OUTCOME_ROOM_BYTES : 0;
  if (size > roomLeft(turn) || size + reserved > turn.env.batchBytes) throw new NoRoom();
  const logged = { offset: BigInt(turn.state.end), event, digest, bytes, previousDigest };
  turn.emitted.push(logged);
  turn.bytes += size;
  replay(turn.state, logged);
}

/** Bytes that the append still takes. */
export function roomLeft(turn: Turn): number {
  return turn.env.batchBytes - turn.bytes;
}

/**
 * Decides whole or not at all. False: the records of `work` do not fit into this append, and turn and state are as they
 * were. `work` changes no chains but those named, and no fences, freezes or breakers.
 */
export function attempt(turn: Turn, chainIds: Iterable<string>, work: () => void): boolean {
  const { state, progress, bytes } = turn;
  const before = { ...state };
  const closings = state.closedOrder.length;
  const chains = [...chainIds].map((id) => [id, own(state.chains, id), own(state.closed, id)] as const);
  const from = turn.emitted.length;
  try {
    work();
    return true;
  } catch (error) {
    if (!(error instanceof NoRoom)) throw error;
  }
  for (const { event } of turn.emitted.splice(from).reverse()) {
    if (event.type === "EffectAdmitted") turn.admitted.delete(event.callId);
    if (event.type === "EffectAbandoned") turn.admitted.add(event.callId);
  }
  turn.bytes = bytes;
  turn.progress = progress;
  Object.assign(state, before);
  state.closedOrder.length = closings;
  for (const [id, chain, closed] of chains) {
    if (chain === undefined) delete state.chains[id];
    else state.chains[id] = chain;
    if (closed === undefined) delete state.closed[id];
    else state.closed[id] = closed;
  }
  return false;
}

function recordTrip(turn: Turn, chainId: string, causationId: string): void {
  const chain = chainOf(turn, chainId);
  if (chain === undefined) return;
  if (chain.trip !== null) recordHalt(turn, chain, chain.trip, causationId);
  for (const { rule, ruleVersion, reason, evidence } of chain.shadows) {
    const meta = metaOf(turn, { chain: chainOf(turn, chainId) ?? chain, causationId });
    record(turn, { type: "RuleShadowed", meta, rule, ruleVersion, would: "halt", reason, evidence: [...evidence] });
  }
}

function recordHalt(turn: Turn, chain: ChainState, trip: Trip, causationId: string): void {
  const { chainId } = chain;
  const { rule, ruleVersion, reason, evidence } = trip;
  const meta = metaOf(turn, { chain, causationId });
  record(turn, { type: "ChainHalted", meta, rule, ruleVersion, reason, evidence, directive: "" });
  assert(chainOf(turn, chainId)?.trip === null, "a recorded trip is over");
  abandonUnstarted(turn, (found) => found === chainId, `chain halted by ${rule}`);
}

/** Rungs of the ladder that are taken: one, and the person to whom a halt is handed. */
function recordNarrowing(turn: Turn, chainId: string, causationId: string): void {
  for (;;) {
    const chain = chainOf(turn, chainId);
    const narrowing = chain?.narrowing ?? null;
    if (chain === undefined || narrowing === null) return;
    const place = { topic: turn.env.topic, partition: turn.state.partition, end: turn.state.end };
    record(turn, { ...stepOf(chain, narrowing, place), meta: metaOf(turn, { chain, causationId }) } as BusEvent);
    if (narrowing.rung === "halt") abandonUnstarted(turn, (found) => found === chainId, "its chain was halted");
    if (narrowing.rung === "approve") leaveReads(turn, chainId);
  }
}

/** With a person before each effect a chain need not read only, unless something else wants that. */
function leaveReads(turn: Turn, chainId: string): void {
  const chain = chainOf(turn, chainId);
  if (chain?.status !== "degraded" || Object.values(chain.calls).some(isLeftToPerson)) return;
  const body = { directive: "", reason: "a person approves each effect from now on", by: "gateway" };
  record(turn, { type: "ChainResumed", meta: metaOf(turn, { chain }), ...body });
}

/** Takes back what this very turn admitted and a halt now covers: nothing of it has been started. */
export function abandonUnstarted(
  turn: Turn,
  isCovered: (chainId: string, tool: string) => boolean,
  reason: string,
): readonly string[] {
  const abandoned: string[] = [];
  for (const callId of turn.admitted) {
    const chain = chainOf(turn, callId.slice(0, callId.lastIndexOf(":")));
    const call = chain?.calls[callId];
    if (chain === undefined || call === undefined || call.status !== "open") continue;
    if (!isCovered(chain.chainId, call.name)) continue;
    turn.admitted.delete(callId);
    const { effectKey, name, attempt, admitted } = call;
    const meta = metaOf(turn, { chain });
    if (call.unresolved) {
      // This attempt was not started; an earlier one may still arrive.
      const doubt = { effectKey, tool: name, attempt, admitted, reason, settleAtMs: turn.env.atMs };
      record(turn, { ...doubt, type: "EffectInDoubt", code: "BUSBAR_EFFECT_IN_DOUBT", meta, callId });
      continue;
    }
    const told = { effectKey, tool: name, attempt, admitted, reason, retryAtMs: 0 };
    const body = { type: "EffectAbandoned" as const, ...told };
    record(turn, { ...body, meta, callId });
    abandoned.push(callId);
    // Whoever was made to wait for this effect waits for nothing now.
    for (const [waiting, { status, effectKey: wanted }] of Object.entries(chain.calls)) {
      if (status !== "waiting" || wanted !== effectKey) continue;
      const current = chainOf(turn, chain.chainId) ?? chain;
      record(turn, { ...body, meta: metaOf(turn, { chain: current }), callId: waiting });
    }
  }
  return abandoned;
}
