/**
 * What an answer rests on: the claims of its chain whose values stand in it, found as a reader would find them
 * (untrusted-text.ts). Pure.
 */
import type { Citation } from "@busbar/events";
import { canonicalJson, type Json } from "@busbar/kernel";
import { isFresh, type KnownClaim } from "./claims.ts";
import type { ChainState } from "./partition-state.ts";
import { matchSubject } from "./reconcile.ts";
import { compactOf, indexOf, type Leaf, leavesOf, type TextIndex } from "./untrusted-text.ts";

/** Shorter texts, and smaller whole numbers, stand in any answer. */
const TEXT_SHORTEST = 4;
const NUMBER_SMALLEST = 10;

/** Null: of this value nothing can be told. */
function standsIn({ text, number }: Leaf, answer: TextIndex): boolean | null {
  if (number !== null) {
    if (Number.isInteger(number) && Math.abs(number) < NUMBER_SMALLEST) return null;
    return answer.numbers.has(number) || answer.numbers.has(-number);
  }
  const compact = compactOf(text);
  return compact.length < TEXT_SHORTEST ? null : answer.compact.includes(compact);
}

const isToldIn = (value: Json, answer: TextIndex): boolean =>
  leavesOf(value).some((leaf) => standsIn(leaf, answer) === true);

/** Values that lost, and of which nothing is true: those that the value held for true says as well are no sign. */
function losesIn(lost: Json, held: Json | undefined, answer: TextIndex): boolean {
  const kept = new Set(held === undefined ? [] : leavesOf(held).map(({ text }) => compactOf(text)));
  return leavesOf(lost).some((leaf) => !kept.has(compactOf(leaf.text)) && standsIn(leaf, answer) === true);
}

export interface Grounds {
  readonly cites: readonly Citation[];
  /** Why the answer is not emitted; null where nothing is against it. */
  readonly problem: string | null;
}

type Knowing = Pick<ChainState, "claims" | "losing">;

function problemOf(
  { claims, losing }: Knowing,
  found: readonly (readonly [string, KnownClaim])[],
  grounded: readonly string[],
  answer: TextIndex,
  nowMs: number,
): string | null {
  for (const [subject, values] of Object.entries(losing)) {
    if (values.some((value) => losesIn(value, claims[subject]?.value, answer)))
      return `it tells of ${subject} what another source was found right against`;
  }
  const stale = found.find(([, claim]) => !isFresh(claim, nowMs));
  if (stale !== undefined) return `it rests on ${stale[0]} of ${stale[1].source}, whose time is over`;
  const missing = grounded.find((pattern) => !found.some(([subject]) => matchSubject(pattern, subject) !== null));
  return missing === undefined ? null : `it rests on no claim about ${missing}`;
}

/** `grounded`: patterns of subjects of which the answer has to tell a known claim. */
export function groundsOf(chain: Knowing, output: Json, grounded: readonly string[], nowMs: number): Grounds {
  const subjects = Object.entries(chain.claims);
  if (subjects.length === 0 && grounded.length === 0 && Object.keys(chain.losing).length === 0)
    return { cites: [], problem: null };
  const answer = indexOf(
    leavesOf(output)
      .map(({ text }) => text)
      .join("\n"),
  );
  const found = subjects.filter(([, { value }]) => isToldIn(value, answer));
  const cites = found.map(([subject, { source, offset }]) => ({ subject, source, offset }));
  return { cites, problem: problemOf(chain, found, grounded, answer, nowMs) };
}

/** Subjects of which a chain remembers what lost, and values of each. */
const SUBJECTS_KEPT = 64;
const VALUES_KEPT = 4;

/** What a chain knows of values that lost after one more did. */
export function withLosing(losing: ChainState["losing"], subject: string, value: Json): ChainState["losing"] {
  const { [subject]: before = [], ...others } = losing;
  const values = [...before.filter((one) => canonicalJson(one) !== canonicalJson(value)), value].slice(-VALUES_KEPT);
  const kept = Object.entries(others).slice(-(SUBJECTS_KEPT - 1));
  return { ...Object.fromEntries(kept), [subject]: values };
}
