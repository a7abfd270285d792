/** The codec and its surroundings (Node): framed Avro, schema ids, the registry, dead letters. */
export * from "./auth.ts";
export * from "./codec.ts";
export * from "./compatibility.ts";
export * from "./dead-letter.ts";
export * from "./digest.ts";
export { createRedactor, redactingCodec, type Redactor, type Secret } from "./redact.ts";
export * from "./registry.ts";
export { builtinSchemaIds, schemaOf, type SchemaIds, subjectOf } from "./schemas.ts";
export type { LookupAnswer, LookupOptions, Resolution, SchemaLookup } from "./unknown-ids.ts";
