/**
 * Claims: what a result says of subjects (`reservation:ZFA04Y`), as its tool declares it. The gateway fills them in and
 * puts them on the record of the outcome, also where the result itself stands aside; replay keeps the latest of each
 * subject for the chain. Checks, reconciliation and verification read them there.
 */
import type { SubjectClaim } from "@busbar/events";
import { canonicalJson, isJsonObject, type Json, parseJson, sha256Hex, utf8Length } from "@busbar/kernel";
import { timeOf } from "./iso-time.ts";
import { fillTemplate, type TemplateScope } from "./template.ts";

/** How a tool declares a claim of its result. Templates: `$args.x`, `$result.y`, and `$item.z` where `each` is given. */
export interface ClaimSpec {
  /** A word, then text with values in braces: `reservation:{$result.reservation_id}`. */
  readonly subject: string;
  /** What is said of it: a template or a literal. */
  readonly value: Json;
  /** Who says it; `source` of two tools that ask the same system is the same. */
  readonly source: string;
  /** A list (or the values of a map) in the result, of which each entry, `$item`, makes a claim. */
  readonly each?: string;
  /** Where the version of the subject stands. */
  readonly version?: string;
  /** Where the time stands at which it was so: ms, or a text of ISO 8601. */
  readonly asOf?: string;
  /** How long it may be relied on, ms. */
  readonly ttlMs?: number;
}

/** The latest claim of a subject, as a chain knows it. */
export interface KnownClaim {
  readonly value: Json;
  readonly source: string;
  readonly version: string;
  readonly asOfMs: number;
  readonly ttlMs: number;
  /** Event time and offset of the record that told it. */
  readonly atMs: number;
  readonly offset: string;
  /** The tool's row does not say that it brings text of strangers. */
  readonly trusted: boolean;
}

/** Claims of one result; of more, the first. */
export const CLAIMS_OF_RESULT = 32;
/** Subjects that one chain remembers; of more, those told longest ago are forgotten. */
export const CLAIMS_KEPT = 64;
/** A value of more bytes is known by its size and digest. */
export const CLAIM_VALUE_BYTES = 8192;
/** All values of one result together, bytes; what comes after it is known by size and digest as well. */
const RESULT_BYTES = 65_536;
const SUBJECT_CHARACTERS = 256;
const VERSION_CHARACTERS = 128;

const PLACE = /\{(\$[^{}]*)\}/g;

/** Begins with a letter: a key of the state that looked like a number would change its place there. */
export const SUBJECT_FORM = /^[A-Za-z][^{}]*(?:\{\$(?:args|result|item)(?:\.[^{}]+)?\}[^{}]*)*$/;

const textOf = (value: Json): string => (typeof value === "string" ? value : canonicalJson(value));

/** Null where a value that the subject is named by is not there. */
function subjectOf(template: string, scope: TemplateScope): string | null {
  let isWhole = true;
  const text = template.replaceAll(PLACE, (_place, reference: string) => {
    const value = fillTemplate(reference, scope);
    if (value === null || value === "" || value === reference) isWhole = false;
    return textOf(value);
  });
  if (!isWhole) return null;
  if (text.length <= SUBJECT_CHARACTERS) return text;
  return `${template.split(/[:{]/)[0] ?? ""}:sha256:${sha256Hex(text)}`;
}

/** The text that a template names; empty where it names nothing. */
function told(template: string | undefined, scope: TemplateScope): string {
  const value = template === undefined ? null : fillTemplate(template, scope);
  if (value === null) return "";
  const text = textOf(value);
  return text.length <= VERSION_CHARACTERS ? text : `sha256:${sha256Hex(text)}`;
}

function itemsOf(each: string | undefined, scope: TemplateScope): readonly TemplateScope[] {
  if (each === undefined) return [scope];
  const found = fillTemplate(each, scope);
  const items = Array.isArray(found) ? (found as readonly Json[]) : isJsonObject(found) ? Object.values(found) : [];
  return items.slice(0, CLAIMS_OF_RESULT).map((item) => ({ ...scope, item }));
}

