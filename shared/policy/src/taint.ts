/**
 * Untrusted text: results of tools whose row says `trust: untrusted` hold words of third parties, and what derives from
 * them in a call is a label of that call. Derived is what occurs in such a text and in nothing that the person, the task or
 * a trusted claim said. Compared as readers do (untrusted-text.ts), so another spelling is no way out.
 *
 * T1 The label goes on: a model's answer, an answer of a sub-task or the input of one that derives from untrusted text is
 *    untrusted text.
 * T2 What is kept is bounded: UNTRUSTED_CHARACTERS of a chain, the newest. Once some has fallen out, whatever is in no
 *    trusted text counts as derived.
 * T3 What is too long to be looked at counts as derived where there is untrusted text at all.
 */
import { type Json, parseJson } from "@busbar/kernel";
import type { ChainState } from "./partition-state.ts";
import {
  compactOf,
  indexOf,
  type Leaf,
  leavesOf,
  namesIn,
  phrasesOf,
  type TextIndex,
  wordsOf,
} from "./untrusted-text.ts";

/** A text of third parties, with where it came from. */
export interface UntrustedText {
  readonly text: string;
  /** Tool, `model:<name>` or `agent:<name>`. */
  readonly from: string;
  /** Event id of the record that brought it. */
  readonly evidence: string;
}

/** What a chain keeps of untrusted text. */
export interface Untrusted {
  /** Oldest first. */
  readonly texts: readonly UntrustedText[];
  /** Some was forgotten, or was never in a record. */
  readonly lost: boolean;
}

export const NOTHING_UNTRUSTED: Untrusted = { texts: [], lost: false };

/** Characters of untrusted text that a chain keeps; of more, the oldest are forgotten. */
export const UNTRUSTED_CHARACTERS = 65_536;
/** Texts that it keeps, however short. */
export const UNTRUSTED_TEXTS = 64;

/** Texts and numbers of a value, one to a line. */
const flat = (value: Json): string =>
  leavesOf(value)
    .map(({ text }) => text)
    .join("\n");

/** What a chain keeps after more untrusted text came; `content`: canonical JSON, empty where it stands aside. */
export function withUntrusted(
  known: Untrusted,
  content: string,
  source: Pick<UntrustedText, "from" | "evidence">,
): Untrusted {
  const value = content === "" ? undefined : parseJson(content);
  if (value === undefined) return { ...known, lost: true };
  const text = flat(value);
  if (text === "") return known;
  const texts = [...known.texts, { text: text.slice(-UNTRUSTED_CHARACTERS), ...source }];
  let characters = texts.reduce((sum, one) => sum + one.text.length, 0);
  let lost = known.lost || text.length > UNTRUSTED_CHARACTERS;
  while (characters > UNTRUSTED_CHARACTERS || texts.length > UNTRUSTED_TEXTS) {
    characters -= texts.shift()?.text.length ?? 0;
    lost = true;
  }
  return { texts, lost };
}

const indexes = new WeakMap<object, TextIndex>();

/** The index of a text that stands in an immutable part of the state, kept with it. */
function kept(holder: object, text: () => string): TextIndex {
  const known = indexes.get(holder);
  if (known !== undefined) return known;
  const made = indexOf(text());
  indexes.set(holder, made);
  return made;
}

/** What of a chain is trusted, and what is not. */
export type Labelled = Pick<ChainState, "said" | "task" | "claims" | "untrusted" | "isTaskUntrusted">;

const tasks = new WeakMap<object, TextIndex>();

function trustedIndexes({ said, task, claims, isTaskUntrusted }: Labelled): readonly TextIndex[] {
  const ofSaid = kept(said, () => said.join("\n"));
  // One by one: they stay the same objects while others come and go.
  const ofClaims = Object.entries(claims).flatMap(([subject, claim]) =>
    claim.trusted ? [kept(claim, () => `${subject}\n${flat(claim.value)}`)] : [],
  );
  return isTaskUntrusted ? [ofSaid, ...ofClaims] : [ofSaid, ...ofClaims, taskIndex(task)];
}

function taskIndex(task: Json): TextIndex {
  if (typeof task !== "object" || task === null) return indexOf(flat(task));
  const known = tasks.get(task) ?? indexOf(flat(task));
  tasks.set(task, known);
  return known;
}

/** Of fewer characters nothing can be told. */
const SHORTEST = 3;
/** Below it a value is only found as a word of its own: it stands inside of others by chance. */
const SHORT = 5;
/** Whole numbers below stand in any text. */
const SMALL = 10;

const holds = (index: TextIndex, compact: string): boolean =>
  compact.length < SHORT ? index.words.has(compact) : index.compact.includes(compact);

