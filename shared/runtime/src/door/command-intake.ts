/**
 * Commands from the log into a partition's queue (PROTOCOL 4.1): decoded, authenticated, each position once and in
 * order. What cannot be read becomes a dead letter, acknowledged before its position is passed; then a rejection.
 */
import { type BusCommand, HEADER, type MessageOf } from "@busbar/events";
import { type Codec, frameSchemaId, toDeadLetter, verifyCommand } from "@busbar/events/codec";
import { busbarError, type BusbarError, type ErrorCode, isBusbarError } from "@busbar/kernel";
import type { Delivery, EventLog, Follower, FollowProblem, StoredRecord } from "@busbar/log";
import type { Input } from "@busbar/policy";
import type { Logger } from "@busbar/telemetry";
import { metaWith } from "../meta.ts";
import { type Clock, type Keyring, pause, type Timers } from "../ports.ts";
import type { Contents } from "./contents.ts";

export interface IntakeOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly keyring: Keyring;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly timers: Pick<Timers, "after">;
  readonly source: "commands" | "control";
  readonly topic: string;
  readonly deadLetters: string;
  readonly partition: number;
  /** What commands refer to. */
  readonly contents: Pick<Contents, "read">;
  push(input: Input): void;
  onDeadLetter(code: string): void;
  /** Whether a person accepted that everything before this offset is gone. */
  isGapAccepted(topic: string, low: bigint): boolean;
  /** Positions that were never decided are gone: the partition fails closed until a person acts (PROTOCOL 3.5). */
  onBroken(error: BusbarError): void;
}

const RETRY_MS = 50;

