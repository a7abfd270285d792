/** JSON Schema checks through Ajv, compiled once per schema. Only schemas of the policy in force come here. */
import { canonicalJson, type Json, reasonOf } from "@busbar/kernel";
import { Ajv, type ValidateFunction } from "ajv";

/** Bound of the cache; a policy has far fewer tools. */
const SCHEMAS_KEPT = 2000;

function problemOf({ errors }: ValidateFunction): string {
  const [first] = errors ?? [];
  if (first === undefined) return "value is not allowed";
  return `${first.instancePath === "" ? "value" : first.instancePath} ${first.message ?? "is not allowed"}`;
}

/** A check function: null, or what is wrong in one sentence. Never throws: a schema that cannot be compiled refuses. */
export function createSchemaCheck(): (schema: Json, value: Json) => string | null {
  const ajv = new Ajv({ allErrors: false, strict: false, validateFormats: false });
  const compiled = new Map<Json, ValidateFunction | string>();
  const compile = (schema: Json): ValidateFunction | string => {
    try {
      return ajv.compile(schema as object);
    } catch (error) {
      return `the schema cannot be used: ${reasonOf(error)}`;
    }
  };
  return (schema, value) => {
    if (schema === true || schema === null) return null;
    const key = typeof schema === "object" ? schema : canonicalJson(schema);
    let validate = compiled.get(key);
    if (validate === undefined) {
      if (compiled.size >= SCHEMAS_KEPT) compiled.clear();
      validate = compile(schema);
      compiled.set(key, validate);
    }
    if (typeof validate === "string") return validate;
    return validate(value) ? null : problemOf(validate);
  };
}
