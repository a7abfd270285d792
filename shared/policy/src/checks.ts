/**
 * Semantic checks: what the arguments of a call, a result, a model's answer or the answer of a task must hold, as
 * expressions in CEL over them and over what the chain knows (replay/evidence.ts). Pure: the door asks them.
 *
 * K1 What cannot be evaluated is not held: `require` counts as false, and `when` as true.
 * K2 The hardest consequence counts: refuse, then degrade, then approve.
 */
import type { Json } from "@busbar/kernel";
import {
  type CelName,
  type CelScope,
  type ExpressionFault,
  expressionFault,
  NOT_HELD,
  unheld,
  WORK_MOST,
} from "./cel.ts";
import type { ChainState } from "./partition-state.ts";
import type { RuleMode } from "./policy-document.ts";

export const CHECK_CONSEQUENCES = ["refuse", "degrade", "approve"] as const;
export type CheckConsequence = (typeof CHECK_CONSEQUENCES)[number];

/** A check of arguments, and of a task's answer. */
export interface Check {
  readonly name: string;
  /** Where it applies; absent: always. */
  readonly when?: string;
  readonly require: string;
  /** What comes of a call that does not hold it; default refuse. `degrade`: it is refused, and the chain reads only. */
  readonly otherwise?: CheckConsequence;
  /** What the agent is told, and a person who is asked. */
  readonly reason: string;
  /** `shadow`: what it would have done is recorded and nothing else happens; default enforce. */
  readonly mode?: RuleMode;
}

/** A check of a result: one that fails is an invalid result. */
export type ResultCheck = Omit<Check, "otherwise">;

/** What of a chain a check may name. */
export type Known = Pick<ChainState, "task" | "claims" | "said" | "committed">;
export const NOTHING_KNOWN: Known = { task: null, claims: {}, said: [], committed: {} };

export const ARGUMENT_NAMES: readonly CelName[] = ["args", "task", "claims", "said", "calls", "now"];
export const RESULT_NAMES: readonly CelName[] = ["args", "result", "task", "claims", "said", "calls", "now"];
/** Of a model's answer and of a task's answer: `result` is what is judged. */
export const ANSWER_NAMES: readonly CelName[] = ["result", "task", "claims", "said", "calls", "now"];

const values = new WeakMap<Known["claims"], Json>();

/** Claims as expressions see them: value by subject. A fold of an immutable part of the state, kept with it. */
function valuesOf(claims: Known["claims"]): Json {
  const known = values.get(claims);
  if (known !== undefined) return known;
  const made = Object.fromEntries(Object.entries(claims).map(([subject, { value }]) => [subject, value]));
  values.set(claims, made);
  return made;
}

/** What expressions see of a chain, and of what is judged. */
export function checkScope(known: Known, nowMs: number, judged: Pick<CelScope, "args" | "result">): CelScope {
  const { task, claims, said, committed } = known;
  return { task, claims: valuesOf(claims), said, calls: committed, now: nowMs, ...judged };
}

/** A check that is not held, and why. */
export interface Unheld<C extends ResultCheck = Check> {
  readonly check: C;
  readonly why: string;
}

/** All that are not held, in their order. */
export function unheldChecks<C extends ResultCheck>(
  checks: readonly C[] | undefined,
  names: readonly CelName[],
  scope: CelScope,
): readonly Unheld<C>[] {
  return (checks ?? []).flatMap((check) => {
    if (check.mode === "off" || !applies(check, names, scope)) return [];
    const why = unheld(check.require, names, scope, WORK_MOST);
    return why === null ? [] : [{ check, why }];
  });
}

/** Where nobody can tell whether it applies, it does (K1). */
function applies({ when }: ResultCheck, names: readonly CelName[], scope: CelScope): boolean {
  return when === undefined || unheld(when, names, scope, WORK_MOST) !== NOT_HELD;
}

export const consequenceOf = ({ check }: Unheld): CheckConsequence => check.otherwise ?? "refuse";

/** What a check in shadow mode would have done (RuleShadowed). */
export interface Shadow {
  readonly rule: string;
  readonly would: string;
  readonly reason: string;
  readonly evidence: readonly string[];
}

export const isShadow = ({ check }: Unheld<ResultCheck>): boolean => check.mode === "shadow";

export const ruleOf = ({ check }: Unheld<ResultCheck>): string => `check:${check.name}`;

/** What those in shadow mode would have done. */
export function shadowsOf(found: readonly Unheld[]): readonly Shadow[] {
  return found.filter(isShadow).map((one) => {
    return { rule: ruleOf(one), would: consequenceOf(one), reason: told(one), evidence: [] };
  });
}

/** The one that decides (K2); null where all are held, but those in shadow mode. */
export function hardest(all: readonly Unheld[]): Unheld | null {
  const found = all.filter((one) => !isShadow(one));
  const rank = (one: Unheld): number => CHECK_CONSEQUENCES.indexOf(consequenceOf(one));
  return found.reduce<Unheld | null>((worst, one) => (worst === null || rank(one) < rank(worst) ? one : worst), null);
}

/** What the author of a refused call is told. */
export const told = ({ check, why }: Unheld<ResultCheck>): string =>
  `${check.reason} (check ${check.name}${why === NOT_HELD ? "" : `: ${why}`})`;

/** A fault of a declared check, where it stands below it, and at which character of an expression. */
export interface CheckFault {
  readonly path: readonly (string | number)[];
  readonly reason: string;
  readonly at: number;
}

function faultsOf(check: ResultCheck, names: readonly CelName[]): readonly CheckFault[] {
  return (["when", "require"] as const).flatMap((field) => {
    const text = check[field];
    const fault: ExpressionFault | null =
      text === undefined ? null : expressionFault(text, names, { boundedPatterns: true });
    return fault === null ? [] : [{ path: [field], ...fault }];
  });
}

/** Faults of a list of checks; names are unique, so that a refusal says which. */
export function checkFaults(
  checks: readonly ResultCheck[] | undefined,
  names: readonly CelName[],
): readonly CheckFault[] {
  const list = checks ?? [];
  return list.flatMap((check, index) => {
    const twice = list.findIndex(({ name }) => name === check.name) !== index;
    const faults = faultsOf(check, names).map((fault) => ({ ...fault, path: [index, ...fault.path] }));
    return twice
      ? [{ path: [index, "name"], reason: `there are two checks named ${check.name}`, at: 0 }, ...faults]
      : faults;
  });
}
