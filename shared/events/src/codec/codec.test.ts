import { describe, expect, test } from "vitest";
import { isBusbarError } from "@busbar/kernel";
import { MESSAGE_TYPES, type MessageOf } from "../index.ts";
import { type AvroRecord, builtinSchemaId } from "../avro-schema.ts";
import { avroType } from "./avro-type.ts";
import { builtinSchemaIds, createCodec, DEFAULT_MAX_BYTES, frameSchemaId, schemaOf } from "./index.ts";
import { META } from "./testing.ts";

const ids = builtinSchemaIds();
const codec = createCodec({ ids });

const refused: MessageOf<"EffectSettled"> = {
  type: "EffectSettled",
  meta: META,
  callId: "c1:4",
  effectKey: "k",
  tool: "sql.write",
  admitted: "17",
  outcome: "committed",
  by: "ops",
  evidenceOffset: "",
  result: '{"__proto__":{"admin":true}}',
  reason: "",
  readBack: "",
  claims: [],
};

const failed: MessageOf<"EffectFailed"> = {
  type: "EffectFailed",
  meta: META,
  callId: "c1:4",
  effectKey: "k",
  tool: "sql.write",
  attempt: 1,
  admitted: "17",
  code: "BUSBAR_TOOL_FAILED",
  reason: "",
  final: true,
  retryAtMs: 0,
  durationMs: 3,
  freshness: "",
};

/** The reason of a failed decode. */
function reasonFor(bytes: Uint8Array | null, family?: "event" | "command"): string {
  const decoded = family === undefined ? codec.decode(bytes) : codec.decode(bytes, family);
  return decoded.ok ? "accepted" : `${decoded.code} ${decoded.reason}`;
}

/** What encoding this as an EffectSettled throws. */
function encodeError(change: object): string {
  try {
    codec.encode("EffectSettled", { ...refused, ...change } as MessageOf<"EffectSettled">);
    return "encoded";
  } catch (error) {
    return isBusbarError(error) ? `${error.code} ${error.message}` : `not ours: ${String(error)}`;
  }
}

