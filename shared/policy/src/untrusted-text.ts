/**
 * Text as it is compared: what is the same to a reader is the same here. Case, accents, white space, punctuation, widths
 * and invisible characters do not count; numbers are numbers however they are written. Pure.
 */
import { isJsonObject, type Json } from "@busbar/kernel";

/** A value of a JSON value, as text. */
export interface Leaf {
  /** Dotted path. */
  readonly path: string;
  readonly text: string;
  readonly number: number | null;
}

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Texts and numbers of a value, and those of its keys that are no field names. */
export function leavesOf(value: Json, path = ""): readonly Leaf[] {
  if (typeof value === "string") return [{ path, text: value, number: null }];
  if (typeof value === "number") return [{ path, text: String(value), number: value }];
  const at = (name: string | number): string => (path === "" ? String(name) : `${path}.${name}`);
  if (Array.isArray(value)) return (value as readonly Json[]).flatMap((one, index) => leavesOf(one, at(index)));
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([name, one]) => {
    const key = IDENTIFIER.test(name) ? [] : [{ path: at(name), text: name, number: null }];
    return [...key, ...leavesOf(one, at(name))];
  });
}

/** Letters and digits of a text, lower case and without accents, in words. */
export function wordsOf(text: string): readonly string[] {
  const plain = text.normalize("NFKD").replaceAll(/\p{M}/gu, "").toLowerCase();
  // What nobody sees parts no words: soft hyphens, zero-width characters.
  return plain.replaceAll(/\p{Cf}/gu, "").match(/[\p{L}\p{N}]+/gu) ?? [];
}

/** All letters and digits in a row: what is written with other gaps is the same. */
export const compactOf = (text: string): string => wordsOf(text).join("");

const NUMERAL = /\d[\d.,'\u00a0\u202f ]*\d|\d/g;

/** The numbers that a numeral may be, with point or comma before the decimals. */
function readings(numeral: string): readonly number[] {
  const tight = numeral.replaceAll(/['\u00a0\u202f ]/g, "");
  const english = Number(tight.replaceAll(",", ""));
  const continental = Number(tight.replaceAll(".", "").replace(",", "."));
  return [english, continental].filter((value) => Number.isFinite(value));
}

/** Numbers that a text may name. */
export const numbersIn = (text: string): readonly number[] => (text.match(NUMERAL) ?? []).flatMap(readings);

/** Parts between spaces that name something (an address, an account, a link): not plain words. */
export function namesIn(text: string): readonly string[] {
  return text
    .split(/[\s,;<>()"'[\]{}|]+/)
    .filter((part) => /[\d@/:._-]/.test(part))
    .map(compactOf)
    .filter((part) => part.length >= NAME_CHARACTERS);
}

/** Shorter ones stand in any text. */
const NAME_CHARACTERS = 6;
/** Words of which a phrase is taken to be copied. */
export const PHRASE_WORDS = 5;

/** All phrases of a text, as compact text. */
export function phrasesOf(words: readonly string[]): readonly string[] {
  return words.slice(PHRASE_WORDS - 1).map((_last, index) => words.slice(index, index + PHRASE_WORDS).join(""));
}

/** What is looked up in a text; made once for each text, and kept with it. */
export interface TextIndex {
  readonly compact: string;
  readonly words: ReadonlySet<string>;
  readonly names: ReadonlySet<string>;
  readonly phrases: ReadonlySet<string>;
  readonly numbers: ReadonlySet<number>;
}

export function indexOf(text: string): TextIndex {
  const words = wordsOf(text);
  return {
    compact: words.join(""),
    words: new Set(words),
    names: new Set(namesIn(text)),
    phrases: new Set(phrasesOf(words)),
    numbers: new Set(numbersIn(text)),
  };
}
