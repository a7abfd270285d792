/**
 * Expectations in CEL (https://cel.dev): what a read-back must show, as an expression over `args`, `result` and `seen`.
 * By @marcbachmann/cel-js: no dependencies, no code generation, own properties only. Size and depth are bounded here;
 * time is bounded by who evaluates, since a pure package has no clock.
 */
import { Environment, type ParseResult } from "@marcbachmann/cel-js";
import { type Json, reasonOf } from "@busbar/kernel";

/** What an expression may name; a look before there is a result has none. */
export interface ExpectationScope {
  readonly args?: Json;
  readonly result?: Json;
  readonly seen: Json;
}

const CHARACTERS_MOST = 2048;
const LIMITS = { maxAstNodes: 256, maxDepth: 24, maxListElements: 64, maxMapEntries: 64, maxCallArguments: 8 };

const ARITHMETIC: Readonly<Record<string, (left: number, right: number) => number>> = {
  "+": (left, right) => left + right,
  "-": (left, right) => left - right,
  "*": (left, right) => left * right,
  "/": (left, right) => left / right,
};

/** Numbers of JSON are doubles; a whole number written beside one is taken for one as well. */
function environment(): Environment {
  const made = new Environment({ limits: LIMITS });
  for (const name of ["args", "result", "seen"]) made.registerVariable(name, "dyn");
  for (const [operator, apply] of Object.entries(ARITHMETIC)) {
    const mixed = (left: number | bigint, right: number | bigint): number => apply(Number(left), Number(right));
    made.registerOperator(`double ${operator} int: double`, mixed);
    made.registerOperator(`int ${operator} double: double`, mixed);
  }
  return made;
}

const ENVIRONMENT = environment();

function parse(expression: string): ParseResult {
  if (expression.length > CHARACTERS_MOST) throw new Error(`it has more than ${CHARACTERS_MOST} characters`);
  return ENVIRONMENT.parse(expression);
}

const firstLine = (error: unknown): string => reasonOf(error).split("\n")[0] ?? "";

/** What is wrong with an expression, whatever it is asked about; null where nothing is. */
export function expressionProblem(expression: string): string | null {
  try {
    const { valid, type, error } = parse(expression).check();
    if (!valid) return firstLine(error);
    return String(type) === "bool" || String(type) === "dyn" ? null : `it says ${String(type)} and not true or false`;
  } catch (error) {
    return firstLine(error);
  }
}

/** Whether an expression names the result, so that it says nothing before there is one. */
export const expressionNamesResult = (expression: string): boolean => /\bresult\b/.test(expression);

/** What of an expectation does not hold, in words without values; null where it holds. May take long: bound its time. */
export function unmet(expression: string, scope: ExpectationScope): string | null {
  try {
    return parse(expression)({ args: null, result: null, ...scope }) === true ? null : "the expectation does not hold";
  } catch (error) {
    // What is not there cannot be as expected.
    return `the expectation cannot be evaluated: ${firstLine(error)}`;
  }
}
