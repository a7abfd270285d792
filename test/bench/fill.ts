/**
 * Fills one partition with the events of finished tasks, as an owner would have written them: decided by the door's own
 * rules, stamped, in batches, with checkpoints at the intervals that an owner keeps.
 */
import { randomBytes } from "node:crypto";
import {
  type BusCommand,
  claimHeaders,
  GENESIS_DIGEST,
  HEADER,
  metaWith,
  partitionOf,
  stampHeaders,
} from "@busbar/events";
import { type Codec, fastDigestChain } from "@busbar/events/codec";
import { type Json, shortHash } from "@busbar/kernel";
import type { Appender, EventLog, NewRecord } from "@busbar/log";
import {
  beginTurn,
  decide,
  type EmittedEvent,
  initialPartitionState,
  type Input,
  type PartitionState,
  replay,
  snapshotOf,
  type TurnEnv,
} from "@busbar/policy";
import {
  createCheckpointStore,
  createPartitionReader,
  DEFAULT_OWNER_SETTINGS,
  STATE_VERSION,
  type TopicNames,
} from "@busbar/runtime";

export interface FillOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topics: TopicNames;
  readonly partition: number;
  readonly partitionCount: number;
  readonly agent: string;
  readonly tool: string;
  readonly events: number;
}

const TASKS_PER_APPEND = 100;
const APPEND_BYTES = 1_000_000;

interface Filling {
  readonly options: FillOptions;
  readonly state: PartitionState;
  readonly appender: Appender;
  readonly claim: { readonly offset: bigint; readonly nonce: string };
  tasks: number;
  checkpointed: number;
}

/** Reads the partition as it is, claims it, writes until it holds so many events, and releases it. Events in all. */
export async function fillPartition(options: FillOptions): Promise<number> {
  const { log, topics, partition } = options;
  const state = await stateOf(options);
  const appender = await log.openAppender(topics.events, partition);
  const nonce = randomBytes(9).toString("base64url");
  const meta = metaWith({ eventId: `fill-${nonce}`, atMs: Date.now() });
  const value = options.codec.encode("PartitionClaimed", { meta, owner: "filler", nonce });
  const claimed = await appender.append([{ key: "claim", value, headers: claimHeaders({ owner: "filler", nonce }) }]);
  if (claimed.kind !== "appended") throw new Error("the claim was not appended");
  const claim = { offset: claimed.baseOffset, nonce };
  const event = { type: "PartitionClaimed" as const, meta, owner: "filler", nonce };
  replay(state, { offset: claim.offset, event, digest: state.digest });
  const filling: Filling = { options, state, appender, claim, tasks: 0, checkpointed: 0 };
  try {
    while (state.events < options.events) await fillSome(filling);
    await append(filling, [{ kind: "release", owner: "filler", reason: "filled" }]);
  } finally {
    await appender.close();
  }
  return state.events;
}

async function stateOf({ log, codec, topics, partition }: FillOptions): Promise<PartitionState> {
  const state = initialPartitionState(partition);
  const reader = createPartitionReader(codec);
  for await (const delivery of log.read(topics.events, partition, { from: 0n })) {
    for (const read of reader.read(delivery)) {
      if (read.kind !== "event") continue;
      const isClaim = read.event.type === "PartitionClaimed";
      const digest = isClaim ? state.digest : (read.record.headers[HEADER.digest] ?? GENESIS_DIGEST);
      replay(state, { offset: read.offset, event: read.event, digest });
    }
    state.end = delivery.next.toString();
  }
  return state;
}

/** One read call each, and done: about seven events a task. */
async function fillSome(filling: Filling): Promise<void> {
  const { options, state } = filling;
  const chains: string[] = [];
  while (chains.length < TASKS_PER_APPEND) {
    filling.tasks += 1;
    const chain = shortHash("task", `fill/${filling.tasks}`);
    if (partitionOf(chain, options.partitionCount) === options.partition) chains.push(chain);
  }
  const keys = new Map(chains.map((chain) => [chain, chain]));
  const opening = {
    supervisor: "fill",
    heartbeatAtMs: Date.now(),
    eventsThrough: state.end,
    directivesEnd: state.through,
  };
  if (state.door !== "open") await append(filling, [{ kind: "open", opening }]);
  await append(
    filling,
    [...keys.keys()].map((chain) => submission(filling, chain)),
  );
  await append(
    filling,
    chains.map((chain) => call(filling, chain)),
  );
  await append(
    filling,
    chains.map((chain) => {
      const callId = `${chain}:1`;
      const admitted = state.chains[chain]?.calls[callId]?.admitted ?? "";
      const outcome = { chainId: chain, callId, admitted, durationMs: 1, kind: "committed" as const, result: "{}" };
      return { kind: "outcome", outcome };
    }),
  );
  await append(
    filling,
    chains.map((chain) => completion(filling, chain)),
  );
  await checkpoint(filling);
}

