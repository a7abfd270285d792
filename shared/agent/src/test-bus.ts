/**
 * For tests: a whole bus in memory with a door of a hundred lines. It follows the commands of each partition, writes
 * stamped events and projects them to the inboxes. It judges nothing but sequence and incarnation; tests script it.
 */
import {
  type BusCommand,
  type BusEvent,
  type Claim,
  claimHeaders,
  GENESIS_DIGEST,
  HEADER,
  type MessageOf,
  partitionOf,
  stampHeaders,
} from "@busbar/events";
import { builtinSchemaIds, type Codec, createCodec, verifyCommand } from "@busbar/events/codec";
import type { Json } from "@busbar/kernel";
import type { Appender, EventLog, StoredRecord } from "@busbar/log";
import { createEmbeddedLog } from "@busbar/log/embedded";
import { contentHash, formatCallId } from "./journal.ts";
import {
  admission,
  type CallCommand,
  contentOf,
  metaOf,
  outcome,
  outcomeBody,
  PREFIX,
  refusedName,
} from "./test-bus-messages.ts";

export { PREFIX };
export const KEY = new TextEncoder().encode("a key of thirty-two bytes or more");
const PARTITIONS = 2;
const NO_WAIT = { reason: "", waitsFor: [] };

/** What the door does with a command instead of its answer. */
export type Script =
  | { readonly do: "answer"; readonly result?: Json }
  /** Admits it and never answers; `bus.answer` does later. */
  | { readonly do: "admit" }
  /** As if it had never come. */
  | { readonly do: "lose" }
  | { readonly do: "defer"; readonly code: string; readonly retryAfterMs: number }
  | { readonly do: "refuse"; readonly code: string };

interface Chain {
  readonly chainId: string;
  readonly partition: number;
  readonly agent: string;
  readonly version: string;
  incarnation: number;
  sequence: number;
  state: string;
  outcomeOffset: string;
  readonly journal: { readonly type: string; readonly source: string; readonly value: Uint8Array }[];
}

export interface TestBus {
  readonly log: EventLog;
  readonly codec: Codec;
  /** Every command record that came, in order; those of the script included. */
  readonly commands: { readonly command: BusCommand; readonly record: StoredRecord }[];
  script(judge: (command: CallCommand) => Script): void;
  /** Chains that are opened from now on are pinned to this version. */
  pin(version: string): void;
  /** Answers a call that was only admitted. */
  answer(chainId: string, step: number, result: Json): Promise<void>;
  emit(chainId: string, type: BusEvent["type"], body: object): Promise<string>;
  /** Assigns the chain again, with the next incarnation. */
  reassign(chainId: string): Promise<void>;
  direct(type: "Halt" | "Resume", body: object): Promise<bigint>;
  /** Puts all records of the chain's inbox partition in again, in their order. */
  repeatInbox(agent: string): Promise<void>;
  heartbeats(): Promise<readonly MessageOf<"AgentHeartbeat">[]>;
  /** Types of the chain's journal so far. */
  recorded(chainId: string): readonly string[];
  close(): Promise<void>;
}

export async function createTestBus(agents: readonly string[]): Promise<TestBus> {
  const bus = new Bus();
  await bus.open(agents);
  return bus;
}

const LIVE: ReadonlySet<string> = new Set([
  "EffectCommitted",
  "EffectRefused",
  "ModelCallCompleted",
  "SubtaskFinished",
  "StatementChecked",
  "CommandDeferred",
  "CommandRejected",
  "Diverged",
  "ChainHalted",
  "TaskCompleted",
  "TaskFailed",
]);

class Bus implements TestBus {
  readonly log = createEmbeddedLog();
  readonly codec = createCodec({ ids: builtinSchemaIds() });
  readonly commands: { readonly command: BusCommand; readonly record: StoredRecord }[] = [];
  readonly #chains = new Map<string, Chain>();
  readonly #writers: { readonly appender: Appender; readonly claim: Claim; next: bigint; prev: string }[] = [];
  #judge: (command: CallCommand) => Script = () => ({ do: "answer" });
  #version = "";
  /** Writes are serial, as those of a partition's owner are. */
  #orders = 0;
  #tail: Promise<unknown> = Promise.resolve();

