/** The few JSON Schemas that the shop's tools are described with. */
import type { JsonObject } from "@busbar/kernel";

export const ID: JsonObject = { type: "integer", minimum: 1 };
export const COUNT: JsonObject = { type: "integer", minimum: 0 };
export const INTEGER: JsonObject = { type: "integer" };
export const BOOLEAN: JsonObject = { type: "boolean" };

export function text(lengthMax: number): JsonObject {
  return { type: "string", minLength: 1, maxLength: lengthMax };
}

/** An object that has exactly these fields; those named in `optional` may be missing. */
export function objectOf(properties: JsonObject, optional: readonly string[] = []): JsonObject {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", properties, required, additionalProperties: false };
}

export function nullable(schema: JsonObject): JsonObject {
  return { anyOf: [schema, { type: "null" }] };
}
