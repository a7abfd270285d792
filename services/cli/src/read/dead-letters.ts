/**
 * Dead letters as they lie on their topic, and what became of them.
 *
 * L1 A letter is named by its own position, `partition/offset`.
 * L2 Whether one was redriven is read where it was redriven to: a record there that carries the letter's mark. Nothing
 *    else remembers it, so nothing can say otherwise.
 */
import { HEADER, type MessageOf } from "@busbar/events";
import { isJsonObject, parseJson } from "@busbar/kernel";
import type { StoredRecord } from "@busbar/log";
import type { OpenBus } from "../bus.ts";
import { type LogRange, offsetsOfRange } from "../parse/point.ts";

export interface DeadLetter {
  /** Its own position. */
  readonly partition: number;
  readonly offset: bigint;
  /** Broker time, ms. */
  readonly atMs: number;
  readonly code: string;
  readonly reason: string;
  /** Where the refused record lies. */
  readonly source: { readonly topic: string; readonly partition: number; readonly offset: bigint };
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Uint8Array;
}

export const letterId = ({ partition, offset }: Pick<DeadLetter, "partition" | "offset">): string =>
  `${partition}/${offset}`;

/** Value of the mark on a redriven record. */
export const markOf = (topic: string, letter: DeadLetter): string => `${topic}/${letterId(letter)}`;

/** The headers that a letter keeps as JSON. */
function headersOf(text: string): Readonly<Record<string, string>> {
  const found = parseJson(text);
  if (!isJsonObject(found)) return {};
  return Object.fromEntries(
    Object.entries(found).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

function letterOf(record: StoredRecord, message: MessageOf<"DeadLetter">): DeadLetter {
  const { code, reason, topic, partition, offset, headers, bytes } = message;
  return {
    partition: record.partition,
    offset: record.offset,
    atMs: record.timestampMs,
    code,
    reason,
    source: { topic, partition, offset: BigInt(offset) },
    headers: headersOf(headers),
    bytes: Uint8Array.from(bytes),
  };
}

type Reading = Pick<OpenBus, "log" | "codec" | "topics">;

/** The letters of one partition within a range, in their order. What is no letter is passed over. */
export async function* readLetters(bus: Reading, partition: number, range: LogRange): AsyncGenerator<DeadLetter> {
  const { log, codec, topics } = bus;
  const offsets = await offsetsOfRange(log, topics.deadLetters, partition, range);
  for await (const { records } of log.read(topics.deadLetters, partition, offsets)) {
    for (const record of records) {
      const decoded = codec.decode(record.value, "dead-letter");
      const letter = decoded.ok ? letterOf(record, decoded.message) : null;
      if (letter !== null) yield letter;
    }
  }
}

/** The letter at a position; null where there is none. */
export async function letterAt(bus: Reading, partition: number, offset: bigint): Promise<DeadLetter | null> {
  const at = (value: bigint) => ({ kind: "offset", offset: value, partition }) as const;
  for await (const letter of readLetters(bus, partition, { from: at(offset), to: at(offset + 1n) })) {
    if (letter.offset === offset) return letter;
  }
  return null;
}

/** The refused record as the log has it still; null where it is gone. */
export async function originalOf(bus: Reading, { source }: DeadLetter): Promise<StoredRecord | null> {
  const { topic, partition, offset } = source;
  const names = await bus.log.listTopics();
  if (!names.includes(topic)) return null;
  const { low, end } = await bus.log.offsets(topic, partition);
  if (offset < low || offset >= end) return null;
  for await (const { records } of bus.log.read(topic, partition, { from: offset, to: offset + 1n })) {
    const found = records.find((record) => record.offset === offset);
    if (found !== undefined) return found;
  }
  return null;
}

export interface RedrivenScan {
  /** Mark of a letter to where it was redriven last, `topic/partition/offset`. */
  readonly places: ReadonlyMap<string, string>;
  /** Every record since the letters was looked at. */
  readonly isWhole: boolean;
}

interface Target {
  readonly topic: string;
  readonly partition: number;
  readonly fromMs: number;
}

/** Each partition that letters came from once, from the time of its oldest letter on. */
function targetsOf(letters: readonly DeadLetter[]): readonly Target[] {
  const targets = new Map<string, Target>();
  for (const { source, atMs } of letters) {
    const key = `${source.topic}/${source.partition}`;
    const fromMs = Math.min(atMs, targets.get(key)?.fromMs ?? atMs);
    targets.set(key, { topic: source.topic, partition: source.partition, fromMs });
  }
  return [...targets.values()];
}

/** Where letters were redriven to. Reads at most `limit` records. */
export async function findRedriven(
  bus: Reading,
  letters: readonly DeadLetter[],
  limit: number,
  onRead: (count: number) => void = () => undefined,
): Promise<RedrivenScan> {
  const places = new Map<string, string>();
  const names = await bus.log.listTopics();
  let count = 0;
  for (const { topic, partition, fromMs } of targetsOf(letters).filter((one) => names.includes(one.topic))) {
    const from = await bus.log.offsetAt(topic, partition, fromMs);
    for await (const { records } of bus.log.read(topic, partition, { from })) {
      for (const { headers, offset } of records) {
        places.set(headers[HEADER.redrive] ?? "", `${topic}/${partition}/${offset}`);
      }
      count += records.length;
      onRead(count);
      if (count >= limit) return { places, isWhole: false };
    }
  }
  return { places, isWhole: true };
}
