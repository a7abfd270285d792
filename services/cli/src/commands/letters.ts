/** Which dead letters a command means: by their places, or by a range and a code. */
import { busbarError } from "@busbar/kernel";
import type { OpenBus } from "../bus.ts";
import { type DeadLetter, letterAt, readLetters } from "../read/dead-letters.ts";
import { partitionsInRange, rangeOf, type RangeOptions } from "./range-options.ts";

/** `partition/offset` of a letter, as `dlq ls` prints it. */
export interface LetterPlace {
  readonly partition: number;
  readonly offset: bigint;
}

/** Throws BUSBAR_INPUT_INVALID. */
export function placeArgument(text: string): LetterPlace {
  const [, partition, offset] = /^(\d{1,4})\/o?(\d{1,19})$/.exec(text) ?? [];
  if (partition !== undefined && offset !== undefined) return { partition: Number(partition), offset: BigInt(offset) };
  const reason = `"${text}" is no place of a dead letter, like 3/17`;
  throw busbarError("BUSBAR_INPUT_INVALID", { what: "dlq", reason, next: "npx busbar dlq ls" });
}

export interface LetterOptions extends RangeOptions {
  readonly code?: string;
  readonly limit: number;
}

/** The letters of a range that a filter takes, oldest first, at most `limit`; and whether there are more. */
export async function collectLetters(
  bus: OpenBus,
  options: LetterOptions,
): Promise<{ readonly letters: readonly DeadLetter[]; readonly hasMore: boolean }> {
  const range = rangeOf(options);
  const letters: DeadLetter[] = [];
  for (const partition of partitionsInRange(bus, range, options.partition)) {
    let kept = 0;
    for await (const letter of readLetters(bus, partition, range)) {
      if (options.code !== undefined && letter.code !== options.code) continue;
      letters.push(letter);
      kept += 1;
      // One more than is shown says that there are more.
      if (kept > options.limit) break;
    }
  }
  letters.sort((left, right) => left.atMs - right.atMs);
  return { letters: letters.slice(0, options.limit), hasMore: letters.length > options.limit };
}

/** The letter at a place. Throws BUSBAR_INPUT_INVALID, BUSBAR_NOT_FOUND. */
export async function letterOf(bus: OpenBus, { partition, offset }: LetterPlace): Promise<DeadLetter> {
  const place = { kind: "offset", offset, partition } as const;
  partitionsInRange(bus, { from: place, to: place });
  const letter = await letterAt(bus, partition, offset);
  if (letter === null) throw busbarError("BUSBAR_NOT_FOUND", { what: "dead letter", id: `${partition}/${offset}` });
  return letter;
}
