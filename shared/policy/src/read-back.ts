/**
 * Read-backs: a look at the world that shows whether a change is there. One mechanism for two moments: right after a
 * change that its tool reported as done, before the next one of the chain (PROTOCOL 5.2), and for one in doubt (5.6).
 * What to look at is filled in here; the shell looks and says what it saw.
 */
import { canonicalJson, isJsonObject, type Json, type JsonObject, parseJson, utf8Length } from "@busbar/kernel";
import { expressionNamesResult, unmet } from "./expectation.ts";
import type { ReadBack } from "./policy-document.ts";
import { atPath, fillTemplate, namesResult } from "./template.ts";

/** A read-back with everything filled in: what to read, and what must be seen, by dotted path. */
export interface Look {
  readonly tool: string;
  readonly args: JsonObject;
  /** Values by dotted path, or an expression over what was seen and what `scope` holds. */
  readonly expect: JsonObject | string;
  /** What the expression names of arguments and result; absent for values. */
  readonly scope?: JsonObject;
  /** How long the effect may take to show, ms; looked at again until then. */
  readonly withinMs: number;
}

/** A look stands in the record of the outcome; a longer one cannot be made and counts as one that failed (bytes). */
const LOOK_BYTES = 32_768;

const objectOf = (value: Json): JsonObject => (isJsonObject(value) ? value : {});

function lookOf(readBack: ReadBack, scope: { readonly args: Json; readonly result?: Json }): Look {
  const { tool, args: template, expect, withinMs = 0 } = readBack;
  const args = objectOf(fillTemplate(template, scope));
  if (typeof expect === "string") return { tool, args, expect, scope: namedIn(expect, scope), withinMs };
  return { tool, args, expect: objectOf(fillTemplate(expect ?? {}, scope)), withinMs };
}

/** Of arguments and result what an expression names: the record holds no more. */
function namedIn(expression: string, scope: { readonly args: Json; readonly result?: Json }): JsonObject {
  const named = Object.entries(scope).filter(([name]) => new RegExp(`\\b${name}\\b`).test(expression));
  return Object.fromEntries(named);
}

/** The look that a change calls for which its tool reported as done; canonical JSON, as its record keeps it. */
export function lookAfter(readBack: ReadBack, args: Json, result: Json): string {
  const look = lookOf(readBack, { args, result });
  const text = canonicalJson({ ...look });
  if (utf8Length(text) <= LOOK_BYTES) return text;
  return canonicalJson({ tool: look.tool, args: {}, expect: {}, withinMs: look.withinMs, tooLarge: true });
}

/** The look that a record holds; null where it was too large to be kept. */
export function parseLook(text: string): Look | null {
  const value = parseJson(text);
  if (!isJsonObject(value) || value["tooLarge"] === true) return null;
  const { tool, withinMs, expect = {}, scope } = value;
  if (typeof tool !== "string" || typeof withinMs !== "number") return null;
  const look = { tool, args: objectOf(value["args"] ?? {}), withinMs };
  if (typeof expect === "string") return { ...look, expect, scope: objectOf(scope ?? {}) };
  return { ...look, expect: objectOf(expect) };
}

/** The look that can settle a doubt; null where it would have to know the result, which nobody has. */
export function lookForDoubt(readBack: ReadBack | null, args: Json): Look | null {
  if (readBack === null || namesResult(readBack.args)) return null;
  const { expect } = readBack;
  if (typeof expect === "string" ? expressionNamesResult(expect) : namesResult(expect ?? {})) return null;
  return lookOf(readBack, { args });
}

/** What of the expectation is not seen, in words without values; null where all of it is. */
export function missingFrom({ expect, scope = {} }: Pick<Look, "expect" | "scope">, seen: Json): string | null {
  if (typeof expect === "string") return unmet(expect, { ...scope, seen });
  for (const [path, expected] of Object.entries(expect)) {
    const found = atPath(seen, path);
    if (found !== undefined && canonicalJson(found) === canonicalJson(expected)) continue;
    return found === undefined ? `${path} is missing` : `${path} is not as expected`;
  }
  return null;
}
