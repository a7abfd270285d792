/** Test support: messages of every type, made from their schemas. */
import fc from "fast-check";
import { type AvroField, type AvroRecord, type AvroSchema, isArray, isRecord, isUnion } from "../avro-schema.ts";
import { MESSAGE_TYPES, type Message, type MessageOf, type MessageType, type Meta } from "../index.ts";
import { schemaOf } from "./schemas.ts";

export const META: Meta = {
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
  claimCheck: null,
  progress: { commands: "10", control: "0", inbox: "3", forwards: "3" },
};

const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.constantFrom("", "__proto__", "constructor", '{"__proto__":{"admin":true}}', "\u0000\u0000\u0000\u0000"),
);

const PRIMITIVES: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  string: text,
  int: fc.integer(),
  long: fc.integer({ min: -(2 ** 52), max: 2 ** 52 - 1 }),
  boolean: fc.boolean(),
  bytes: fc.uint8Array({ maxLength: 60 }),
};

function arbitraryOf(schema: AvroSchema, named: Map<string, fc.Arbitrary<unknown>>): fc.Arbitrary<unknown> {
  if (isUnion(schema)) return fc.option(arbitraryOf(schema[1] ?? "null", named));
  if (isArray(schema)) return fc.array(arbitraryOf(schema.items, named), { maxLength: 4 });
  if (isRecord(schema)) return recordOf(schema, named);
  const found = PRIMITIVES[schema as string] ?? named.get(schema as string);
  if (found === undefined) throw new Error(`no arbitrary for ${JSON.stringify(schema)}`);
  return found;
}

function fieldOf(field: AvroField, named: Map<string, fc.Arbitrary<unknown>>): fc.Arbitrary<unknown> {
  return field.values === undefined ? arbitraryOf(field.type, named) : fc.constantFrom(...field.values, "UNKNOWN");
}

function recordOf(record: AvroRecord, named: Map<string, fc.Arbitrary<unknown>>): fc.Arbitrary<object> {
  const made = fc.record(Object.fromEntries(record.fields.map((field) => [field.name, fieldOf(field, named)])));
  named.set(`${record.namespace}.${record.name}`, made);
  return made.map((value) => ({ ...value }));
}

/** A valid message of one type. */
export function messageArbitrary<T extends MessageType>(type: T): fc.Arbitrary<MessageOf<T>> {
  return recordOf(schemaOf(type), new Map()).map((fields) => ({ type, ...fields }) as unknown as MessageOf<T>);
}

/** A valid message of any type. */
export const anyMessage: fc.Arbitrary<Message> = fc
  .constantFrom(...MESSAGE_TYPES)
  .chain((type) => messageArbitrary(type) as fc.Arbitrary<Message>);