describe("encoding", () => {
  test("what is encoded decodes to the same plain object [schemas:frames-interoperate]", () => {
    const decoded = codec.decode(codec.encode("EffectSettled", refused), "event");
    expect(decoded).toStrictEqual({ ok: true, message: refused });
    const { type: _, ...withoutType } = refused;
    expect(codec.encode("EffectSettled", withoutType)).toEqual(codec.encode("EffectSettled", refused));
  });

  test("the frame is a zero byte, the id as big-endian int32, the Avro value [schemas:frames-interoperate]", () => {
    const bytes = codec.encode("RequestJournal", { meta: META, reason: "why" });
    const id = ids.idOf.get("RequestJournal") ?? 0;
    expect([...bytes.subarray(0, 5)]).toEqual([0, id >>> 24, (id >>> 16) & 255, (id >>> 8) & 255, id & 255]);
    expect(frameSchemaId(bytes)).toBe(id);
    expect(avroType(schemaOf("RequestJournal")).fromBuffer(Buffer.from(bytes.subarray(5)))).toEqual({
      meta: META,
      reason: "why",
    });
  });

  test.each([
    ["a missing field", { callId: undefined }, "callId is undefined"],
    ["a missing field that has a default", { by: undefined }, "by is undefined"],
    ["an undeclared field", { extra: 1 }, "message is"],
    ["an undeclared field in meta", { meta: { ...META, extra: 1 } }, "meta is"],
    ["an undeclared field named constructor", { constructor: 1 }, "message is"],
    ["an own field named __proto__", JSON.parse('{"__proto__":1}') as object, "message is"],
    ["NaN", { meta: { ...META, atMs: Number.NaN } }, "meta.atMs is NaN"],
    ["a fraction", { meta: { ...META, streamSeq: 1.5 } }, "meta.streamSeq is 1.5"],
    ["a number beyond int", { meta: { ...META, streamSeq: 2 ** 31 } }, "meta.streamSeq is"],
    ["an unsafe long", { meta: { ...META, atMs: 2 ** 53 } }, "meta.atMs is"],
    ["a long that avsc would round", { meta: { ...META, atMs: -(2 ** 52) - 1 } }, "beyond 2^52"],
    ["a bigint", { admitted: 17n }, "admitted is 17"],
    ["null", { meta: null }, "meta is null"],
    ["another type", { type: "EffectFailed" }, "its type is EffectFailed"],
    [
      "a value outside the vocabulary",
      { outcome: "Committed" },
      "outcome is none of committed, not-done, unknown, UNKNOWN",
    ],
  ])("%s throws before anything takes effect [schemas:encode-strict]", (name, change, problem) => {
    const error = encodeError(change);
    expect([name, error]).toEqual([name, expect.stringContaining("BUSBAR_SCHEMA_INVALID")]);
    expect(error).toContain(problem);
  });

  test("a message larger than the bound is refused to its author [append:size-checked-first]", () => {
    expect(encodeError({ result: "x".repeat(DEFAULT_MAX_BYTES) })).toContain("BUSBAR_RECORD_TOO_LARGE");
    const large = codec.encode("EffectSettled", { ...refused, result: "é".repeat(300_000) });
    const decoded = codec.decode(large, "event");
    expect(decoded.ok && decoded.message.type === "EffectSettled" && decoded.message.result.length).toBe(300_000);
  });

  test("bytes travel as any Uint8Array [schemas:poison-dead-lettered]", () => {
    const bytes = new Uint8Array([1, 2, 3]).subarray(1);
    const letter = { meta: META, code: "X", reason: "", topic: "t", partition: 0, offset: "0", headers: "{}", bytes };
    const decoded = codec.decode(codec.encode("DeadLetter", letter), "dead-letter");
    expect(decoded.ok && [...decoded.message.bytes]).toEqual([2, 3]);
  });

  test("all schemas are at hand without a registry [schemas:offline-start]", () => {
    for (const type of MESSAGE_TYPES) {
      const id = ids.idOf.get(type) ?? 0;
      expect(id).toBeGreaterThanOrEqual(0x4000_0000);
      expect(id).toBeLessThan(0x8000_0000);
      expect(ids.writers.get(id)?.name).toBe(type);
    }
    expect(new Set(ids.idOf.values()).size).toBe(MESSAGE_TYPES.length);
  });

  test("built-in ids follow the layout, not docs or defaults [schemas:offline-start]", () => {
    const halt = schemaOf("Halt");
    const reworded = {
      ...halt,
      doc: "other",
      fields: halt.fields.map(({ default: _, ...f }) => ({ ...f, doc: "other" })),
    };
    expect(builtinSchemaId(reworded)).toBe(builtinSchemaId(halt));
    expect(builtinSchemaId({ ...halt, fields: halt.fields.toReversed() })).not.toBe(builtinSchemaId(halt));
    const tiny: AvroRecord = { type: "record", name: "A", namespace: "b", fields: [{ name: "c", type: "string" }] };
    expect(builtinSchemaId(tiny)).toBe(0x5eda3fbf);
  });
});

