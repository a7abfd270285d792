import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
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

  test("a frozen record that is laid out differently stays readable: it is bundled [schemas:frozen-compatible]", () => {
    const root = mkdtempSync(join(tmpdir(), "busbar-schemas-"));
    try {
      cpSync(SCHEMA_ROOT, root, { recursive: true });
      const path = join(root, "frozen", "0.1.0", "commands", "RequestJournal.avsc");
      const older = JSON.parse(readFileSync(path, "utf8")) as { fields: object[] };
      writeFileSync(path, JSON.stringify({ ...older, fields: older.fields.slice(0, 1) }));
      const [, bundle] = generate(root).values();
      const history = bundle
        ?.slice(bundle.indexOf("HISTORY"))
        .split("\n")
        .filter((line) => line.startsWith("  {"));
      expect(history).toEqual([
        expect.stringContaining('{"version":"0.1.0","schema":{"type":"record","name":"RequestJournal"'),
      ]);
    } finally {
      rmSync(root, { recursive: true });
    }
  });

  test("fields with personal or secret content are listed for redaction [schemas:generated-fresh]", () => {
    const [messages] = generate().values();
    const list = messages?.split("\n").find((line) => line.startsWith("export const SENSITIVE_FIELDS")) ?? "";
    for (const name of ["args", "result", "input", "output", "request", "response", "bytes"])
      expect(list).toContain(`"${name}"`);
    for (const name of ["chainId", "reason", "tool"]) expect(list).not.toContain(`"${name}"`);
  });

  test("each record has a family, a doc and meta first [schemas:lint]", () => {
    for (const { source } of sources.records) {
      expect([source.name, source.doc?.endsWith("."), source.fields[0]?.name]).toEqual([source.name, true, "meta"]);
    }
    expect(readFileSync(join(SCHEMA_ROOT, "meta.avsc"), "utf8")).toContain('"name": "streamSeq"');
  });
});
