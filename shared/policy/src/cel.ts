/**
 * Expressions in CEL (https://cel.dev): one language for what read-backs must show and what checks require. By
 * @marcbachmann/cel-js: no dependencies, no code generation, own properties only. Pure: no clock, no platform.
 *
 * C1 Text, nodes and depth of an expression are bounded when it is read; it is read once and kept.
 * C2 What it may take is bounded before it is evaluated, by the size of what it names: `workOf`. The same expression over
 *    the same values is always evaluated, or never.
 */
import { Environment, type ParseResult } from "@marcbachmann/cel-js";
import { isJsonObject, type Json, reasonOf } from "@busbar/kernel";
import { timeOf } from "./iso-time.ts";
import { patternProblem } from "./pattern-cost.ts";

/** What an expression may be about. */
export type CelName = "args" | "result" | "seen" | "task" | "claims" | "said" | "calls" | "now";
export type CelScope = Readonly<Partial<Record<CelName, Json>>>;

const CHARACTERS_MOST = 2048;
const LIMITS = { maxAstNodes: 256, maxDepth: 24, maxListElements: 64, maxMapEntries: 64, maxCallArguments: 8 };

type Numeric = number | bigint;
const ARITHMETIC: Readonly<Record<string, (left: number, right: number) => number>> = {
  "+": (left, right) => left + right,
  "-": (left, right) => left - right,
  "*": (left, right) => left * right,
  "/": (left, right) => left / right,
  "%": (left, right) => left % right,
};

function numberOf(value: unknown): number {
  if (typeof value === "number" || typeof value === "bigint") return Number(value);
  throw new Error(`it is no number: ${typeof value}`);
}

function momentOf(value: unknown): number {
  const ms = typeof value === "bigint" ? Number(value) : timeOf(value as Json);
  if (ms === 0 && value !== 0 && value !== 0n)
    throw new Error("it is no time: ms since the epoch, or a text of ISO 8601");
  return ms;
}

function rounded(value: unknown, digits: bigint): number {
  const places = Number(digits);
  if (places < 0 || places > 9) throw new Error("round takes 0 to 9 digits");
  const scale = 10 ** places;
  // 1.005 is a little less than itself in binary: what a person would round up is rounded up.
  const scaled = numberOf(value) * scale;
  return (Math.sign(scaled) * Math.round(Math.abs(scaled) * (1 + Number.EPSILON * 4))) / scale;
}

const SECOND_MS = 1000;

/** Functions beside those of the language. Numbers come out as `dyn`: they compare with whole numbers as well. */
const FUNCTIONS: readonly (readonly [signature: string, call: (...given: never[]) => unknown])[] = [
  ["sum(list<dyn>): dyn", (list: readonly unknown[]) => list.reduce<number>((all, one) => all + numberOf(one), 0)],
  ["round(dyn, int): dyn", (value: unknown, digits: bigint) => rounded(value, digits)],
  ["abs(dyn): dyn", (value: unknown) => Math.abs(numberOf(value))],
  ["ms(dyn): dyn", (value: unknown) => momentOf(value)],
  ["minutes(dyn): dyn", (count: unknown) => numberOf(count) * 60 * SECOND_MS],
  ["hours(dyn): dyn", (count: unknown) => numberOf(count) * 3600 * SECOND_MS],
  ["days(dyn): dyn", (count: unknown) => numberOf(count) * 86_400 * SECOND_MS],
  ["keys(dyn): list<dyn>", (map: unknown) => (isJsonObject(map) ? Object.keys(map) : notAMap())],
  ["values(dyn): list<dyn>", (map: unknown) => (isJsonObject(map) ? Object.values(map) : notAMap())],
  ["string.lower(): string", (text: string) => text.toLowerCase()],
];

function notAMap(): never {
  throw new Error("it is no map");
}

/** Numbers of JSON are doubles; a whole number written beside one is taken for one as well. */
function environmentOf(names: readonly CelName[]): Environment {
  const made = new Environment({ limits: LIMITS });
  for (const name of names) made.registerVariable(name, "dyn");
  for (const [operator, apply] of Object.entries(ARITHMETIC)) {
    const mixed = (left: Numeric, right: Numeric): number => apply(Number(left), Number(right));
    made.registerOperator(`double ${operator} int: double`, mixed);
    made.registerOperator(`int ${operator} double: double`, mixed);
  }
  made.registerOperator("double % double: double", (left: number, right: number) => left % right);
  for (const [signature, call] of FUNCTIONS) made.registerFunction(signature, call as (...given: unknown[]) => unknown);
  return made;
}

const environments = new Map<string, Environment>();

function environment(names: readonly CelName[]): Environment {
  const key = names.join(" ");
  const known = environments.get(key) ?? environmentOf(names);
  environments.set(key, known);
  return known;
}

/** An expression that was read. */
export interface Compiled {
  readonly run: ParseResult;
  /** What of its scope it names. */
  readonly names: ReadonlySet<string>;
  /** How deep its loops (`all`, `exists`, `map`, `filter`) stand in each other. */
  readonly loops: number;
}

interface Node {
  readonly op: string;
  readonly args: unknown;
}
const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null && "op" in value;
const LOOPS: ReadonlySet<string> = new Set(["all", "exists", "exists_one", "map", "filter"]);

function nodesBelow(value: unknown): readonly Node[] {
  if (isNode(value)) return [value];
  return Array.isArray(value) ? value.flatMap((one: unknown) => nodesBelow(one)) : [];
}