  async open(agents: readonly string[]): Promise<void> {
    const wide = ["events", "commands", ...agents.map((agent) => `inbox.${agent}`)];
    const spec = (name: string, partitions: number) => ({ name: `${PREFIX}.${name}`, partitions, config: {} });
    await this.log.ensureTopics([
      ...wide.map((name) => spec(name, PARTITIONS)),
      spec("directives", 1),
      spec("heartbeats", 1),
    ]);
    for (let partition = 0; partition < PARTITIONS; partition += 1) await this.#own(partition);
  }

  pin(version: string): void {
    this.#version = version;
  }

  script(judge: (command: CallCommand) => Script): void {
    this.#judge = judge;
  }

  async answer(chainId: string, step: number, result: Json): Promise<void> {
    await this.emit(chainId, "EffectCommitted", outcomeBody(chainId, step, result));
  }

  emit(chainId: string, type: BusEvent["type"], body: object, commandSeq = 0): Promise<string> {
    const written = this.#tail.then(() => this.#write(chainId, type, body, commandSeq));
    this.#tail = written;
    return written;
  }

  async reassign(chainId: string): Promise<void> {
    const chain = this.#chain(chainId);
    chain.incarnation += 1;
    chain.sequence = 0;
    const { agent, incarnation, version } = chain;
    await this.emit(chainId, "TaskAssigned", { agent, incarnation, version, reason: "again" });
  }

  async direct(type: "Halt" | "Resume", body: object): Promise<bigint> {
    const defaults = { reason: "r", by: "test", rule: "", cause: "", coversThrough: [] };
    const fields =
      type === "Halt"
        ? ["scope", "reason", "by", "rule", "cause"]
        : ["scope", "fence", "reason", "by", "coversThrough"];
    const all: Record<string, unknown> = { ...defaults, ...body };
    const picked = Object.fromEntries(fields.map((field) => [field, all[field]]));
    const value = this.codec.encode(type, { ...picked, meta: metaOf("", 0, 0n) } as never);
    const topic = `${PREFIX}.directives`;
    // Each order has a signature of its own: the same one again is a copy.
    const headers = { type, [HEADER.sig]: String((this.#orders += 1)) };
    const [outcome] = await this.log.publish([{ topic, partition: 0, record: { key: "d", value, headers } }]);
    return outcome?.kind === "appended" ? outcome.baseOffset : -1n;
  }

  async repeatInbox(agent: string): Promise<void> {
    const topic = `${PREFIX}.inbox.${agent}`;
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      for await (const { records } of this.log.read(topic, partition, { from: 0n })) {
        const again = records.map(({ key, value, headers }) => ({
          key: key ?? "",
          value: value ?? new Uint8Array(),
          headers,
        }));
        await this.log.publish(again.map((record) => ({ topic, partition, record })));
      }
    }
  }

  async heartbeats(): Promise<readonly MessageOf<"AgentHeartbeat">[]> {
    const beats: MessageOf<"AgentHeartbeat">[] = [];
    for await (const { records } of this.log.read(`${PREFIX}.heartbeats`, 0, { from: 0n })) {
      for (const { value } of records) {
        const decoded = this.codec.decode(value, "heartbeat");
        if (decoded.ok && decoded.message.type === "AgentHeartbeat") beats.push(decoded.message);
      }
    }
    return beats;
  }

  recorded(chainId: string): readonly string[] {
    return this.#chain(chainId).journal.map(({ type }) => type);
  }

  close(): Promise<void> {
    return this.log.close();
  }

  async #own(partition: number): Promise<void> {
    const appender = await this.log.openAppender(`${PREFIX}.events`, partition);
    const value = this.codec.encode("PartitionClaimed", { owner: "test", nonce: "n", meta: metaOf("", 0, 0n) });
    await appender.append([{ key: "claim", value, headers: claimHeaders({ owner: "test", nonce: "n" }) }]);
    this.#writers[partition] = { appender, claim: { offset: 0n, nonce: "n" }, next: 1n, prev: GENESIS_DIGEST };
    this.log.follow({
      topic: `${PREFIX}.commands`,
      partition,
      from: 0n,
      onDelivery: async ({ records }) => {
        for (const record of records) await this.#onCommand(record);
      },
      onProblem: () => undefined,
    });
  }

  #chain(chainId: string): Chain {
    const chain = this.#chains.get(chainId);
    if (chain === undefined) throw new Error(`no chain ${chainId}`);
    return chain;
  }

