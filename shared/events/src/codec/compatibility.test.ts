import { describe, expect, test } from "vitest";
import type { AvroField, AvroRecord } from "../avro-schema.ts";
import { MESSAGE_TYPES } from "../index.ts";
import { bundleIncompatibilities, incompatibilities, schemaOf } from "./index.ts";

const current = MESSAGE_TYPES.map(schemaOf);

/** Changes each field that can be changed this way; undefined where it cannot. */
type FieldChange = (field: AvroField) => AvroField | undefined;
const FIELD_CHANGES: Readonly<Record<string, FieldChange>> = {
  renamed: (field) => (field.default === undefined ? { ...field, name: `${field.name}2` } : undefined),
  "string to int": (field) => (field.type === "string" ? { ...field, type: "int", default: 0 } : undefined),
  "string to bytes": (field) => (field.type === "string" ? { name: field.name, type: "bytes" } : undefined),
  "bytes to string": (field) => (field.type === "bytes" ? { name: field.name, type: "string" } : undefined),
  "int to long": (field) => (field.type === "int" ? { ...field, type: "long" } : undefined),
  "long to int": (field) => (field.type === "long" ? { ...field, type: "int" } : undefined),
  "boolean to int": (field) => (field.type === "boolean" ? { name: field.name, type: "int" } : undefined),
  "made nullable": (field) => (field.type === "string" ? { name: field.name, type: ["null", "string"] } : undefined),
  "made a list": (field) =>
    field.type === "string" ? { name: field.name, type: { type: "array", items: "string" } } : undefined,
  "a value removed": (field) => (field.values === undefined ? undefined : { ...field, values: field.values.slice(1) }),
};

function withField(record: AvroRecord, index: number, field: AvroField): AvroRecord {
  return { ...record, fields: record.fields.map((old, i) => (i === index ? field : old)) };
}

function plantedBreaks(): readonly { readonly what: string; readonly schema: AvroRecord }[] {
  return current.flatMap((record) => {
    const changed = Object.entries(FIELD_CHANGES).flatMap(([how, change]) =>
      record.fields.flatMap((field, index) => {
        const other = change(field);
        return other === undefined
          ? []
          : [{ what: `${record.name}.${field.name} ${how}`, schema: withField(record, index, other) }];
      }),
    );
    const removed = record.fields
      .filter((field) => field.default === undefined)
      .map((gone) => ({
        what: `${record.name}.${gone.name} removed`,
        schema: { ...record, fields: record.fields.filter((field) => field !== gone) },
      }));
    const must: AvroField = { name: "must", type: "string" };
    return [
      ...changed,
      ...removed,
      { what: `${record.name} gains a field without default`, schema: { ...record, fields: [...record.fields, must] } },
      { what: `${record.name} renamed`, schema: { ...record, name: `${record.name}2` } },
      { what: `${record.name} moved`, schema: { ...record, namespace: "dev.busbar.other" } },
    ];
  });
}

describe("compatibility", () => {
  test("the schemas are compatible with themselves and with what is bundled [schemas:frozen-compatible]", () => {
    expect(
      incompatibilities(
        current,
        current.map((schema) => ({ version: "same", schema })),
      ),
    ).toEqual([]);
    expect(bundleIncompatibilities()).toEqual([]);
  });

  test("what evolution allows passes both ways [schemas:frozen-compatible]", () => {
    for (const schema of current) {
      const gained = { ...schema, fields: [...schema.fields, { name: "extra", type: "string", default: "" }] };
      const lost = { ...schema, fields: schema.fields.filter((field) => field.default === undefined) };
      const reworded = { ...schema, doc: "other", fields: schema.fields.toReversed() };
      for (const next of [gained, lost, reworded])
        expect(incompatibilities([next], [{ version: "1", schema }])).toEqual([]);
    }
  });

  test("every planted break is caught [schemas:frozen-compatible]", () => {
    const planted = plantedBreaks();
    expect(planted.length).toBeGreaterThan(500);
    const missed = planted.filter(({ schema }) => {
      const past = current.filter((record) => record.name === schema.name.replace(/2$/, ""));
      return (
        incompatibilities(
          [schema],
          past.map((record) => ({ version: "1", schema: record })),
        ).length === 0
      );
    });
    expect(missed.map(({ what }) => what)).toEqual([]);
  });

  test("a break within a shared type is caught [schemas:frozen-compatible]", () => {
    const halt = schemaOf("HaltAcknowledged");
    const index = halt.fields.findIndex((field) => field.name === "inFlight");
    const item: AvroRecord = {
      type: "record",
      name: "InFlight",
      namespace: "dev.busbar",
      fields: [{ name: "chainId", type: "string" }],
    };
    const broken = withField(halt, index, { name: "inFlight", type: { type: "array", items: item } });
    const reasons = incompatibilities([broken], [{ version: "1", schema: halt }]);
    expect(reasons.join()).toContain("1 cannot read what it writes");
  });
});