function command(filling: Filling, chain: string, streamSeq: number, body: object): Input {
  const { options, state } = filling;
  const agent = options.agent;
  const incarnation = state.chains[chain]?.incarnation ?? 0;
  const meta = metaWith({ eventId: "fill", atMs: Date.now(), chainId: chain, agent, incarnation, streamSeq });
  const principal = streamSeq === 0 ? "gateway" : `agent:${agent}`;
  const made = { ...body, meta } as unknown as BusCommand;
  const position = { source: "commands" as const, topic: options.topics.commands, offset: -1n };
  return { kind: "command", ...position, command: made, principal, authProblem: null };
}

const submission = (filling: Filling, chain: string): Input => {
  const limits = { deadlineAtMs: 0, maxSteps: 0, budgetTokens: 0 };
  const parent = { parentChainId: "fill", parentCallId: "fill:1" };
  const { agent } = filling.options;
  return command(filling, chain, 0, { type: "SubmitTask", taskKey: chain, agent, input: "{}", ...limits, ...parent });
};

const call = (filling: Filling, chain: string): Input =>
  command(filling, chain, 1, { type: "CallTool", step: 1, tool: filling.options.tool, args: "{}", repeat: 0 });

const completion = (filling: Filling, chain: string): Input =>
  command(filling, chain, 2, { type: "CompleteTask", step: 2, output: "{}" });

function envOf({ options }: Filling): TurnEnv {
  const { codec, topics, partitionCount } = options;
  return {
    topic: topics.events,
    atMs: Date.now(),
    partitionCount,
    batchBytes: APPEND_BYTES,
    namespace: "",
    codeVersion: "",
    check: () => null,
    encode: (event, previousDigest) => {
      const bytes = codec.encode(event.type, event as never);
      return { bytes, digest: fastDigestChain(previousDigest, bytes) };
    },
  };
}

async function append(filling: Filling, inputs: readonly Input[]): Promise<void> {
  const waiting = [...inputs];
  while (waiting.length > 0) {
    const turn = beginTurn(filling.state, envOf(filling));
    // As an owner that keeps up with its inboxes: a successor has nothing of this to project.
    turn.progress = { ...turn.progress, inbox: filling.state.end };
    for (let input = waiting.shift(); input !== undefined; input = waiting.shift()) {
      const rest = decide(turn, input);
      if (rest === null) continue;
      waiting.unshift(rest);
      break;
    }
    const [first] = turn.emitted;
    if (first === undefined) continue;
    const outcome = await filling.appender.append(turn.emitted.map((one) => recordOf(filling, one)));
    if (outcome.kind !== "appended" || outcome.baseOffset !== first.offset)
      throw new Error("somebody else writes here");
  }
}

function recordOf({ claim }: Filling, { event, bytes, offset, previousDigest, digest }: EmittedEvent): NewRecord {
  const stamp = { type: event.type, at: offset, claim, prev: previousDigest, value: bytes };
  return { key: event.meta.chainId || "partition", value: bytes, headers: stampHeaders(stamp, () => digest) };
}

/** At the intervals of an owner (owner.ts). */
async function checkpoint(filling: Filling): Promise<void> {
  const { options, state } = filling;
  const every = Math.max(DEFAULT_OWNER_SETTINGS.checkpointEvery, state.openChains + state.closedOrder.length);
  if (state.events - filling.checkpointed < every) return;
  filling.checkpointed = state.events;
  const store = createCheckpointStore(options.log, options.topics.checkpoints);
  const snapshot = snapshotOf(state) as unknown as Json;
  await store.save("door", options.partition, { offset: BigInt(state.end), version: STATE_VERSION, state: snapshot });
}
