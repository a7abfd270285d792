/**
 * The schema lint (CORRECTNESS D22): what a schema may not be, so that no bytes can hurt its reader.
 *
 * `shape` rules hold for every schema that is compiled, also one looked up in a registry: only ["null", X] unions
 * (others change how values are wrapped), no recursion and no items of size zero (a few bytes become millions of
 * objects), no maps (keys come from outside), no floats, longs for times only (2^53), enums with default UNKNOWN.
 * `authored` rules hold for our own sources: every field has a doc and a sensitivity.
 */
import { isJsonObject, type Json, type JsonObject } from "@busbar/kernel";

const SENSITIVITIES = ["public", "internal", "personal", "secret"] as const;
export type LintLevel = "shape" | "authored";

const NAME = /^[A-Za-z_]\w{0,99}$/;
const NAMESPACE = /^[A-Za-z_]\w{0,99}(\.[A-Za-z_]\w{0,99}){0,9}$/;
const PRIMITIVES = new Set(["null", "boolean", "int", "long", "string", "bytes"]);
const FORBIDDEN_FIELDS = new Set(["__proto__", "constructor", "prototype"]);
const MAX_DEPTH = 12;
const MAX_FIELDS = 500;

interface Walk {
  readonly level: LintLevel;
  readonly problems: string[];
  /** Least encoded size of each type defined so far; `null` while it is being defined. */
  readonly sizes: Map<string, number | null>;
  fields: number;
}

/** The problems of a self-contained schema, each as "<path>: <sentence>"; empty when it is fit for use. */
export function lintSchema(schema: unknown, level: LintLevel): readonly string[] {
  const walk: Walk = { level, problems: [], sizes: new Map(), fields: 0 };
  if (!isJsonObject(schema) || schema["type"] !== "record") return ["schema: the root must be a record"];
  checkRecord(walk, schema, "", undefined, 0);
  const fields = Array.isArray(schema["fields"]) ? schema["fields"] : [];
  if (fields.some((field) => isJsonObject(field) && field["name"] === "type")) {
    walk.problems.push("type: the name is taken by the message's own type");
  }
  return walk.problems;
}

/** Each check returns the least number of bytes that a value takes. */
function checkType(walk: Walk, type: Json | undefined, path: string, space: string | undefined, depth: number): number {
  if (depth > MAX_DEPTH) return fail(walk, path, "nested too deeply");
  if (typeof type === "string") return checkName(walk, type, path, space);
  if (Array.isArray(type)) return checkUnion(walk, type, path, space, depth);
  if (!isJsonObject(type)) return fail(walk, path, "no type");
  if (type["logicalType"] !== undefined) return fail(walk, path, "logical types do nothing here");
  switch (type["type"]) {
    case "record":
      return checkRecord(walk, type, path, space, depth);
    case "array":
      if (checkType(walk, type["items"], `${path}[]`, space, depth + 1) === 0) fail(walk, path, "items of size zero");
      return 1;
    case "enum":
      return checkEnum(walk, type, path);
    case "map":
      return fail(walk, path, "maps are not allowed: their keys come from outside");
    case "fixed":
      return fail(walk, path, "fixed is not used; take bytes");
    default:
      return checkType(walk, type["type"], path, space, depth + 1);
  }
}

function fail(walk: Walk, path: string, problem: string): number {
  walk.problems.push(`${path === "" ? "schema" : path}: ${problem}`);
  return 1;
}

function checkName(walk: Walk, type: string, path: string, space: string | undefined): number {
  if (type === "float" || type === "double") return fail(walk, path, "floats are not allowed; take a decimal string");
  if (PRIMITIVES.has(type)) {
    const field = path.slice(path.lastIndexOf(".") + 1);
    if (type === "long" && !/(^|[a-z])Ms$/.test(field)) {
      fail(walk, path, "a long holds a time (a name ending in Ms); offsets and hashes are strings");
    }
    return type === "null" ? 0 : 1;
  }
  const size = walk.sizes.get(type.includes(".") || space === undefined ? type : `${space}.${type}`);
  if (size === undefined) return fail(walk, path, `unknown type ${type.slice(0, 100)}`);
  if (size === null) return fail(walk, path, "recursive types are not allowed");
  return size;
}

