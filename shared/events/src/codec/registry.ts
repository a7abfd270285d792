/**
 * The registry, through its client: ids of our schemas, registration, and the look-up of ids that nobody knows.
 *
 * Subjects are full record names (RecordNameStrategy). Services only read; `pushSchemas` is for deployment.
 */
import { COMPATIBILITY, SchemaRegistry, SchemaType } from "@kafkajs/confluent-schema-registry";
import { type BusbarError, busbarError, parseJson, reasonOf } from "@busbar/kernel";
import { type AvroRecord, fullName } from "../avro-schema.ts";
import { HISTORY } from "../generated/bundle.ts";
import { MESSAGE_TYPES, type MessageType } from "../messages.ts";
import { lintSchema } from "../schema-lint.ts";
import { builtinSchemaIds, schemaOf, type SchemaIds, subjectOf, typeOfSubject } from "./schemas.ts";
import type { LookupAnswer, SchemaLookup } from "./unknown-ids.ts";

export type PushCompatibility = "BACKWARD_TRANSITIVE" | "FULL_TRANSITIVE";

/** Requests to the registry that run at the same time. */
const PARALLEL = 4;

/** Largest schema that is looked at; ours are a tenth of it. */
const MAX_SCHEMA_CHARS = 64 * 1024;

/** HTTP status behind an error of the client; null where there was no answer. */
function statusOf(error: unknown): number | null {
  if (typeof error !== "object" || error === null || !("status" in error)) return null;
  const { status } = error;
  return typeof status === "number" ? status : null;
}

const unavailable = (error: unknown): BusbarError =>
  busbarError("BUSBAR_REGISTRY_UNAVAILABLE", { reason: reasonOf(error) }, error);

/**
 * The registry's ids of our schemas. Throws BUSBAR_SCHEMA_UNKNOWN when one is not registered (`busbar schemas push`),
 * BUSBAR_REGISTRY_UNAVAILABLE without an answer; a service may then start on `builtinSchemaIds()` (D23).
 */
export async function loadSchemaIds(registryUrl: string): Promise<SchemaIds> {
  const registry = new SchemaRegistry({ host: registryUrl });
  return gatherIds(async (type) => {
    const schema = schemaOf(type);
    try {
      return await registry.getRegistryIdBySchema(subjectOf(schema), avroConfluent(schema));
    } catch (error) {
      throw isAbsence(error)
        ? busbarError("BUSBAR_SCHEMA_UNKNOWN", { id: subjectOf(schema) }, error)
        : unavailable(error);
    }
  });
}

/** The client turns a 404 of this call into an error without a status, named after itself. */
function isAbsence(error: unknown): boolean {
  return statusOf(error) === 404 || (error instanceof Error && error.name === "ConfluentSchemaRegistryError");
}

/**
 * Registers all schemas (frozen ones first) and returns their ids. Idempotent. The compatibility of each subject is
 * set explicitly, because the registry's default may be to check nothing.
 * Throws BUSBAR_SCHEMA_INCOMPATIBLE when the registry refuses a schema, BUSBAR_REGISTRY_UNAVAILABLE without an answer.
 */
export async function pushSchemas(
  registryUrl: string,
  options: { readonly compatibility: PushCompatibility },
): Promise<SchemaIds> {
  const registry = new SchemaRegistry({ host: registryUrl });
  return gatherIds(async (type) => {
    const schema = schemaOf(type);
    await setCompatibility(registryUrl, subjectOf(schema), options.compatibility);
    for (const past of HISTORY) {
      if (fullName(past.schema) === subjectOf(schema)) await register(registry, past.schema, options.compatibility);
    }
    return register(registry, schema, options.compatibility);
  });
}

async function register(
  registry: SchemaRegistry,
  schema: AvroRecord,
  compatibility: PushCompatibility,
): Promise<number> {
  const subject = subjectOf(schema);
  try {
    const options = { subject, compatibility: COMPATIBILITY[compatibility] };
    const { id } = await registry.register(avroConfluent(schema), options);
    return id;
  } catch (error) {
    const status = statusOf(error);
    if (status !== 409 && status !== 422) throw unavailable(error);
    throw busbarError("BUSBAR_SCHEMA_INCOMPATIBLE", { schema: subject, reason: reasonOf(error) }, error);
  }
}