describe("decoding", () => {
  const good = codec.encode("EffectSettled", refused);

  test("says why bytes are no message [schemas:codec-never-throws]", () => {
    expect(reasonFor(null)).toContain("no value");
    for (let length = 0; length < 6; length++) expect(reasonFor(good.subarray(0, length))).toContain(`${length} bytes`);
    expect(reasonFor(Uint8Array.of(7, ...good.subarray(1)))).toContain("first byte is 7");
    expect(reasonFor(good.subarray(0, good.length - 1))).toContain("do not hold a value");
    expect(reasonFor(Uint8Array.of(...good, 0))).toContain("1 bytes too many");
    expect(reasonFor(new Uint8Array(DEFAULT_MAX_BYTES + 1))).toContain("BUSBAR_RECORD_TOO_LARGE");
  });

  test("an unknown id, also a negative one, has its own code [schemas:unknown-id]", () => {
    for (const id of [0, 1, -1, 0x7fff_ffff]) {
      const bytes = Buffer.from(good);
      bytes.writeInt32BE(id, 1);
      expect(reasonFor(bytes)).toBe(`BUSBAR_SCHEMA_UNKNOWN schema id ${id} is not known`);
    }
  });

  test("a record of another family is invalid [schemas:family-checked]", () => {
    expect(reasonFor(good, "command")).toBe("BUSBAR_SCHEMA_INVALID EffectSettled is of the family event, not command");
    expect(reasonFor(codec.encode("RequestJournal", { meta: META, reason: "" }), "event")).toContain(
      "family command, not event",
    );
  });

  test("a value outside a vocabulary is read as UNKNOWN, never as one of ours [schemas:unknown-value]", () => {
    const wire = avroType(schemaOf("EffectSettled")).toBuffer({ ...refused, outcome: "reverted" });
    const bytes = Buffer.concat([good.subarray(0, 5), wire]);
    const decoded = codec.decode(bytes, "event");
    expect(decoded.ok && decoded.message.type === "EffectSettled" && decoded.message.outcome).toBe("UNKNOWN");
  });

  test("a few bytes that announce many items are refused at once [schemas:codec-never-throws]", () => {
    const id = good.subarray(0, 5);
    // eventId "", chainId "", then a lineage that announces 2^40 items; and one block of a negative count.
    const many = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01];
    for (const count of [many, [0x81, ...many.slice(1), 0], [...many.slice(0, 3), 0x01]]) {
      expect(reasonFor(Uint8Array.of(...id, 0, 0, ...count))).toContain("do not hold a value");
    }
  });

  test("a boolean is 0 or 1, not whatever is truthy [schemas:codec-never-throws]", () => {
    const schema: AvroRecord = schemaOf("EffectFailed");
    const bytes = Buffer.from(codec.encode("EffectFailed", failed));
    const before = avroType({
      ...schema,
      fields: schema.fields.slice(
        0,
        schema.fields.findIndex((f) => f.name === "final"),
      ),
    });
    const at = 5 + before.toBuffer(failed).length;
    expect([bytes[at], codec.decode(bytes).ok]).toEqual([1, true]);
    bytes[at] = 2;
    expect(reasonFor(bytes)).toContain("do not hold a value");
  });

  test("bytes of an older schema are read with our defaults [schemas:frozen-compatible]", () => {
    const schema = schemaOf("RequestJournal");
    const older: AvroRecord = { ...schema, fields: schema.fields.filter((field) => field.name !== "reason") };
    const reader = createCodec({ ids: { idOf: ids.idOf, writers: new Map([[5, older]]) } });
    const bytes = Buffer.concat([Buffer.of(0, 0, 0, 0, 5), avroType(older).toBuffer({ meta: META })]);
    expect(reader.decode(bytes, "command")).toStrictEqual({
      ok: true,
      message: { type: "RequestJournal", meta: META, reason: "" },
    });
  });

  test("a writer schema that ours cannot read is a reason, not an exception [schemas:codec-never-throws]", () => {
    const stranger: AvroRecord = { ...schemaOf("Halt"), fields: [] };
    const foreign: AvroRecord = { ...schemaOf("Halt"), namespace: "evil" };
    const reader = createCodec({
      ids: {
        idOf: ids.idOf,
        writers: new Map([
          [5, stranger],
          [6, foreign],
        ]),
      },
    });
    const reasons = [5, 6].map((id) => reader.decode(Buffer.of(0, 0, 0, 0, id, 0)));
    expect(reasons).toEqual([
      { ok: false, code: "BUSBAR_SCHEMA_INVALID", reason: expect.stringContaining("cannot be read by ours") as string },
      { ok: false, code: "BUSBAR_SCHEMA_INVALID", reason: "evil.Halt is none of our records" },
    ]);
  });
});