/** `name(a, b)` on a receiver: its name and its arguments. */
function methodOf({ op, args }: Node): { readonly name: string; readonly given: unknown } | null {
  if (op !== "rcall" || !Array.isArray(args)) return null;
  const [name, , given] = args as readonly unknown[];
  return typeof name === "string" ? { name, given } : null;
}

function loopsIn(node: Node): number {
  const method = methodOf(node);
  const below = nodesBelow(node.args).map(loopsIn);
  const deepest = Math.max(0, ...below);
  if (method === null || !LOOPS.has(method.name)) return deepest;
  return Math.max(deepest, 1 + Math.max(0, ...nodesBelow(method.given).map(loopsIn)));
}

const within = (node: Node): readonly Node[] => [node, ...nodesBelow(node.args).flatMap(within)];

const KEPT = 4096;
const compiled = new Map<string, Compiled>();

/** Throws what is wrong with it. */
export function compile(expression: string, names: readonly CelName[]): Compiled {
  const key = `${names.join(" ")}\n${expression}`;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  if (expression.length > CHARACTERS_MOST) throw new Error(`it has more than ${CHARACTERS_MOST} characters`);
  const run = environment(names).parse(expression);
  const root = (run as unknown as { readonly ast: Node }).ast;
  const named = within(root).flatMap(({ op, args }) => (op === "id" && typeof args === "string" ? [args] : []));
  const made = { run, names: new Set(named), loops: loopsIn(root) };
  if (compiled.size >= KEPT) compiled.clear();
  compiled.set(key, made);
  return made;
}

const firstLine = (error: unknown): string => reasonOf(error).split("\n")[0] ?? "";

/** What is wrong with an expression, and at which character of it, from 0. */
export interface ExpressionFault {
  readonly reason: string;
  readonly at: number;
}

function faultOf(error: unknown, names: readonly CelName[]): ExpressionFault {
  const { range } = error as { readonly range?: { readonly start: number } };
  const text = firstLine(error);
  const hint = text.startsWith("Unknown variable") ? `; there are ${names.join(", ")}` : "";
  return { reason: `${text}${hint}`, at: range?.start ?? 0 };
}

/** Patterns of `matches` that may take too long, or that nobody can judge before. */
function patternFault(root: Node): ExpressionFault | null {
  for (const node of within(root)) {
    const method = methodOf(node);
    if (method?.name !== "matches") continue;
    const [pattern] = nodesBelow(method.given);
    const reason =
      pattern?.op === "value" && typeof pattern.args === "string"
        ? patternProblem(pattern.args)
        : "its pattern is no literal";
    if (reason !== null)
      return { reason: `matches: ${reason}`, at: (node as unknown as { readonly start?: number }).start ?? 0 };
  }
  return null;
}

/** What is wrong with an expression, whatever it is asked about; null where nothing is. */
export function expressionFault(
  expression: string,
  names: readonly CelName[],
  options: { readonly boundedPatterns: boolean } = { boundedPatterns: false },
): ExpressionFault | null {
  try {
    const { run } = compile(expression, names);
    const { valid, type, error } = run.check();
    if (!valid) return faultOf(error, names);
    const says = String(type);
    if (says !== "bool" && says !== "dyn") return { reason: `it says ${says} and not true or false`, at: 0 };
    return options.boundedPatterns ? patternFault((run as unknown as { readonly ast: Node }).ast) : null;
  } catch (error) {
    return faultOf(error, names);
  }
}

/** Entries and characters of a value; counted no further than the bound of what an evaluation may take. */
interface Size {
  entries: number;
  characters: number;
}

function measure(value: Json | undefined, size: Size): void {
  size.entries += 1;
  if (size.entries > WORK_MOST) return;
  if (typeof value === "string") size.characters += value.length;
  else if (Array.isArray(value)) for (const one of value as readonly Json[]) measure(one, size);
  else if (isJsonObject(value)) {
    for (const [name, one] of Object.entries(value)) {
      size.characters += name.length;
      measure(one, size);
    }
  }
}

/** Steps that an evaluation may take, about ten to the microsecond. */
export const WORK_MOST = 20_000_000;
/** Characters that one step of a comparison or search passes. */
const CHARACTERS_A_STEP = 64;

/** An upper bound of the steps that an evaluation takes: each loop goes over all that is named, and looks at all of it. */
export function workOf({ names, loops }: Compiled, scope: CelScope): number {
  if (loops === 0) return 0;
  const size: Size = { entries: 0, characters: 0 };
  for (const [name, value] of Object.entries(scope)) if (names.has(name)) measure(value, size);
  return size.entries ** loops * (1 + size.characters / CHARACTERS_A_STEP);
}

/** Why an expression that says false, or nothing of truth, is not held. */
export const NOT_HELD = "it does not hold";

/** Null where it holds; else why not, in words without values. Without `workMost` its time is to be bounded elsewhere. */
export function unheld(
  expression: string,
  names: readonly CelName[],
  scope: CelScope,
  workMost = Number.POSITIVE_INFINITY,
): string | null {
  try {
    const made = compile(expression, names);
    if (workMost < Number.POSITIVE_INFINITY && workOf(made, scope) > workMost)
      return "it is about too much to be evaluated";
    return made.run(scope as Record<string, unknown>) === true ? null : NOT_HELD;
  } catch (error) {
    // What is not there cannot be as required.
    return `it cannot be evaluated: ${firstLine(error)}`;
  }
}
