/**
 * defineTool: what a tool is and does. Everything the door judges by is data (see tool-manifest.ts); only `run` is code,
 * and only the gateway calls it.
 */
import { busbarError, type Json, type JsonObject } from "@busbar/kernel";
import { evidenceFaults, expressionProblem, type ToolEvidence, type Undo } from "@busbar/policy";

/** A JSON Schema (draft 2020-12 subset that Ajv compiles). */
export type JsonSchema = JsonObject;

export const TOOL_EFFECTS = ["read", "write", "destructive"] as const;
/** What calling it does to the world. */
export type ToolEffect = (typeof TOOL_EFFECTS)[number];

export const TOOL_CLASSES = ["exact", "at-most-once"] as const;
/** `exact`: the tool itself honours `key` for `keyLifetimeMs`, so the bus may fire again. `at-most-once`: it never does. */
export type ToolClass = (typeof TOOL_CLASSES)[number];

/** Where a read-back or an expectation takes a value from: an argument, a field of the result, or a literal. */
export type Template = Json;

/**
 * A read that shows whether a change is there. The gateway makes it right after the tool has reported the change as done,
 * before the next change of the chain (PROTOCOL 5.2), and where the change is in doubt (5.6; there a template that names
 * the result says nothing).
 */
export interface ReadBack {
  /** Name of a tool with effect `read`. */
  readonly tool: string;
  /** Its arguments: `"$args.x"`, `"$result.y.z"` or a literal, by field. */
  readonly args: Readonly<Record<string, Template>>;
  /**
   * What its result must hold: values by dotted path (same templates), or an expression in CEL over `args`, `result` and
   * `seen`: `"seen.order.total == args.cents && seen.refunds.exists(r, r.id == result.refundId)"`.
   */
  readonly expect: Readonly<Record<string, Template>> | string;
  /** How long the change may take to show (a replica that catches up), in ms; default 0, at most 60000. */
  readonly withinMs?: number;
}

/** A read whose version a change carries, so that it is refused where another version is there (PROTOCOL 5.7). */
export interface DependsOn {
  /** Name of a tool with effect `read` that declares `version`. Its chain has to have called it with these arguments. */
  readonly tool: string;
  /** Its arguments: `"$args.x"` or a literal, by field. */
  readonly args: Readonly<Record<string, Template>>;
  /**
   * `tool`: `run` compares `context.expected` with what is there, in the same transaction, and throws `stale`: nothing
   * can come between. `gateway` (default): the gateway makes the read once more right before it calls `run`; what
   * others change between that read and the change is not seen.
   */
  readonly check?: "tool" | "gateway";
}

/** What a tool learns about the attempt it serves. */
export interface ToolRunContext {
  /** The effect's idempotency key; empty for reads. Exact tools hand it on. */
  readonly key: string;
  /** 1 for the first attempt under this key. */
  readonly attempt: number;
  /** Aborts at the time-out; what was sent may still arrive. */
  readonly signal: AbortSignal;
  /** Event time of the admission, ms since the epoch. */
  readonly atMs: number;
  readonly callId: string;
  readonly chainId: string;
  readonly agent: string;
  /** The version that the chain has read of what the change depends on (`dependsOn`); null or absent where it depends on none. */
  readonly expected?: { readonly subject: string; readonly version: string } | null;
  /**
   * A secret that the tool declares, from the gateway's environment or files. It is in no record and no log line.
   * Throws, before any effect, for a name that the tool does not declare.
   */
  secret(name: string): string;
}

/**
 * What the author of a tool writes. `claims`: what its result says of subjects; `trust: "untrusted"`: its result holds text
 * of third parties; `person`: its result is what the person has said. A row of `busbar.yaml` goes before these.
 */
