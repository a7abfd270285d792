/** Our codec beside the registry's own client, on a real registry: each reads what the other writes. */
import { COMPATIBILITY, SchemaRegistry, SchemaType } from "@kafkajs/confluent-schema-registry";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { isBusbarError } from "@busbar/kernel";
import { MESSAGE_TYPES, type MessageOf } from "@busbar/events";
import {
  builtinSchemaIds,
  type Codec,
  createCodec,
  loadSchemaIds,
  pushSchemas,
  registryLookup,
  schemaOf,
  type SchemaIds,
  subjectOf,
} from "@busbar/events/codec";

declare module "vitest" {
  interface ProvidedContext {
    registryUrl: string;
  }
}

const url = inject("registryUrl");
const client = new SchemaRegistry({ host: url });
let ids: SchemaIds;
let codec: Codec;

const message: MessageOf<"EffectSettled"> = {
  type: "EffectSettled",
  meta: {
    eventId: "busbar.events/3/17",
    chainId: "c1",
    lineage: ["c0", "c1"],
    agent: "support",
    incarnation: 1,
    causationId: "busbar.commands/3/9",
    correlationId: "c0",
    traceparent: "",
    atMs: 1_795_000_000_000,
    streamSeq: 4,
    namespace: "test",
    commandSeq: 2,
    replay: false,
    policyHash: "",
    codeVersion: "0.1.0",
    claimCheck: { sha256: "ab", bytes: 3, field: "result", offset: "7", chunks: ["ab"] },
    progress: { commands: "10", control: "0", inbox: "3", forwards: "3" },
  },
  callId: "c1:4",
  effectKey: "k",
  tool: "sql.write",
  admitted: "17",
  outcome: "committed",
  by: "größe",
  evidenceOffset: "",
  result: '{"__proto__":{"admin":true}}',
  reason: "",
  readBack: "",
  claims: [],
};

/** Registers a schema as a stranger or a later release would. */
async function register(schema: object, subject: string): Promise<number> {
  const text = { type: SchemaType.AVRO as const, schema: JSON.stringify(schema) };
  const { id } = await client.register(text, { subject, compatibility: COMPATIBILITY.FULL_TRANSITIVE });
  return id;
}

async function errorCode(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "no error";
  } catch (error) {
    return isBusbarError(error) ? error.code : `not ours: ${String(error)}`;
  }
}

beforeAll(async () => {
  ids = await pushSchemas(url, { compatibility: "FULL_TRANSITIVE" });
  codec = createCodec({ ids, lookup: registryLookup(url) });
}, 60_000);

