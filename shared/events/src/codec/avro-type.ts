/**
 * The one factory of avsc types: explicit union mode (a second branch must never change how values look), no record
 * methods, and decoded records that are plain objects.
 *
 * avsc compiles schemas to code, so only schemas that passed the lint come here.
 */
import avro from "avsc";
import { assert } from "@busbar/kernel";
import type { AvroRecord } from "../avro-schema.ts";

export type AvroType = avro.Type;
export type AvroResolver = ReturnType<AvroType["createResolver"]>;

/** Compiles a self-contained schema. Throws where avsc finds fault with it. */
export function avroType(schema: AvroRecord): AvroType {
  const type = avro.Type.forSchema(schema as unknown as avro.Schema, {
    wrapUnions: "never",
    omitRecordMethods: true,
    noAnonymousTypes: true,
    registry: {},
  });
  makePlain(type);
  return type;
}

/**
 * For this type and those within: `new Record()` of avsc yields objects whose prototype is that of a literal, and its
 * check for undeclared fields no longer takes `constructor` or `__proto__` for declared ones.
 */
function makePlain(type: AvroType): void {
  if (type instanceof avro.types.RecordType) {
    const constructor = type.recordConstructor as { prototype: object };
    constructor.prototype = Object.prototype;
    const declared: unknown = Reflect.get(type, "_fieldsByName");
    assert(typeof declared === "object" && declared !== null, "avsc 5.7.9 keeps its fields by name");
    Object.setPrototypeOf(declared, null);
    for (const field of type.fields) makePlain(field.type);
  } else if (type instanceof avro.types.ArrayType) {
    makePlain(type.itemsType);
  } else if (type instanceof avro.types.UnwrappedUnionType) {
    for (const branch of type.types) makePlain(branch);
  }
}