export interface ToolSpec<A = JsonObject, R = Json> extends ToolEvidence {
  /** Letters, digits, `_`, `-` and `.`, at most 64; unique on the bus. */
  readonly name: string;
  readonly description: string;
  readonly effect: ToolEffect;
  /** Default `at-most-once` (for reads it says nothing). */
  readonly toolClass?: ToolClass;
  /**
   * Of class exact: how long the tool remembers a key after it first came, in ms; for ever is a large number. The bus
   * fires again only while an attempt fits in. Left out: it promises nothing, and is never fired again.
   */
  readonly keyLifetimeMs?: number;
  /** Schema of the arguments; its root type is `object`. */
  readonly args: JsonSchema;
  readonly result?: JsonSchema;
  /** Argument fields that identify the effect; default: all arguments. */
  readonly identity?: readonly string[];
  /** Argument fields that name what the effect is about (a customer, a table), for repeat and freshness rules. */
  readonly subject?: readonly string[];
  /** From the hand-over to the tool, in ms. */
  readonly timeoutMs: number;
  /** From queueing to the hand-over, in ms; default 5000. A later start never happens. */
  readonly fireBoundMs?: number;
  /** Attempts of one call while the error is known to be before the effect; default 1. */
  readonly attempts?: number;
  readonly readBack?: ReadBack;
  /**
   * Where the version of what the call is about stands in its result: `"$result.order.version"`, or `"$result"` for a
   * digest of all of it. Of a read: its subject's, of a change: the new one of what it depends on.
   */
  readonly version?: string;
  /** Of a change: the read whose version it carries. */
  readonly dependsOn?: DependsOn;
  /** Of a change: the call that undoes it, by `$args.x`, `$result.y` and literals; without one it cannot be undone. */
  readonly undo?: Undo;
  /** Names of the secrets that it asks its context for; the gateway does not start without them. */
  readonly secrets?: readonly string[];
  /** A read whose answer changes by nature (a clock, a queue length): two different answers are no contradiction. */
  readonly volatile?: boolean;
  /** What `run` does, where that is data (the call of an HTTP tool): a part of the digest, so a change of it is seen. */
  readonly transport?: JsonObject;
  /** Performs one attempt. What it may throw to say how it ended: see attempt-errors.ts. */
  run(args: A, context: ToolRunContext): R | Promise<R>;
}

/** A checked tool with all defaults filled in. */
export interface ToolDefinition<A = JsonObject, R = Json> extends ToolSpec<A, R> {
  readonly toolClass: ToolClass;
  readonly fireBoundMs: number;
  readonly attempts: number;
  readonly volatile: boolean;
}

const NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;
const FIRE_BOUND_MS_DEFAULT = 5000;
/** A chain waits no longer for a change to show. */
const WITHIN_MS_MOST = 60_000;

const invalid = (name: string, reason: string) =>
  busbarError("BUSBAR_CONFIG_INVALID", { file: `tool ${name}`, reason });

/** True for the names that agents, tools and models may have. */
export function isDefinitionName(name: string): boolean {
  return NAME.test(name);
}

function declaredFields(schema: JsonSchema): ReadonlySet<string> | null {
  const properties = schema["properties"];
  if (typeof properties !== "object" || properties === null || Array.isArray(properties)) return null;
  return new Set(Object.keys(properties));
}

function checkFields(spec: ToolSpec, what: string, fields: readonly string[] | undefined): void {
  const declared = declaredFields(spec.args);
  for (const field of fields ?? []) {
    if (declared !== null && !declared.has(field)) {
      throw invalid(spec.name, `${what} names ${field}, which args does not declare`);
    }
  }
}

function expectationProblem(expect: ReadBack["expect"]): string | null {
  if (Object.keys(expect).length === 0) return "is empty: it would accept anything";
  const problem = typeof expect === "string" ? expressionProblem(expect) : null;
  return problem === null ? null : `is no expression: ${problem}`;
}

function checkReadBack(spec: ToolSpec): void {
  if (spec.readBack === undefined) return;
  if (spec.effect === "read") throw invalid(spec.name, "a read has no read-back");
  const { args, expect } = spec.readBack;
  const problem = expectationProblem(expect);
  if (problem !== null) throw invalid(spec.name, `readBack.expect ${problem}`);
  const templates = [...Object.values(args), ...(typeof expect === "string" ? [] : Object.values(expect))];
  const declared = declaredFields(spec.args);
  for (const template of templates) {
    if (typeof template !== "string" || !template.startsWith("$args.")) continue;
    const field = template.slice("$args.".length).split(".")[0] ?? "";
    if (declared !== null && !declared.has(field))
      throw invalid(spec.name, `readBack uses ${template}, which args does not declare`);
  }
}