function claimOf(spec: ClaimSpec, scope: TemplateScope, roomBytes: number): SubjectClaim | null {
  const subject = subjectOf(spec.subject, scope);
  if (subject === null) return null;
  const whole = canonicalJson(fillTemplate(spec.value, scope));
  const bytes = utf8Length(whole);
  const fits = bytes <= Math.min(CLAIM_VALUE_BYTES, roomBytes);
  const value = fits ? whole : canonicalJson({ tooLarge: true, bytes, sha256: sha256Hex(whole) });
  const asOfMs = spec.asOf === undefined ? 0 : timeOf(fillTemplate(spec.asOf, scope));
  const { source, ttlMs = 0 } = spec;
  return { subject, value, source, version: told(spec.version, scope), asOfMs, ttlMs };
}

/** What a result says, in the order of the declarations. Pure and total: what cannot be filled in is no claim. */
export function claimsOf(
  tool: { readonly claims?: readonly ClaimSpec[] } | undefined,
  args: Json,
  result: Json,
): readonly SubjectClaim[] {
  const claims: SubjectClaim[] = [];
  let roomBytes = RESULT_BYTES;
  for (const spec of tool?.claims ?? []) {
    for (const scope of itemsOf(spec.each, { args, result })) {
      const claim = claims.length < CLAIMS_OF_RESULT ? claimOf(spec, scope, roomBytes) : null;
      if (claim === null) continue;
      claims.push(claim);
      roomBytes -= utf8Length(claim.value);
    }
  }
  return claims;
}

/** The claims that a chain knows after a record of it told some; the last told stand last. */
export function withClaims(
  known: Readonly<Record<string, KnownClaim>>,
  claims: readonly SubjectClaim[],
  at: Pick<KnownClaim, "atMs" | "offset" | "trusted">,
): Readonly<Record<string, KnownClaim>> {
  if (claims.length === 0) return known;
  const next = new Map(Object.entries(known));
  for (const { subject, value, source, version, asOfMs, ttlMs } of claims) {
    next.delete(subject);
    next.set(subject, { value: parseJson(value) ?? null, source, version, asOfMs, ttlMs, ...at });
  }
  return Object.fromEntries([...next].slice(-CLAIMS_KEPT));
}

/** Whether a claim may still be relied on, by its declared time to live. */
export function isFresh({ ttlMs, asOfMs, atMs }: KnownClaim, nowMs: number): boolean {
  return ttlMs === 0 || nowMs <= (asOfMs === 0 ? atMs : asOfMs) + ttlMs;
}

/** What is wrong with a declared claim; null where nothing is. */
export function claimProblem(spec: ClaimSpec, declaredArgs: ReadonlySet<string> | null): string | null {
  if (!SUBJECT_FORM.test(spec.subject))
    return "subject begins with a letter and names values in braces: reservation:{$result.id}";
  if (spec.each !== undefined && !/^\$(args|result)(\..+)?$/s.test(spec.each))
    return "each is $result, or a path below it";
  const named = JSON.stringify([spec.subject, spec.value, spec.version ?? "", spec.asOf ?? ""]);
  if (spec.each === undefined && named.includes("$item")) return "$item stands only beside each";
  for (const [field, text] of [
    ["version", spec.version],
    ["asOf", spec.asOf],
  ] as const) {
    if (text !== undefined && !/^\$(args|result|item)(\..+)?$/s.test(text)) return `${field} is a path: $result.x`;
  }
  const stranger = [...named.matchAll(/\$args\.([A-Za-z0-9_-]+)/g)].find(
    ([, name = ""]) => declaredArgs?.has(name) === false,
  );
  return stranger === undefined ? null : `it uses ${stranger[0]}, which args does not declare`;
}
