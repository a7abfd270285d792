/**
 * What a regular expression of `matches` may take at most, judged before it is used: decisions must not stand still
 * because of a text that somebody chose. Backtracking tries each way of sharing a text among repetitions, so the bound is
 * the product of their ranges, and of all places to begin at where it is not anchored.
 */

/** Characters of a text that a repetition without an end may take. */
const UNBOUNDED = 65_536;
const COST_MOST = 2 ** 24;

const QUANTIFIER = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})\??/;

interface Quantifier {
  readonly length: number;
  readonly range: number;
}

function quantifierAt(rest: string): Quantifier | null {
  const found = QUANTIFIER.exec(rest);
  if (found === null) return null;
  const [text, from, comma, to] = found;
  if (text.startsWith("?")) return { length: text.length, range: 2 };
  if (from === undefined) return { length: text.length, range: UNBOUNDED };
  if (comma === "") return { length: text.length, range: 1 };
  return { length: text.length, range: to === "" || to === undefined ? UNBOUNDED : Number(to) - Number(from) + 1 };
}

/** Length of the atom at the start: a class, an escape or a character. */
function atomLength(rest: string): number {
  if (rest.startsWith("\\")) return 2;
  if (!rest.startsWith("[")) return 1;
  const found = /^\[\^?\]?(?:\\.|[^\]\\])*\]/s.exec(rest);
  return found === null ? rest.length : found[0].length;
}

interface Part {
  readonly length: number;
  /** In how many ways it may share a text with what stands beside it. */
  readonly cost: number;
  readonly isRepeatedGroup: boolean;
}

function partAt(rest: string): Part {
  const length = atomLength(rest);
  const { length: more = 0, range = 1 } = quantifierAt(rest.slice(length)) ?? {};
  const isRepeatedGroup = rest.startsWith(")") && range > 2;
  return { length: length + more, cost: rest.startsWith("|") ? range * 2 : range, isRepeatedGroup };
}

/** Null where the pattern is used; else why it is not, and what to write instead. */
export function patternProblem(pattern: string): string | null {
  if (/\\[1-9]|\(\?<?[=!]|\\k</.test(pattern)) return "references and looks around are not taken";
  let cost = pattern.startsWith("^") ? 1 : UNBOUNDED;
  for (let at = 0; at < pattern.length;) {
    const part = partAt(pattern.slice(at));
    if (part.isRepeatedGroup) return "a group is repeated: write its text out";
    cost *= part.cost;
    at += part.length;
  }
  if (cost <= COST_MOST) return null;
  return "its pattern may take too long: anchor it with ^, and bound its repetitions ({1,64})";
}