/** A registry that has just started on a busy machine takes its time; ms. */
const ANSWER_MS = 30_000;

/** The client sets the level only after the first registration; here it stands before each one. */
async function setCompatibility(registryUrl: string, subject: string, level: PushCompatibility): Promise<void> {
  const response = await fetch(`${registryUrl.replace(/\/$/, "")}/config/${encodeURIComponent(subject)}`, {
    method: "PUT",
    headers: { "content-type": "application/vnd.schemaregistry.v1+json" },
    body: JSON.stringify({ compatibility: level }),
    signal: AbortSignal.timeout(ANSWER_MS),
  }).catch((error: unknown) => {
    throw unavailable(error);
  });
  await response.body?.cancel();
  // 404: the registry wants the subject to exist first; then the client sets the level right after registering it.
  if (!response.ok && response.status !== 404)
    throw unavailable(new Error(`PUT /config/${subject}: ${response.status}`));
}

function avroConfluent(schema: AvroRecord): { type: SchemaType.AVRO; schema: string } {
  return { type: SchemaType.AVRO, schema: JSON.stringify(schema) };
}

async function gatherIds(idOf: (type: MessageType) => Promise<number>): Promise<SchemaIds> {
  const ids = new Map<MessageType, number>();
  const queue = [...MESSAGE_TYPES];
  const work = async (): Promise<void> => {
    for (let type = queue.shift(); type !== undefined; type = queue.shift()) ids.set(type, await idOf(type));
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  const writers = new Map(builtinSchemaIds().writers);
  for (const [type, id] of ids) writers.set(id, schemaOf(type));
  return { idOf: new Map(MESSAGE_TYPES.map((type) => [type, ids.get(type) ?? 0])), writers };
}

/** Refused before it is compiled: the schema is not ours, or not fit (schema lint). */
class RefusedSchema extends Error {
  override readonly name = "RefusedSchema";
}

/** What is wrong with an answer of the registry's `GET /schemas/ids/{id}`; null when it may be compiled. */
function refusalOf(answer: unknown): string | null {
  const { schema: text, schemaType = "AVRO", references } = answer as Readonly<Record<string, unknown>>;
  if (schemaType !== "AVRO" || typeof text !== "string") return "it is no Avro schema";
  if (text.length > MAX_SCHEMA_CHARS) return `it has ${text.length} characters`;
  if (Array.isArray(references) && references.length > 0) return "it refers to other schemas";
  const schema = parseJson(text);
  const problem = lintSchema(schema, "shape")[0];
  if (problem !== undefined) return problem;
  const subject = subjectOf(schema as unknown as AvroRecord);
  return typeOfSubject(subject) === undefined ? `${subject} is none of our records` : null;
}

/**
 * Looks ids up through the client. The answer is checked in the client's own middleware, before the client (and avsc)
 * makes code of it: foreign schemas never get that far.
 */
export function registryLookup(registryUrl: string): SchemaLookup {
  const found = new Map<string, unknown>();
  const registry = new SchemaRegistry({
    host: registryUrl,
    retry: { retries: 0 },
    middlewares: [
      ({ resourceName }) => ({
        response: async (next) => {
          const response = await next();
          if (resourceName !== "Schema") return response;
          const answer: unknown = response.data();
          const problem = refusalOf(answer);
          if (problem !== null) throw new RefusedSchema(problem);
          found.set(response.request().path(), parseJson((answer as { readonly schema: string }).schema));
          return response;
        },
      }),
    ],
  });
  return async (id): Promise<LookupAnswer> => {
    try {
      await registry.getSchema(id);
      const [path] = [...found.keys()].filter((key) => key.endsWith(`/schemas/ids/${id}`));
      const schema = found.get(path ?? "");
      found.delete(path ?? "");
      registry.cache.clear();
      return { kind: "found", schema };
    } catch (error) {
      if (error instanceof RefusedSchema) return { kind: "refused", reason: error.message };
      if (statusOf(error) === 404) return { kind: "absent" };
      return { kind: "unavailable", reason: reasonOf(error) };
    }
  };
}
