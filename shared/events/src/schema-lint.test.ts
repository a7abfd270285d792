import { describe, expect, test } from "vitest";
import { lintSchema } from "./schema-lint.ts";

const field = (type: unknown, extra: object = {}): object => ({
  name: "value",
  type,
  doc: "d",
  sensitivity: "public",
  ...extra,
});
const record = (...fields: readonly object[]): object => ({ type: "record", name: "R", namespace: "t", fields });

/** Problems of a record with one field of this type. */
const shape = (type: unknown): readonly string[] => lintSchema(record(field(type)), "shape");
const inner = (fields: readonly object[], name = "I"): object => ({ type: "record", name, namespace: "t", fields });

describe("the schema lint", () => {
  test("lets through what the bus uses [schemas:lint]", () => {
    const nested = inner([field("string")]);
    const types = ["string", "int", "boolean", "bytes", { type: "string" }, ["null", "string"], ["null", nested]];
    for (const type of types) expect(shape(type)).toEqual([]);
    expect(shape({ type: "array", items: "string" })).toEqual([]);
    expect(shape({ type: "enum", name: "E", symbols: ["A", "UNKNOWN"], default: "UNKNOWN" })).toEqual([]);
    expect(lintSchema(record(field("long", { name: "atMs" })), "shape")).toEqual([]);
    expect(lintSchema(record({ ...field(nested), name: "a" }, { ...field("t.I"), name: "b" }), "authored")).toEqual([]);
  });

  test.each([
    ["a union of two records", [inner([field("int")]), inner([field("int")], "J")], "only union"],
    ["a union with a second number", ["null", "int", "long"], "only union"],
    ["a union with null last", ["string", "null"], "only union"],
    ["a map", { type: "map", values: "string" }, "maps"],
    ["a float", "float", "floats"],
    ["a double", { type: "double" }, "floats"],
    ["a long that is no time", "long", "long holds a time"],
    ["a logical type", { type: "long", logicalType: "timestamp-millis" }, "logical"],
    ["a fixed", { type: "fixed", name: "F", size: 4 }, "fixed"],
    ["items of type null", { type: "array", items: "null" }, "size zero"],
    ["items that are empty records", { type: "array", items: inner([]) }, "size zero"],
    ["items that are records of nulls", { type: "array", items: inner([field("null")]) }, "size zero"],
    ["an enum without default", { type: "enum", name: "E", symbols: ["A", "UNKNOWN"] }, "UNKNOWN"],
    ["an enum with another default", { type: "enum", name: "E", symbols: ["A", "UNKNOWN"], default: "A" }, "UNKNOWN"],
    ["recursion", inner([{ name: "next", type: ["null", "t.I"] }]), "recursive"],
    ["recursion by a short name", inner([{ name: "next", type: { type: "array", items: "I" } }]), "recursive"],
    ["an unknown type", "t.Nowhere", "unknown type"],
    ["a field named __proto__", inner([{ ...field("int"), name: "__proto__" }]), "simple name"],
    ["a field named constructor", inner([{ ...field("int"), name: "constructor" }]), "simple name"],
    ["a field whose name is code", inner([{ ...field("int"), name: "a;process.exit()" }]), "simple name"],
    ["a record whose name is code", inner([field("int")], "R(){}//"), "needs a name"],
    ["a field twice", inner([field("int"), field("int")]), "twice"],
    ["a type twice", { type: "array", items: { ...inner([field("int")]), name: "R" } }, "twice"],
    ["no type", undefined, "no type"],
    ["a number for a type", 7, "no type"],
  ])("refuses %s [schemas:lint]", (_, type, problem) => {
    expect(shape(type).join("\n")).toContain(problem);
  });

  test("refuses what is nested too deeply or too large, in bounded time [schemas:lint]", () => {
    let deep: unknown = "string";
    for (let i = 0; i < 5000; i++) deep = { type: "array", items: deep };
    expect(shape(deep).join()).toContain("too deeply");
    const wide = record(...Array.from({ length: 100_000 }, (_, i) => ({ ...field("string"), name: `f${i}` })));
    expect(lintSchema(wide, "shape")).toEqual(["schema: too many fields"]);
  });

  test("refuses what is no record at all [schemas:lint]", () => {
    for (const schema of [null, undefined, "string", [], {}, { type: "enum" }, { type: "array", items: "string" }]) {
      expect(lintSchema(schema, "shape")).toEqual(["schema: the root must be a record"]);
    }
    expect(lintSchema({ type: "record", name: "R" }, "shape").join()).toContain("needs fields");
  });

  test("a message cannot have a field of the name of its own discriminant [schemas:lint]", () => {
    expect(lintSchema(record({ ...field("string"), name: "type" }), "shape").join()).toContain("taken");
  });

  test("our own sources say what a field means and how sensitive it is [schemas:lint]", () => {
    const flawed = (extra: object): string => lintSchema(record(field("string", extra)), "authored").join();
    expect(flawed({ doc: " " })).toContain("no doc");
    expect(flawed({ sensitivity: "whatever" })).toContain("sensitivity");
    expect(flawed({ values: [] })).toContain("values");
    expect(flawed({ values: ["a", "UNKNOWN"] })).toContain("values");
    expect(flawed({ values: ["a"] })).toBe("");
    const nested = { type: "array", items: inner([{ name: "value", type: "string" }]) };
    expect(lintSchema(record(field(nested)), "authored").join()).toContain("value[].value: no doc");
  });
});