describe("the schema registry", () => {
  test("holds each schema under its record's name, with the compatibility set explicitly [schemas:registered]", async () => {
    const level = await fetch(`${url}/config/dev.busbar.events.EffectSettled`);
    expect(await level.json()).toEqual({ compatibilityLevel: "FULL_TRANSITIVE" });
    for (const type of MESSAGE_TYPES) {
      expect(await client.getRegistryIdBySchema(subjectOf(schemaOf(type)), text(type))).toBe(ids.idOf.get(type));
    }
  });

  test("gives the same ids when pushed again and when loaded [schemas:registered]", async () => {
    const again = await pushSchemas(url, { compatibility: "FULL_TRANSITIVE" });
    const loaded = await loadSchemaIds(url);
    expect([...again.idOf]).toEqual([...ids.idOf]);
    expect([...loaded.idOf]).toEqual([...ids.idOf]);
    for (const id of ids.idOf.values()) expect(id).toBeLessThan(0x4000_0000);
  });

  test("refuses a schema that breaks its past [schemas:registered]", async () => {
    const schema = schemaOf("Halt");
    const broken = { ...schema, fields: [...schema.fields, { name: "must", type: "string" }] };
    await expect(register(broken, subjectOf(schema))).rejects.toMatchObject({ status: 409 });
  });

  test("our frames decode with the client, and the client's with ours [schemas:frames-interoperate]", async () => {
    const frame = codec.encode("EffectSettled", message);
    const { type: _, ...fields } = message;
    expect({ ...(await client.decode(Buffer.from(frame))) }).toEqual(fields);
    const theirs = await client.encode(ids.idOf.get("EffectSettled") ?? 0, fields);
    expect(theirs.equals(frame)).toBe(true);
    expect(codec.decode(theirs, "event")).toStrictEqual({ ok: true, message });
  });

  test("records written without a registry stay readable with one [schemas:offline-start]", () => {
    const offline = createCodec({ ids: builtinSchemaIds() });
    expect(codec.decode(offline.encode("EffectSettled", message), "event")).toStrictEqual({ ok: true, message });
  });

  test("tells what an unknown id is: a later version of ours becomes readable [schemas:unknown-id]", async () => {
    const schema = schemaOf("EffectSettled");
    const later = { ...schema, fields: [...schema.fields, { name: "later", type: "string", default: "" }] };
    const id = await register(later, subjectOf(schema));
    const frame = await client.encode(id, { ...message, later: "x" });
    expect(codec.decode(frame, "event")).toMatchObject({ ok: false, code: "BUSBAR_SCHEMA_UNKNOWN" });
    expect(await codec.resolveUnknown(id)).toEqual({ ok: true });
    expect(codec.decode(frame, "event")).toStrictEqual({ ok: true, message });
  });

  test("a stranger's schema is refused before it is compiled [schemas:unknown-id]", async () => {
    const bombField = { name: "a", type: { type: "array", items: "null" } };
    const bomb = { type: "record", name: "Bomb", namespace: "evil", fields: [bombField] };
    const decent = { type: "record", name: "Decent", namespace: "evil", fields: [{ name: "a", type: "string" }] };
    const json = JSON.stringify({ $schema: "http://json-schema.org/draft-07/schema#", type: "object" });
    const lookup = registryLookup(url);
    expect(await lookup(await register(bomb, "evil.Bomb"))).toEqual({
      kind: "refused",
      reason: "a: items of size zero",
    });
    const stranger = await register(decent, "evil.Decent");
    expect(await lookup(stranger)).toEqual({ kind: "refused", reason: "evil.Decent is none of our records" });
    const { id } = await client.register({ type: SchemaType.JSON, schema: json }, { subject: "evil.Json" });
    expect(await lookup(id)).toEqual({ kind: "refused", reason: "it is no Avro schema" });
    expect(await lookup(999_999_999)).toEqual({ kind: "absent" });
    expect(await codec.resolveUnknown(stranger)).toMatchObject({ ok: false, code: "BUSBAR_SCHEMA_UNKNOWN" });
  });

  test("takes another compatibility when it is pushed with one [schemas:registered]", async () => {
    const level = async (): Promise<unknown> => (await fetch(`${url}/config/dev.busbar.events.EffectSettled`)).json();
    await pushSchemas(url, { compatibility: "BACKWARD_TRANSITIVE" });
    expect(await level()).toEqual({ compatibilityLevel: "BACKWARD_TRANSITIVE" });
    await pushSchemas(url, { compatibility: "FULL_TRANSITIVE" });
    expect(await level()).toEqual({ compatibilityLevel: "FULL_TRANSITIVE" });
  });

  test("that is away is an error with its own code, and takes no decoding with it [schemas:offline-start]", async () => {
    const away = "http://127.0.0.1:1/apis/ccompat/v7";
    expect(await errorCode(loadSchemaIds(away))).toBe("BUSBAR_REGISTRY_UNAVAILABLE");
    expect(await errorCode(pushSchemas(away, { compatibility: "FULL_TRANSITIVE" }))).toBe(
      "BUSBAR_REGISTRY_UNAVAILABLE",
    );
    const alone = createCodec({ ids, lookup: registryLookup(away) });
    expect(await alone.resolveUnknown(70_000)).toMatchObject({ ok: false, code: "BUSBAR_REGISTRY_UNAVAILABLE" });
    expect(alone.decode(codec.encode("EffectSettled", message), "event").ok).toBe(true);
  });
});

function text(type: (typeof MESSAGE_TYPES)[number]): { type: SchemaType.AVRO; schema: string } {
  return { type: SchemaType.AVRO, schema: JSON.stringify(schemaOf(type)) };
}