  async #write(chainId: string, type: BusEvent["type"], body: object, commandSeq: number): Promise<string> {
    const chain = this.#chain(chainId);
    const writer = this.#writers[chain.partition];
    if (writer === undefined) throw new Error("not owned");
    const at = writer.next;
    const meta = { ...metaOf(chainId, chain.incarnation, at), agent: chain.agent, commandSeq };
    const value = this.codec.encode(type, { ...body, meta } as never);
    const headers = stampHeaders({ type, at, claim: writer.claim, prev: writer.prev, value });
    writer.next += 1n;
    writer.prev = headers.digest;
    await writer.appender.append([{ key: chainId, value, headers }]);
    const source = `${PREFIX}.events/${chain.partition}/${at}`;
    if (type === "TaskSubmitted" || type === "ChainResumed" || "callId" in body)
      chain.journal.push({ type, source, value });
    if (type === "TaskCompleted" || type === "TaskFailed")
      Object.assign(chain, { state: type, outcomeOffset: String(at) });
    if (type === "TaskAssigned") await this.#projectAssignment(chain, source, value);
    else if (LIVE.has(type)) await this.#project(chain, value, { [HEADER.type]: type, [HEADER.source]: source });
    return source;
  }

  async #projectAssignment(chain: Chain, source: string, value: Uint8Array): Promise<void> {
    const count = String(chain.journal.length);
    await this.#project(chain, value, {
      [HEADER.type]: "TaskAssigned",
      [HEADER.source]: source,
      [HEADER.journalCount]: count,
    });
    for (const { type, source: of, value: bytes } of chain.journal) {
      await this.#project(chain, bytes, {
        [HEADER.type]: type,
        [HEADER.source]: of,
        [HEADER.journal]: String(chain.incarnation),
      });
    }
  }

  async #project(chain: Chain, value: Uint8Array, headers: Record<string, string>): Promise<void> {
    const pinned = chain.version === "" ? {} : { [HEADER.version]: chain.version };
    const record = { key: chain.chainId, value, headers: { ...headers, ...pinned } };
    await this.log.publish([{ topic: `${PREFIX}.inbox.${chain.agent}`, partition: chain.partition, record }]);
  }

  async #onCommand(record: StoredRecord): Promise<void> {
    const decoded = this.codec.decode(record.value, "command");
    if (!decoded.ok) throw new Error(decoded.reason);
    const command = decoded.message;
    this.commands.push({ command, record });
    if (command.type === "SubmitTask") return this.#onSubmit(command, record.partition);
    if (!isAuthentic(command, record)) throw new Error("a command is not authentic");
    const chain = this.#chain(command.meta.chainId);
    if (command.type === "RequestJournal") return this.reassign(chain.chainId);
    if (!("step" in command)) return;
    const callId = formatCallId(chain.chainId, command.step);
    const about = { commandType: command.type, callId };
    if (command.meta.incarnation !== chain.incarnation) {
      const where = { topic: record.topic, offset: String(record.offset), reason: "old" };
      await this.emit(chain.chainId, "CommandRejected", { ...about, ...where, code: "BUSBAR_INCARNATION_OLD" });
      return;
    }
    const { streamSeq } = command.meta;
    const expected = chain.sequence + 1;
    const code = streamSeq < expected ? "BUSBAR_DUPLICATE" : "BUSBAR_SEQUENCE_GAP";
    if (streamSeq !== expected)
      await this.emit(chain.chainId, "CommandDeferred", { ...about, ...NO_WAIT, code, expected, retryAfterMs: 0 });
    else await this.#onInOrder(chain, command);
  }

  async #onInOrder(
    chain: Chain,
    command: Exclude<BusCommand, { type: "SubmitTask" | "RequestJournal" }>,
  ): Promise<void> {
    const { streamSeq } = command.meta;
    const write = (type: BusEvent["type"], body: object) => this.emit(chain.chainId, type, body, streamSeq);
    switch (command.type) {
      case "CompleteTask":
        chain.sequence = streamSeq;
        return void (await write("TaskCompleted", { output: command.output, untrusted: false, cites: [] }));
      case "FailTask":
        chain.sequence = streamSeq;
        return void (await write("TaskFailed", { code: command.code, reason: command.reason }));
      case "ReportDivergence":
        chain.sequence = streamSeq;
        return void (await write("Diverged", {
          step: command.step,
          expected: command.expected,
          actual: command.actual,
        }));
      case "CallTool":
      case "CallModel":
      case "SendTask":
      case "MakeStatement":
      case "SetTimer":
        return this.#onCall(chain, command);
      default:
        throw new Error(`no script for ${command.type}`);
    }
  }

  async #onCall(chain: Chain, command: CallCommand): Promise<void> {
    const verdict = this.#judge(command);
    const { step, meta } = command;
    const callId = formatCallId(chain.chainId, step);
    if (verdict.do === "lose") return;
    if (verdict.do === "defer") {
      const { code, retryAfterMs } = verdict;
      const body = { ...NO_WAIT, code, expected: 0, retryAfterMs, commandType: command.type, callId };
      await this.emit(chain.chainId, "CommandDeferred", body);
      return;
    }
    chain.sequence = meta.streamSeq;
    if (verdict.do === "refuse") {
      const body = {
        callId,
        step,
        tool: refusedName(command),
        args: "",
        argsHash: contentHash(contentOf(command)),
        effectKey: "",
      };
      const why = { code: verdict.code, reason: "r", rule: "rule", ruleVersion: 1, evidence: [] };
      await this.emit(chain.chainId, "EffectRefused", { ...body, ...why }, meta.streamSeq);
      return;
    }
    await this.emit(chain.chainId, ...admission(command, callId), meta.streamSeq);
    if (verdict.do === "answer")
      await this.emit(chain.chainId, ...outcome(command, callId, verdict.result ?? { step }));
  }

  async #onSubmit(command: MessageOf<"SubmitTask">, partition: number): Promise<void> {
    const { chainId } = command.meta;
    if (partitionOf(chainId, PARTITIONS) !== partition) throw new Error("misplaced");
    const known = this.#chains.get(chainId);
    if (known !== undefined) {
      const { state, outcomeOffset } = known;
      await this.emit(chainId, "TaskAlreadyKnown", { taskKey: command.taskKey, state, outcomeOffset });
      return;
    }
    const { agent } = command;
    this.#chains.set(chainId, {
      chainId,
      partition,
      agent,
      version: this.#version,
      incarnation: 0,
      sequence: 0,
      state: "working",
      outcomeOffset: "",
      journal: [],
    });
    const { taskKey, input, deadlineAtMs, maxSteps, budgetTokens, parentChainId, parentCallId } = command;
    await this.emit(chainId, "TaskSubmitted", {
      taskKey,
      agent,
      input,
      deadlineAtMs,
      maxSteps,
      budgetTokens,
      parentChainId,
      parentCallId,
      untrusted: false,
    });
    await this.reassign(chainId);
  }
}

function isAuthentic(command: BusCommand, record: StoredRecord): boolean {
  const { chainId, incarnation, streamSeq } = command.meta;
  const { topic, partition, value } = record;
  const position = { topic, partition, chainId, incarnation, sequence: streamSeq, value: value ?? new Uint8Array() };
  return verifyCommand(KEY, position, record.headers[HEADER.auth] ?? "");
}
