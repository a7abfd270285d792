/**
 * Reads the ids that the tests of a file cite. Ids stand in brackets inside a string literal: `"the rule [area:rule]"`.
 */

const STRINGS = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/gu;
const ID = /\[([a-z]+:[a-z0-9-]+)\]/gu;

/** The cited ids of a source text, in order. */
export function citedIds(source: string): readonly string[] {
  return [...source.matchAll(STRINGS)].flatMap(([literal]) => [...literal.matchAll(ID)].map(([, id = ""]) => id));
}