export class Intake {
  readonly #options: IntakeOptions;
  #follower: Follower | null = null;
  #next = 0n;
  /** Deliveries of an older run are dropped: a follower that was replaced may still hand over. */
  #run = 0;
  #isPaused = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  get source(): "commands" | "control" {
    return this.#options.source;
  }

  /** The position that is taken next. */
  get next(): bigint {
    return this.#next;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Takes commands from this position on; what was taken before and not decided is taken again. */
  async restart(from: bigint): Promise<void> {
    await this.stop();
    this.#next = from;
    const run = this.#run;
    const { log, topic, partition } = this.#options;
    this.#follower = log.follow({
      topic,
      partition,
      from,
      onDelivery: (delivery) => this.#deliver(inOrder(delivery), run),
      onProblem: (problem) => this.#onProblem(problem, run),
    });
    if (this.#isPaused) this.#follower.pause();
  }

  pause(): void {
    this.#isPaused = true;
    this.#follower?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#follower?.resume();
  }

  async stop(): Promise<void> {
    this.#run += 1;
    const follower = this.#follower;
    this.#follower = null;
    await follower?.stop();
  }

  /**
   * A promise that a follower is given leaves its partition out of the next fetch, so there is one only where something
   * has to be looked up or put aside; the ordinary command is taken at once.
   */
  #deliver(positions: readonly Position[], run: number): void | Promise<void> {
    for (const [index, position] of positions.entries()) {
      if (run !== this.#run) return;
      if (position.offset < this.#next) continue;
      const input =
        "headers" in position ? recordInput(this.#options, position) : unreadableInput(this.#options, position);
      if (input instanceof Promise) {
        return input.then((found) => {
          if (run !== this.#run) return;
          this.#take(position.offset, found);
          return this.#deliver(positions.slice(index + 1), run);
        });
      }
      this.#take(position.offset, input);
    }
  }

  #take(offset: bigint, input: Input): void {
    // Only a fetch made at `next` itself can bring a later position: retention took what was between.
    if (offset > this.#next) this.#gap(offset);
    this.#options.push(input);
    this.#next = offset + 1n;
  }

  #gap(found: bigint): void {
    const { source, topic, push } = this.#options;
    push({ kind: "gap", source, topic, expected: this.#next, found });
  }

  #onProblem(problem: FollowProblem, run: number): void {
    const { logger, partition, source } = this.#options;
    logger.warn({ partition, problem: problem.kind }, `${source} cannot be read`);
    if (problem.kind === "unreachable" || run !== this.#run) return;
    const { topic, isGapAccepted, onBroken } = this.#options;
    if (problem.kind === "truncated") {
      const [position, end] = [problem.position.toString(), problem.end.toString()];
      return onBroken(busbarError("BUSBAR_LOG_TRUNCATED", { topic, partition, position, end }));
    }
    if (!isGapAccepted(topic, problem.low)) {
      const [from, to] = [this.#next.toString(), problem.low.toString()];
      return onBroken(busbarError("BUSBAR_INPUT_GAP", { topic, partition, from, to }));
    }
    this.#gap(problem.low);
    void this.restart(problem.low);
  }
}

type Position = StoredRecord | Delivery["unreadable"][number];

function inOrder({ records, unreadable }: Delivery): readonly Position[] {
  if (unreadable.length === 0) return records;
  return [...records, ...unreadable].sort((left, right) => (left.offset < right.offset ? -1 : 1));
}

function recordInput(options: IntakeOptions, record: StoredRecord): Input | Promise<Input> {
  const decoded = options.codec.decode(record.value, "command");
  if (decoded.ok) return commandInput(options, record, decoded.message);
  if (decoded.code === "BUSBAR_SCHEMA_UNKNOWN") return lookUp(options, record, decoded.reason);
  return putAside(options, record, decoded.code, decoded.reason);
}

async function lookUp(options: IntakeOptions, record: StoredRecord, reason: string): Promise<Input> {
  const id = frameSchemaId(record.value);
  if (id === null || !(await options.codec.resolveUnknown(id)).ok)
    return putAside(options, record, "BUSBAR_SCHEMA_UNKNOWN", reason);
  const decoded = options.codec.decode(record.value, "command");
  return decoded.ok
    ? commandInput(options, record, decoded.message)
    : putAside(options, record, decoded.code, decoded.reason);
}

type CommandInput = Extract<Input, { kind: "command" }>;

function commandInput(options: IntakeOptions, record: StoredRecord, command: BusCommand): Input | Promise<Input> {
  const principal = record.headers[HEADER.principal] ?? "";
  const { source, topic } = options;
  const authProblem = authProblemOf(options, record, command, principal);
  const input: CommandInput = {
    kind: "command",
    source,
    topic,
    offset: record.offset,
    command,
    principal,
    authProblem,
  };
  const isRead = authProblem === null && command.type === "CallTool" && command.meta.claimCheck?.field === "args";
  return isRead ? withArguments(options, input, command) : input;
}

/**
 * Arguments that were put aside, in the field that they were taken from: whoever decides has all of them, and what it
 * decides about is named by their digest (PROTOCOL 5.8). Nothing is read for a sender who is not who it says.
 */
async function withArguments(
  options: IntakeOptions,
  input: CommandInput,
  command: MessageOf<"CallTool">,
): Promise<CommandInput> {
  const { claimCheck } = command.meta;
  if (claimCheck === null) return input;
  for (;;) {
    try {
      const args = await options.contents.read(claimCheck);
      return { ...input, command: { ...command, args } };
    } catch (error) {
      if (isBusbarError(error) && error.code === "BUSBAR_CONTENT_MISSING") {
        return { ...input, contentProblem: error.message };
      }
      options.logger.warn({ partition: options.partition, err: error }, "content cannot be read: it is tried again");
      await pause(options.timers, RETRY_MS);
    }
  }
}

function authProblemOf(
  options: IntakeOptions,
  record: StoredRecord,
  command: BusCommand,
  principal: string,
): string | null {
  const value = record.value;
  if (value === null) return "no value";
  if (options.source === "control") {
    const order = { topic: options.topic, principal, value };
    return options.keyring.isOrderSigned(order, record.headers[HEADER.sig] ?? "") ? null : "the order is not signed";
  }
  const keys = options.keyring.commandKeys(principal);
  if (keys.length === 0) return `no key is known for ${principal === "" ? "a sender without a name" : principal}`;
  const { chainId, incarnation, streamSeq: sequence } = command.meta;
  const { topic, partition } = options;
  const position = { topic, partition, chainId, incarnation, sequence, value };
  const auth = record.headers[HEADER.auth] ?? "";
  return keys.some((key) => verifyCommand(key, position, auth)) ? null : "the authentication code does not match";
}

function unreadableInput(options: IntakeOptions, position: Delivery["unreadable"][number]): Input | Promise<Input> {
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
  const publication = {
    topic: options.deadLetters,
    partition,
    record: { key, value, headers: { [HEADER.type]: "DeadLetter" } },
  };
  for (;;) {
    const [outcome] = await options.log.publish([publication]);
    if (outcome === undefined || outcome.kind !== "unknown") break;
    await pause(options.timers, RETRY_MS);
  }
  options.onDeadLetter(code);
  options.logger.warn({ partition, offset: record.offset.toString(), code }, `${topic}: put aside: ${reason}`);
  return { kind: "undecodable", source, topic, offset: record.offset, code, reason };
}