function checkFreshness({ name, effect, args, version, dependsOn }: ToolSpec): void {
  if (version !== undefined && !/^\$result(\..+)?$/s.test(version))
    throw invalid(name, "version is $result, or a path below it");
  if (dependsOn === undefined) return;
  if (effect === "read") throw invalid(name, "a read depends on nothing");
  if (!["tool", "gateway", undefined].includes(dependsOn.check))
    throw invalid(name, "dependsOn.check is tool or gateway");
  const declared = declaredFields(args);
  for (const template of Object.values(dependsOn.args)) {
    const field = typeof template === "string" ? /^\$args\.([^.]+)/.exec(template)?.[1] : undefined;
    if (field !== undefined && declared !== null && !declared.has(field))
      throw invalid(name, `dependsOn uses $args.${field}, which args does not declare`);
  }
}

function checkWithin({ name, readBack }: ToolSpec): void {
  const withinMs = readBack?.withinMs ?? 0;
  if (!Number.isSafeInteger(withinMs) || withinMs < 0 || withinMs > WITHIN_MS_MOST)
    throw invalid(name, `readBack.withinMs must be a whole number up to ${WITHIN_MS_MOST}`);
}

function checkKeyLifetime({ name, effect, toolClass, keyLifetimeMs, timeoutMs }: ToolSpec, fireBoundMs: number): void {
  if (keyLifetimeMs === undefined) return;
  if (effect === "read" || toolClass !== "exact") throw invalid(name, "keyLifetimeMs is for changes of class exact");
  if (!isPositiveInteger(keyLifetimeMs)) throw invalid(name, "keyLifetimeMs must be a positive integer");
  if (keyLifetimeMs <= fireBoundMs + timeoutMs)
    throw invalid(
      name,
      "keyLifetimeMs is no longer than fireBoundMs and timeoutMs together: no further attempt fits in",
    );
}

const isPositiveInteger = (value: number) => Number.isSafeInteger(value) && value > 0;

function check(spec: ToolSpec, fireBoundMs: number): void {
  if (!isDefinitionName(spec.name)) throw invalid(spec.name, "a name has letters, digits, '_', '-' or '.', at most 64");
  if (!(TOOL_EFFECTS as readonly string[]).includes(spec.effect))
    throw invalid(spec.name, `effect ${String(spec.effect)} is not read, write or destructive`);
  if (spec.args["type"] !== "object") throw invalid(spec.name, 'args must be a JSON Schema with type "object"');
  if (!isPositiveInteger(spec.timeoutMs)) throw invalid(spec.name, "timeoutMs must be a positive integer");
  if (!isPositiveInteger(fireBoundMs)) throw invalid(spec.name, "fireBoundMs must be a positive integer");
  if (!isPositiveInteger(spec.attempts ?? 1)) throw invalid(spec.name, "attempts must be a positive integer");
  checkFields(spec, "identity", spec.identity);
  checkFields(spec, "subject", spec.subject);
  checkReadBack(spec);
  checkWithin(spec);
  checkFreshness(spec);
  const [fault] = evidenceFaults(spec, spec.args);
  if (fault !== undefined) throw invalid(spec.name, `${fault.path.join(".")}: ${fault.reason}`);
  checkKeyLifetime(spec, fireBoundMs);
  if (spec.effect === "read" && spec.undo !== undefined) throw invalid(spec.name, "a read has nothing to undo");
}

/** Checks a tool and fills in its defaults. Throws BUSBAR_CONFIG_INVALID for what can never work. */
export function defineTool<A = JsonObject, R = Json>(spec: ToolSpec<A, R>): ToolDefinition<A, R> {
  const fireBoundMs = spec.fireBoundMs ?? FIRE_BOUND_MS_DEFAULT;
  check(spec as unknown as ToolSpec, fireBoundMs);
  return {
    ...spec,
    toolClass: spec.toolClass ?? "at-most-once",
    attempts: spec.attempts ?? 1,
    volatile: spec.volatile ?? false,
    fireBoundMs,
  };
}
