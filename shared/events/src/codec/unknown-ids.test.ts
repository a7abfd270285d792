import { describe, expect, test } from "vitest";
import { avroType } from "./avro-type.ts";
import { builtinSchemaIds, type Codec, createCodec, type LookupAnswer, type LookupOptions, schemaOf } from "./index.ts";
import { META } from "./testing.ts";

const ids = builtinSchemaIds();
const message = { type: "RequestJournal" as const, meta: META, reason: "why" };
const wire = avroType(schemaOf("RequestJournal")).toBuffer(message);
const framed = (id: number): Buffer =>
  Buffer.concat([Buffer.of(0, id >>> 24, (id >>> 16) & 255, (id >>> 8) & 255, id & 255), wire]);

/** A codec whose registry answers as told, with a clock that stands still until it is moved. */
function withRegistry(answer: (id: number) => LookupAnswer, options: LookupOptions = {}) {
  const asked: number[] = [];
  const clock = { nowMs: 0 };
  const lookup = (id: number): Promise<LookupAnswer> => {
    asked.push(id);
    return Promise.resolve(answer(id));
  };
  const codec: Codec = createCodec({ ids, lookup, lookupOptions: { nowMs: () => clock.nowMs, ...options } });
  return { codec, asked, clock };
}

const found = (): LookupAnswer => ({ kind: "found", schema: schemaOf("RequestJournal") });
const absent = (): LookupAnswer => ({ kind: "absent" });

describe("unknown schema ids", () => {
  test("are looked up once; afterwards the same bytes decode [schemas:unknown-id]", async () => {
    const { codec, asked } = withRegistry(found);
    expect(codec.decode(framed(70), "command")).toMatchObject({ ok: false, code: "BUSBAR_SCHEMA_UNKNOWN" });
    expect(await Promise.all([codec.resolveUnknown(70), codec.resolveUnknown(70)])).toEqual([
      { ok: true },
      { ok: true },
    ]);
    expect(await codec.resolveUnknown(70)).toEqual({ ok: true });
    expect(codec.decode(framed(70), "command")).toStrictEqual({ ok: true, message });
    expect(asked).toEqual([70]);
  });

  test("that the registry does not know are remembered for a time [schemas:unknown-id]", async () => {
    const { codec, asked, clock } = withRegistry(absent, { negativeTtlMs: 1000 });
    for (let i = 0; i < 50; i++)
      expect(await codec.resolveUnknown(70)).toMatchObject({ ok: false, code: "BUSBAR_SCHEMA_UNKNOWN" });
    expect(asked).toEqual([70]);
    clock.nowMs = 1000;
    await codec.resolveUnknown(70);
    expect(asked).toEqual([70, 70]);
  });

  test("never become more requests than the bucket holds [schemas:unknown-id]", async () => {
    const { codec, asked, clock } = withRegistry(absent, { perSecond: 2, burst: 3 });
    const answers = [];
    for (let id = 1; id <= 10; id++) answers.push(await codec.resolveUnknown(id));
    expect(asked).toEqual([1, 2, 3]);
    expect(answers[9]).toMatchObject({ ok: false, code: "BUSBAR_REGISTRY_UNAVAILABLE" });
    clock.nowMs = 500;
    await codec.resolveUnknown(11);
    await codec.resolveUnknown(12);
    clock.nowMs = -10_000;
    await codec.resolveUnknown(13);
    clock.nowMs = -9500;
    await codec.resolveUnknown(14);
    expect(asked).toEqual([1, 2, 3, 11, 14]);
  });

  test("that no registry gives out are not asked for [schemas:unknown-id]", async () => {
    const { codec, asked } = withRegistry(found);
    for (const id of [0, -1, 1.5, Number.NaN, 0x4000_0000, 0x7fff_ffff]) {
      expect(await codec.resolveUnknown(id)).toMatchObject({ ok: false, code: "BUSBAR_SCHEMA_UNKNOWN" });
    }
    expect(asked).toEqual([]);
    expect(await createCodec({ ids }).resolveUnknown(70)).toMatchObject({
      ok: false,
      reason: "no registry is configured",
    });
  });

  test("of a schema that is not ours or not fit are refused and remembered [schemas:unknown-id] [schemas:lint]", async () => {
    const bomb = {
      type: "record",
      name: "RequestJournal",
      namespace: "dev.busbar.commands",
      fields: [{ name: "a", type: { type: "array", items: "null" } }],
    };
    const stranger = { ...schemaOf("RequestJournal"), namespace: "evil" };
    const unreadable = { ...schemaOf("RequestJournal"), fields: [{ name: "a", type: "string" }] };
    const schemas: readonly unknown[] = [bomb, stranger, unreadable, "string", null];
    const { codec, asked } = withRegistry((id) => ({ kind: "found", schema: schemas[id - 1] }));
    const reasons = ["size zero", "none of our records", "cannot be read", "must be a record", "must be a record"];
    for (const [index, reason] of reasons.entries()) {
      const answer = { ok: false, code: "BUSBAR_SCHEMA_UNKNOWN", reason: expect.stringContaining(reason) as string };
      expect(await codec.resolveUnknown(index + 1)).toEqual(answer);
      expect(await codec.resolveUnknown(index + 1)).toEqual(answer);
      expect(codec.decode(framed(index + 1))).toMatchObject({ ok: false, code: "BUSBAR_SCHEMA_UNKNOWN" });
    }
    expect(asked).toEqual([1, 2, 3, 4, 5]);
  });

  test("stay open while the registry is away [schemas:unknown-id]", async () => {
    let away = true;
    const { codec, asked } = withRegistry(() => (away ? { kind: "unavailable", reason: "refused" } : found()));
    expect(await codec.resolveUnknown(70)).toEqual({
      ok: false,
      code: "BUSBAR_REGISTRY_UNAVAILABLE",
      reason: "refused",
    });
    away = false;
    expect(await codec.resolveUnknown(70)).toEqual({ ok: true });
    expect(asked).toEqual([70, 70]);
  });

  test("are learned up to a bound [schemas:unknown-id]", async () => {
    const { codec, asked } = withRegistry(found, { capacity: 2 });
    for (const id of [1, 2, 3]) await codec.resolveUnknown(id);
    expect(asked).toEqual([1, 2]);
    expect(await codec.resolveUnknown(3)).toMatchObject({ ok: false, code: "BUSBAR_SCHEMA_UNKNOWN" });
  });

  test("a lookup that rejects is an answer too [schemas:codec-never-throws]", async () => {
    const codec = createCodec({ ids, lookup: () => Promise.reject(new Error("broken")) });
    expect(await codec.resolveUnknown(70)).toEqual({
      ok: false,
      code: "BUSBAR_REGISTRY_UNAVAILABLE",
      reason: "broken",
    });
  });
});
