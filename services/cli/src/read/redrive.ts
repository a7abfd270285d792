/**
 * Redriving a dead letter: the refused record's own bytes, key and headers again, to the topic and partition that it
 * came from, with a mark. It passes the same door under the same checks, and may be refused again.
 *
 * R1 What is sent is the refused record as the log has it; only where it is gone, the bytes that the letter kept, if
 *    those are all of them.
 * R2 A letter that was redriven is not redriven again unless that is asked for: the mark is looked for first.
 * R3 Only inputs of the door are redriven. A record of the events or directives topic counts by its place or signature
 *    alone; put there again it could only be void.
 */
import { HEADER } from "@busbar/events";
import { DEAD_LETTER_MAX_VALUE_BYTES } from "@busbar/events/codec";
import type { NewRecord } from "@busbar/log";
import type { OpenBus } from "../bus.ts";
import { type DeadLetter, letterId, markOf, originalOf, type RedrivenScan } from "./dead-letters.ts";

export type RedrivePlan =
  | {
      readonly kind: "redrive";
      readonly letter: DeadLetter;
      readonly record: NewRecord;
      readonly before: string | null;
    }
  /** `done`: it was redriven before, to `before`. `refused`: it cannot be. */
  | {
      readonly kind: "done" | "refused";
      readonly letter: DeadLetter;
      readonly why: string;
      readonly before: string | null;
    };

export interface RedriveOptions {
  readonly reason: string;
  readonly by: string;
  /** Also what was redriven before. */
  readonly again: boolean;
}

type Planning = Pick<OpenBus, "log" | "codec" | "topics">;

/** The record to send, or why there is none. */
async function recordOf(bus: Planning, letter: DeadLetter): Promise<NewRecord | string> {
  const { commands, control } = bus.topics;
  const { topic } = letter.source;
  if (topic !== commands && topic !== control) {
    return `${topic} is no input of a door: only ${commands} and ${control} are redriven`;
  }
  const original = await originalOf(bus, letter);
  if (original !== null) {
    if (original.value === null) return "the record has no value";
    return { key: original.key ?? letterId(letter), value: original.value, headers: original.headers };
  }
  if (letter.bytes.length >= DEAD_LETTER_MAX_VALUE_BYTES)
    return "the record cannot be read again, and the letter kept its beginning only";
  if (letter.bytes.length === 0) return "the record cannot be read again, and the letter kept no bytes";
  return { key: letterId(letter), value: letter.bytes, headers: letter.headers };
}

export async function planRedrive(
  bus: Planning,
  letter: DeadLetter,
  scan: RedrivenScan,
  { again, reason, by }: RedriveOptions,
): Promise<RedrivePlan> {
  const mark = markOf(bus.topics.deadLetters, letter);
  const before = scan.places.get(mark) ?? null;
  if (before !== null && !again) return { kind: "done", letter, why: `redriven before, to ${before}`, before };
  const record = await recordOf(bus, letter);
  if (typeof record === "string") return { kind: "refused", letter, why: record, before };
  const headers = {
    ...record.headers,
    [HEADER.redrive]: mark,
    [HEADER.redriveBy]: by,
    [HEADER.redriveReason]: reason,
  };
  return { kind: "redrive", letter, record: { ...record, headers }, before };
}
