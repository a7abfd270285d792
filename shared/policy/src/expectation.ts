/** What a read-back must show, as an expression in CEL (cel.ts) over `args`, `result` and `seen`. */
import type { Json } from "@busbar/kernel";
import { type CelName, expressionFault, unheld } from "./cel.ts";

/** What an expression may name; a look before there is a result has none. */
export interface ExpectationScope {
  readonly args?: Json;
  readonly result?: Json;
  readonly seen: Json;
}

const NAMES: readonly CelName[] = ["args", "result", "seen"];

/** What is wrong with an expression, whatever it is asked about; null where nothing is. */
export function expressionProblem(expression: string): string | null {
  return expressionFault(expression, NAMES)?.reason ?? null;
}

/** Whether an expression names the result, so that it says nothing before there is one. */
export const expressionNamesResult = (expression: string): boolean => /\bresult\b/.test(expression);

/** What of an expectation does not hold, in words without values; null where it holds. May take long: bound its time. */
export function unmet(expression: string, scope: ExpectationScope): string | null {
  const why = unheld(expression, NAMES, { args: null, result: null, ...scope });
  return why === null ? null : `the expectation ${why.slice("it ".length)}`;
}
