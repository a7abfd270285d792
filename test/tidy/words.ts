/**
 * Finds banned words. The list is data, in banned-words.json.
 */
import { textOf } from "./repository.ts";

/** One banned word. */
export interface BannedWord {
  readonly pattern: RegExp;
  readonly instead: string;
  readonly allowed: readonly string[];
}

interface Row {
  readonly pattern: string;
  readonly instead: string;
  readonly allowed?: readonly string[];
}

/** The list. */
export function readBannedWords(): readonly BannedWord[] {
  const { words }: { words: readonly Row[] } = JSON.parse(textOf("test/tidy/banned-words.json"));
  return words.map(({ pattern, instead, allowed }) => ({
    pattern: new RegExp(pattern, "u"),
    instead,
    allowed: allowed ?? [],
  }));
}

/** One line `file:line: word: write ...` for each banned word in a text. */
export function findBanned(words: readonly BannedWord[], path: string, text: string): readonly string[] {
  const active = words.filter((word) => !word.allowed.includes(path));
  return text.split("\n").flatMap((line, index) =>
    active.flatMap(({ pattern, instead }) => {
      const match = pattern.exec(line);
      return match === null ? [] : [`${path}:${index + 1}: ${match[0]}: write ${instead}`];
    }),
  );
}
