/**
 * Commands from the log into a partition's queue (PROTOCOL 4.1): decoded, authenticated, each position once and in
 * order. What cannot be read becomes a dead letter, acknowledged before its position is passed; then a rejection.
 */
import { type BusCommand, HEADER } from "@busbar/events";
import { type Codec, frameSchemaId, toDeadLetter, verifyCommand } from "@busbar/events/codec";
import type { ErrorCode } from "@busbar/kernel";
import type { Delivery, EventLog, Follower, StoredRecord } from "@busbar/log";
import type { Input } from "@busbar/policy";
import type { Logger } from "@busbar/telemetry";
import { metaWith } from "../meta.ts";
import type { Clock, Keyring } from "../ports.ts";

export interface IntakeOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly keyring: Keyring;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly source: "commands" | "control";
  readonly topic: string;
  readonly deadLetters: string;
  readonly partition: number;
  push(input: Input): void;
  onDeadLetter(code: string): void;
}

export interface Intake {
  readonly source: "commands" | "control";
  /** Takes commands from this position on; what was taken before and not decided is taken again. */
  restart(from: bigint): Promise<void>;
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

const RETRY_MS = 50;

export function createIntake(options: IntakeOptions): Intake {
  const own = { follower: null as Follower | null, next: 0n, run: 0, paused: false };

  const deliver = async (delivery: Delivery, run: number): Promise<void> => {
    const positions = [...delivery.records, ...delivery.unreadable].sort((left, right) => (left.offset < right.offset ? -1 : 1));
    for (const position of positions) {
      if (run !== own.run || position.offset < own.next) continue;
      const input = "headers" in position ? await recordInput(options, position) : await unreadableInput(options, position);
      if (run !== own.run) return;
      if (position.offset > own.next) {
        // Only a fetch made at `next` itself can bring a later position: retention took what was between.
        const { source, topic } = options;
        options.push({ kind: "gap", source, topic, expected: own.next, found: position.offset });
      }
      options.push(input);
      own.next = position.offset + 1n;
    }
  };

  const stopFollower = async (): Promise<void> => {
    own.run += 1;
    const { follower } = own;
    own.follower = null;
    await follower?.stop();
  };

  return {
    source: options.source,
    restart: async (from) => {
      await stopFollower();
      own.next = from;
      const { run } = own;
      own.follower = options.log.follow({
        topic: options.topic,
        partition: options.partition,
        from,
        onDelivery: (delivery) => deliver(delivery, run),
        onProblem: (problem) => {
          if (problem.kind === "gap") void jumpTo(problem.low);
          options.logger.warn({ partition: options.partition, problem: problem.kind }, `${options.source} cannot be read`);
        },
      });
      if (own.paused) own.follower.pause();
    },
    pause: () => {
      own.paused = true;
      own.follower?.pause();
    },
    resume: () => {
      own.paused = false;
      own.follower?.resume();
    },
    stop: stopFollower,
  };

  async function jumpTo(low: bigint): Promise<void> {
    const { source, topic } = options;
    options.push({ kind: "gap", source, topic, expected: own.next, found: low });
    const paused = own.paused;
    await stopFollower();
    own.next = low;
    own.paused = paused;
  }
}

async function recordInput(options: IntakeOptions, record: StoredRecord): Promise<Input> {
  let decoded = options.codec.decode(record.value, "command");
  if (!decoded.ok && decoded.code === "BUSBAR_SCHEMA_UNKNOWN") {
    const id = frameSchemaId(record.value);
    if (id !== null && (await options.codec.resolveUnknown(id)).ok) decoded = options.codec.decode(record.value, "command");
  }
  if (!decoded.ok) return putAside(options, record, decoded.code, decoded.reason);
  const principal = record.headers[HEADER.principal] ?? "";
  const { source, topic } = options;
  const authProblem = authProblemOf(options, record, decoded.message, principal);
  return { kind: "command", source, topic, offset: record.offset, command: decoded.message, principal, authProblem };
}

function authProblemOf(options: IntakeOptions, record: StoredRecord, command: BusCommand, principal: string): string | null {
  const value = record.value;
  if (value === null) return "no value";
  if (options.source === "control") {
    const order = { topic: options.topic, principal, value };
    return options.keyring.isOrderSigned(order, record.headers[HEADER.sig] ?? "") ? null : "the order is not signed";
  }
  // A client may submit work; whether the agent and its limits allow it is decided at the door.
  if (command.type === "SubmitTask" && principal.startsWith("client:")) return null;
  const key = options.keyring.commandKey(principal);
  if (key === null) return `no key is known for ${principal === "" ? "a sender without a name" : principal}`;
  const { chainId, incarnation, streamSeq: sequence } = command.meta;
  const { topic, partition } = options;
  const position = { topic, partition, chainId, incarnation, sequence, value };
  return verifyCommand(key, position, record.headers[HEADER.auth] ?? "") ? null : "the authentication code does not match";
}

async function unreadableInput(options: IntakeOptions, position: Delivery["unreadable"][number]): Promise<Input> {
  const { source, topic } = options;
  if (position.kind === "hole") {
    return { kind: "gap", source, topic, expected: position.offset, found: position.offset + 1n };
  }
  const record: StoredRecord = {
    topic,
    partition: options.partition,
    offset: position.offset,
    timestampMs: 0,
    key: null,
    value: null,
    headers: {},
  };
  return putAside(options, record, "BUSBAR_SCHEMA_INVALID", position.reason);
}

/** Bytes and reason go to the dead letters, acknowledged, before the position is passed. */
async function putAside(options: IntakeOptions, record: StoredRecord, code: ErrorCode, reason: string): Promise<Input> {
  const { source, topic, partition } = options;
  const atMs = options.clock.nowMs();
  const meta = metaWith({ eventId: `${topic}/${partition}/${record.offset}`, atMs });
  const value = options.codec.encode("DeadLetter", { meta, ...toDeadLetter({ code, reason, record }) });
  const key = `${topic}/${partition}/${record.offset}`;
  const publication = { topic: options.deadLetters, partition, record: { key, value, headers: { [HEADER.type]: "DeadLetter" } } };
  for (;;) {
    const [outcome] = await options.log.publish([publication]);
    if (outcome === undefined || outcome.kind !== "unknown") break;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  options.onDeadLetter(code);
  options.logger.warn({ partition, offset: record.offset.toString(), code }, `${topic}: put aside: ${reason}`);
  return { kind: "undecodable", source, topic, offset: record.offset, code, reason };
}
