/**
 * A door without a log: the same decisions, turn by turn, in memory. Every turn counts as acknowledged. For tests of
 * policies and rules, and for asking what a door would have done.
 */
import { type BusEvent, CLAIM_TYPE, metaWith } from "@busbar/events";
import { canonicalJson, type Json, sha256Hex } from "@busbar/kernel";
import { initialPartitionState, type PartitionState } from "../partition-state.ts";
import { type Policy, policyHash } from "../policy-document.ts";
import { type LoggedEvent, replay } from "../replay/replay.ts";
import { decide } from "./decide.ts";
import type { Input } from "./inputs.ts";
import { beginTurn, type Turn, type TurnEnv } from "./turn.ts";

export interface PureDoorOptions {
  readonly partition?: number;
  /** Default 1: every chain belongs here. */
  readonly partitionCount?: number;
  /** Topic in event ids; default `busbar.events`. */
  readonly topic?: string;
  /** Bytes of an append; default 1 MiB. */
  readonly batchBytes?: number;
  /** JSON Schema check of arguments; default: everything is allowed. */
  check?(schema: Json, value: Json): string | null;
}

export interface PureDoor {
  /** The state as decided; replaced by `restore`. */
  readonly state: PartitionState;
  /** Everything recorded so far, claims included. */
  readonly log: readonly LoggedEvent[];
  /** Event time of the next turn, ms; set it to move time. */
  atMs: number;
  /** Decides the inputs in one turn, or in as many as their records need appends; what was recorded. */
  turn(...inputs: readonly Input[]): readonly BusEvent[];
  /** Bytes of the last call's appends, as a turn counts them. */
  readonly appends: readonly number[];
  /** A new owner's claim: the door is closed until it is opened again. */
  claim(): void;
  /** Claims, applies the policy and opens. */
  open(policy: Policy): void;
  /** Goes on from the state's JSON, as a successor does from a checkpoint. */
  restore(): void;
}

/** Where the pure door starts its time, ms since the epoch. */
export const PURE_DOOR_START_MS = 1_795_000_000_000;

const PURE_DOOR_BATCH_BYTES = 1_048_576;

/** One byte per character is enough for a size; nobody decodes them. */
const bytesOf = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff);

/** Encoding and digest are stand-ins: they depend on nothing but the event and what came before it. */
function pureEnv(options: PureDoorOptions, topic: string, atMs: number): TurnEnv {
  return {
    topic,
    atMs,
    partitionCount: options.partitionCount ?? 1,
    batchBytes: options.batchBytes ?? PURE_DOOR_BATCH_BYTES,
    namespace: "",
    codeVersion: "pure",
    check: options.check ?? (() => null),
    encode: (event, previousDigest) => {
      const text = canonicalJson(event);
      return { bytes: bytesOf(text), digest: sha256Hex(previousDigest + text) };
    },
  };
}

/** Decides everything, in as many turns as there are appends to be filled. */
function decideAll(
  state: PartitionState,
  inputs: readonly Input[],
  env: TurnEnv,
): { readonly recorded: readonly LoggedEvent[]; readonly appends: number[] } {
  const waiting = [...inputs];
  const recorded: LoggedEvent[] = [];
  const appends: number[] = [];
  while (waiting.length > 0) {
    const turn = beginTurn(state, env);
    decideSome(turn, waiting);
    appends.push(turn.bytes);
    recorded.push(...turn.emitted.map(({ offset, event, digest }) => ({ offset, event, digest })));
  }
  return { recorded, appends };
}

/** Decides what waits, as far as one append goes; the rest waits in its place. */
function decideSome(turn: Turn, waiting: Input[]): void {
  for (let input = waiting.shift(); input !== undefined; input = waiting.shift()) {
    const rest = decide(turn, input);
    if (rest !== null) return void waiting.unshift(rest);
  }
}

export function createPureDoor(options: PureDoorOptions = {}): PureDoor {
  const topic = options.topic ?? "busbar.events";
  const partition = options.partition ?? 0;
  const log: LoggedEvent[] = [];
  const own: { state: PartitionState; claims: number; appends: number[] } = {
    state: initialPartitionState(partition),
    claims: 0,
    appends: [],
  };

  const door: PureDoor = {
    get state() {
      return own.state;
    },
    log,
    atMs: PURE_DOOR_START_MS,
    turn: (...inputs) => {
      const { recorded, appends } = decideAll(own.state, inputs, pureEnv(options, topic, door.atMs));
      own.appends = appends;
      log.push(...recorded);
      return recorded.map(({ event }) => event);
    },
    get appends() {
      return own.appends;
    },
    claim: () => {
      own.claims += 1;
      const { end, digest } = own.state;
      const meta = metaWith({ eventId: `${topic}/${partition}/${end}`, atMs: door.atMs });
      const event: BusEvent = { type: CLAIM_TYPE, meta, owner: "pure", nonce: `claim-${own.claims}` };
      const logged = { offset: BigInt(end), event, digest };
      replay(own.state, logged);
      log.push(logged);
    },
    open: (policy) => {
      door.claim();
      const hash = policyHash(policy);
      const offset = own.state.through;
      const detail = canonicalJson({ hash, policy: canonicalJson(policy) });
      const through = (BigInt(offset) + 1n).toString();
      const applied = [{ offset, kind: "SetPolicy", scope: "", id: hash, detail }];
      door.turn({ kind: "directives", applied, through });
      const opening = {
        supervisor: "pure",
        heartbeatAtMs: door.atMs,
        eventsThrough: own.state.end,
        directivesEnd: through,
      };
      door.turn({ kind: "open", opening });
    },
    restore: () => {
      own.state = JSON.parse(JSON.stringify(own.state)) as PartitionState;
    },
  };
  return door;
}
