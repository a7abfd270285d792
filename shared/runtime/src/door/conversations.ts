/**
 * The messages that a model call refers to (PROTOCOL 5.8). The state says where they stand, the log has them, and memory
 * keeps the latest ones; what is put together is compared with the head that stands for it, so nothing is taken on trust
 * and nothing is left out.
 */
import { type BusEvent, type History, NO_HISTORY, readRequest, withMessages } from "@busbar/events";
import type { Codec } from "@busbar/events/codec";
import { busbarError, type Json, parseJson } from "@busbar/kernel";
import { type EventLog, readBlob } from "@busbar/log";
import type { EmittedEvent, PartitionState } from "@busbar/policy";
import type { TopicNames } from "../topic-names.ts";

export interface ConversationsOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topics: TopicNames;
  readonly partition: number;
  state(): PartitionState | null;
}

/** Of messages in memory; beyond it the oldest are read again. */
const KEPT_BYTES = 16 * 1024 * 1024;
/** Of one answer that was put aside. */
const ANSWER_BYTES = 64 * 1024 * 1024;

interface Kept {
  readonly messages: readonly Json[];
  readonly bytes: number;
}

export class Conversations {
  readonly #options: ConversationsOptions;
  /** By the offset of the record that has them. */
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  constructor(options: ConversationsOptions) {
    this.#options = options;
  }

  /** An acknowledged record; those that add nothing to a conversation are passed over. */
  remember({ event, offset, bytes }: EmittedEvent): void {
    if (event.meta.claimCheck !== null) return;
    const messages = messagesIn(event);
    if (messages !== null) this.#keep(offset.toString(), messages, bytes.length);
  }

  /** Messages of a conversation of the chain, the first one first. Throws BUSBAR_MESSAGES_UNKNOWN. */
  async messagesOf(chainId: string, history: History): Promise<readonly Json[]> {
    const known = this.#options.state()?.chains[chainId]?.conversations ?? {};
    const offsets: string[] = [];
    for (let head = history.head; head !== "";) {
      const entry = known[head];
      if (entry === undefined) throw unknown(history);
      offsets.unshift(entry.offset);
      head = entry.previous;
    }
    const messages: Json[] = [];
    for (const offset of offsets) messages.push(...(this.#kept.get(offset)?.messages ?? (await this.#read(offset))));
    if (withMessages(NO_HISTORY, messages).head !== history.head) throw unknown(history);
    return messages;
  }

  async #read(offset: string): Promise<readonly Json[]> {
    const { log, topics, partition, codec } = this.#options;
    const from = BigInt(offset);
    for await (const { records } of log.read(topics.events, partition, { from, to: from + 1n })) {
      const [record] = records;
      const decoded = codec.decode(record?.value ?? null, "event");
      if (!decoded.ok) continue;
      const messages = await this.#messagesOf(decoded.message);
      this.#keep(offset, messages, record?.value?.length ?? 0);
      return messages;
    }
    return [];
  }

  async #messagesOf(event: BusEvent): Promise<readonly Json[]> {
    const { claimCheck } = event.meta;
    if (claimCheck === null) return messagesIn(event) ?? [];
    const { log, topics, partition } = this.#options;
    const text = await readBlob(log, { topic: topics.blobs, partition }, claimCheck, ANSWER_BYTES);
    return [parseJson(text) ?? null];
  }

  #keep(offset: string, messages: readonly Json[], bytes: number): void {
    this.#kept.set(offset, { messages, bytes });
    this.#bytes += bytes;
    for (const [oldest, kept] of this.#kept) {
      if (this.#bytes <= KEPT_BYTES) return;
      this.#kept.delete(oldest);
      this.#bytes -= kept.bytes;
    }
  }
}

const unknown = ({ head }: History) => busbarError("BUSBAR_MESSAGES_UNKNOWN", { head });

function messagesIn(event: BusEvent): readonly Json[] | null {
  if (event.type === "ModelCallAdmitted") return readRequest(parseJson(event.request))?.messages ?? null;
  return event.type === "ModelCallCompleted" ? [parseJson(event.response) ?? null] : null;
}
