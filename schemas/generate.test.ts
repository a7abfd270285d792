import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { incompatibilities } from "@busbar/events/codec";
import { FROZEN_ROOT, frozenVersions, generate, SCHEMA_ROOT, sourceProblems, staleFiles } from "./generate.ts";
import { loadSources } from "./load.ts";

const sources = loadSources(SCHEMA_ROOT);

describe("schema sources", () => {
  test("pass the lint, with unique names and built-in ids [schemas:lint]", () => {
    expect(sourceProblems(sources)).toEqual([]);
  });

  test("a source with a fault is named with its field [schemas:lint]", () => {
    const [first, ...rest] = sources.records;
    if (first === undefined) throw new Error("no sources");
    const flawed = { ...first, schema: { ...first.schema, fields: [{ name: "cost", type: "double" }] } };
    expect(sourceProblems({ ...sources, records: [flawed, ...rest, rest[0] ?? first] })).toEqual([
      expect.stringContaining("cost: no doc"),
      expect.stringContaining("cost: the sensitivity is one of"),
      expect.stringContaining("cost: floats are not allowed"),
      expect.stringContaining("its built-in id is also that of"),
      expect.stringContaining("the name is used twice"),
    ]);
  });

  test("the generated files are those of the sources [schemas:generated-fresh]", () => {
    expect(staleFiles()).toEqual([]);
    const [messages] = generate().values();
    expect(messages).toContain('export interface Halt {\n  readonly type: "Halt";\n');
    expect(messages).toContain('readonly outcome: "committed" | "not-done" | "unknown" | "UNKNOWN";');
    expect(messages).toContain("readonly claimCheck: ClaimCheck | null;");
  });

  test("are compatible, both ways, with every frozen version [schemas:frozen-compatible]", () => {
    const versions = frozenVersions();
    expect(versions).toContain("0.1.0");
    const past = versions.flatMap((version) =>
      loadSources(join(FROZEN_ROOT, version)).records.map(({ schema }) => ({ version, schema })),
    );
    expect(past.length).toBeGreaterThan(60);
    expect(
      incompatibilities(
        sources.records.map(({ schema }) => schema),
        past,
      ),
    ).toEqual([]);
  });

  test("each record has a family, a doc and meta first [schemas:lint]", () => {
    for (const { source } of sources.records) {
      expect([source.name, source.doc?.endsWith("."), source.fields[0]?.name]).toEqual([source.name, true, "meta"]);
    }
    expect(readFileSync(join(SCHEMA_ROOT, "meta.avsc"), "utf8")).toContain('"name": "streamSeq"');
  });
});
