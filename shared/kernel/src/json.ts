/** JSON values and their one canonical spelling (RFC 8785), the base of every key and digest. */
import canonicalize from "canonicalize";
import { assert } from "./assert.ts";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}


/** RFC 8785 text of a value. Programmer error (asserts) for what JSON cannot hold. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  assert(text !== undefined, "canonicalJson: the value has no JSON form");
  return text;
}

/** The parsed value, or undefined where the text is not JSON. Never throws. */
export function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

/** True for a plain JSON object (not null, not an array). */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