function checkUnion(
  walk: Walk,
  union: readonly Json[],
  path: string,
  space: string | undefined,
  depth: number,
): number {
  const [first, second] = union;
  if (union.length !== 2 || first !== "null" || second === undefined || second === "null" || Array.isArray(second)) {
    return fail(walk, path, 'the only union is ["null", X]');
  }
  checkType(walk, second, path, space, depth + 1);
  return 1;
}

function checkEnum(walk: Walk, type: JsonObject, path: string): number {
  const symbols = type["symbols"];
  const known = Array.isArray(symbols) && symbols.every((s) => typeof s === "string" && NAME.test(s));
  if (!known || !symbols.includes("UNKNOWN") || type["default"] !== "UNKNOWN") {
    return fail(walk, path, "an enum needs the symbol UNKNOWN as its default");
  }
  return 1;
}

function checkRecord(walk: Walk, record: JsonObject, path: string, outer: string | undefined, depth: number): number {
  const { name, namespace, fields } = record as { name?: Json; namespace?: Json; fields?: Json };
  // A dotted name is full already, as some registries write it.
  if (typeof name !== "string" || !NAMESPACE.test(name)) return fail(walk, path, "a record needs a name");
  if (namespace !== undefined && (typeof namespace !== "string" || !NAMESPACE.test(namespace))) {
    return fail(walk, path, "the namespace is not a dotted name");
  }
  if (!Array.isArray(fields)) return fail(walk, path, "a record needs fields");
  const simple = name.slice(name.lastIndexOf(".") + 1);
  const space = simple === name ? (namespace ?? outer) : name.slice(0, -simple.length - 1);
  const full = space === undefined ? simple : `${space}.${simple}`;
  if (walk.sizes.has(full)) return fail(walk, path, `${full} is defined twice`);
  walk.sizes.set(full, null);
  let size = 0;
  const names = new Set<string>();
  for (const field of fields as readonly Json[]) size += checkField(walk, field, path, space, depth, names);
  walk.sizes.set(full, size);
  return size;
}

function checkField(
  walk: Walk,
  field: Json,
  outer: string,
  space: string | undefined,
  depth: number,
  names: Set<string>,
): number {
  walk.fields += 1;
  if (walk.fields > MAX_FIELDS) return walk.fields === MAX_FIELDS + 1 ? fail(walk, outer, "too many fields") : 1;
  const name = isJsonObject(field) ? field["name"] : undefined;
  if (!isJsonObject(field) || typeof name !== "string" || !NAME.test(name) || FORBIDDEN_FIELDS.has(name)) {
    return fail(walk, outer, "a field needs a simple name");
  }
  const path = outer === "" ? name : `${outer}.${name}`;
  if (names.has(name)) fail(walk, path, "defined twice");
  names.add(name);
  if (walk.level === "authored") checkAuthored(walk, field, path);
  return checkType(walk, field["type"], path, space, depth + 1);
}

function checkAuthored(walk: Walk, field: JsonObject, path: string): void {
  const { doc, sensitivity, values } = field as { doc?: Json; sensitivity?: Json; values?: Json };
  if (typeof doc !== "string" || doc.trim() === "") fail(walk, path, "no doc");
  if (!SENSITIVITIES.some((known) => known === sensitivity)) {
    fail(walk, path, `the sensitivity is one of ${SENSITIVITIES.join(", ")}`);
  }
  if (values === undefined) return;
  const plain = Array.isArray(values) && values.length > 0 && values.every((v) => typeof v === "string");
  if (!plain || values.includes("UNKNOWN") || field["type"] !== "string") {
    fail(walk, path, "values are for string fields, non-empty, and UNKNOWN is implied");
  }
}