function isNumberIn({ numbers }: TextIndex, value: number): boolean {
  return numbers.has(value) || numbers.has(-value);
}

/** Words of an argument that are looked at; a longer one counts as derived (T3). */
const WORDS_MOST = 16_384;
const NAMES_MOST = 256;

/** A part of an argument that is looked up. */
interface Part {
  readonly compact: string;
  readonly kind: "whole" | "phrase";
}

/** Null where it is too long to be looked at. */
function partsOf(text: string): readonly Part[] | null {
  const words = wordsOf(text);
  const names = [...new Set(namesIn(text))];
  if (words.length > WORDS_MOST || names.length > NAMES_MOST) return null;
  const whole = words.length <= PHRASE_OF_WHOLE ? [words.join("")] : [];
  return [
    ...[...whole, ...names].map((compact) => ({ compact, kind: "whole" as const })),
    ...phrasesOf(words).map((compact) => ({ compact, kind: "phrase" as const })),
  ];
}

/** Up to so many words a value is looked for as a whole; of a longer one each phrase is. */
const PHRASE_OF_WHOLE = 24;

/** What derives from untrusted text: where it stands, and whence it came. */
export interface Derived {
  /** Path of the argument. */
  readonly path: string;
  /** Null where it may derive from what was forgotten. */
  readonly source: UntrustedText | null;
}

class Judge {
  readonly #texts: readonly (readonly [UntrustedText, TextIndex])[];
  readonly #trusted: readonly TextIndex[];
  readonly #lost: boolean;

  constructor(labelled: Labelled) {
    this.#texts = labelled.untrusted.texts.map((one) => [one, kept(one, () => one.text)] as const);
    this.#trusted = trustedIndexes(labelled);
    this.#lost = labelled.untrusted.lost;
  }

  #source(isIn: (index: TextIndex) => boolean): UntrustedText | null | undefined {
    if (this.#trusted.some(isIn)) return undefined;
    return this.#texts.find(([, index]) => isIn(index))?.[0] ?? (this.#lost ? null : undefined);
  }

  #leaf({ text, number }: Leaf): UntrustedText | null | undefined {
    if (number !== null) {
      if (Number.isInteger(number) && Math.abs(number) < SMALL) return undefined;
      return this.#source((index) => isNumberIn(index, number));
    }
    const parts = partsOf(text);
    if (parts === null) return this.#texts[0]?.[0] ?? null;
    for (const { compact, kind } of parts) {
      if (compact.length < SHORTEST) continue;
      const found = this.#source((index) => (kind === "phrase" ? index.phrases.has(compact) : holds(index, compact)));
      // A phrase of its own words, of which some stand in a text that was forgotten: as likely as any.
      if (found !== undefined && (found !== null || kind === "whole")) return found;
    }
    return this.#embedded(compactOf(text));
  }

  /** A name of an untrusted text inside of a longer one: an address behind `mailto:`. */
  #embedded(compact: string): UntrustedText | undefined {
    for (const [one, { names }] of this.#texts) {
      for (const name of names) {
        if (compact.includes(name) && !this.#trusted.some((index) => holds(index, name))) return one;
      }
    }
    return undefined;
  }

  first(leaves: readonly Leaf[]): Derived | null {
    for (const leaf of leaves) {
      const source = this.#leaf(leaf);
      if (source !== undefined) return { path: leaf.path, source };
    }
    // Cut in pieces over several arguments, and put together by the tool.
    const joined = leaves.length > 1 ? this.#embedded(leaves.map(({ text }) => compactOf(text)).join("")) : undefined;
    return joined === undefined ? null : { path: "", source: joined };
  }
}

const isClean = ({ texts, lost }: Untrusted): boolean => texts.length === 0 && !lost;

/** The first argument that derives from untrusted text; null where none does. */
export function derivedFrom(labelled: Labelled, value: Json): Derived | null {
  if (isClean(labelled.untrusted)) return null;
  return new Judge(labelled).first(leavesOf(value));
}

/** Whether a text that goes on (to a sub-task, from a model) is untrusted text from then on (T1). */
export function isDerived(labelled: Labelled, content: string): boolean {
  if (isClean(labelled.untrusted)) return false;
  const value = content === "" ? undefined : parseJson(content);
  return value === undefined || derivedFrom(labelled, value) !== null;
}

/** What is told of it, in words without values. */
export function toldDerived({ path, source }: Derived): string {
  const what = path === "" ? "the arguments together" : path;
  if (source === null)
    return `${what} may derive from untrusted text that is no longer kept, and was said by nobody who is trusted`;
  return `${what} derives from untrusted text (${source.from}), and was said by nobody who is trusted`;
}
