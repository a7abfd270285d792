/**
 * Checks the schema sources and writes what is generated from them.
 *
 *   node schemas/generate.ts                    write the folders `generated` of shared/events and shared/agent
 *   node schemas/generate.ts --check            write nothing; exit 1 when the generated files are stale
 *   node schemas/generate.ts --freeze <version> copy the sources to schemas/frozen/<version>, which never changes again
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { builtinSchemaId } from "../shared/events/src/avro-schema.ts";
import { lintSchema } from "../shared/events/src/schema-lint.ts";
import { type BundledHistory, bundleText, messagesText, projectSchemaText } from "./emit.ts";
import { loadSources, type Sources, sourceFiles } from "./load.ts";

export const SCHEMA_ROOT = dirname(fileURLToPath(import.meta.url));
export const FROZEN_ROOT = join(SCHEMA_ROOT, "frozen");
const generatedFolder = (owner: string): string => join(SCHEMA_ROOT, "..", "shared", owner, "src", "generated");
const PROJECT_SCHEMA = join(SCHEMA_ROOT, "policy", "busbar.schema.json");

/** Frozen versions of a schema folder, oldest first. */
export function frozenVersions(root: string = SCHEMA_ROOT): readonly string[] {
  const frozen = join(root, "frozen");
  if (!existsSync(frozen)) return [];
  return readdirSync(frozen).toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }));
}

/** Problems of all sources: the lint's, and what only shows across files. */
export function sourceProblems(sources: Sources): readonly string[] {
  const ids = new Map<number, string>();
  const names = new Set<string>();
  return sources.records.flatMap(({ schema }) => {
    const problems = lintSchema(schema, "authored").map((problem) => `${schema.name}: ${problem}`);
    const id = builtinSchemaId(schema);
    const other = ids.get(id);
    if (other !== undefined) problems.push(`${schema.name}: its built-in id is also that of ${other}`);
    if (names.has(schema.name)) problems.push(`${schema.name}: the name is used twice`);
    ids.set(id, schema.name);
    names.add(schema.name);
    return problems;
  });
}

/** Frozen schemas that today's bytes no longer look like; readers still have to know them. */
function history(root: string, sources: Sources): readonly BundledHistory[] {
  const known = new Set(sources.records.map(({ schema }) => builtinSchemaId(schema)));
  const found: BundledHistory[] = [];
  for (const version of frozenVersions(root)) {
    for (const { schema } of loadSources(join(root, "frozen", version)).records) {
      const id = builtinSchemaId(schema);
      if (!known.has(id)) found.push({ version, schema });
      known.add(id);
    }
  }
  return found;
}

/** Path -> text of each generated file. Throws with all problems when the sources have any. */
export function generate(root: string = SCHEMA_ROOT): ReadonlyMap<string, string> {
  const sources = loadSources(root);
  const problems = sourceProblems(sources);
  if (problems.length > 0) throw new Error(`schemas:\n  ${problems.join("\n  ")}`);
  return new Map([
    [join(generatedFolder("events"), "messages.ts"), messagesText(sources)],
    [join(generatedFolder("events"), "bundle.ts"), bundleText(sources, history(root, sources))],
    [join(generatedFolder("agent"), "project-schema.ts"), projectSchemaText(readFileSync(PROJECT_SCHEMA, "utf8"))],
  ]);
}

/** Paths of generated files that are missing or differ from what the sources say. */
export function staleFiles(): readonly string[] {
  return [...generate()]
    .filter(([path, text]) => !existsSync(path) || readFileSync(path, "utf8") !== text)
    .map(([path]) => path);
}

function freeze(version: string): void {
  const target = join(FROZEN_ROOT, version);
  if (existsSync(target)) throw new Error(`schemas/frozen/${version} exists; a frozen version never changes`);
  for (const file of sourceFiles(SCHEMA_ROOT)) cpSync(join(SCHEMA_ROOT, file), join(target, file), { recursive: true });
}

function main(args: readonly string[]): number {
  const [option, value] = args;
  if (option === "--check") {
    const stale = staleFiles();
    for (const path of stale) process.stderr.write(`stale: ${path}\n  next: node schemas/generate.ts\n`);
    return stale.length === 0 ? 0 : 1;
  }
  if (option === "--freeze" && value !== undefined && /^\d+\.\d+\.\d+$/.test(value)) freeze(value);
  else if (option !== undefined) {
    process.stderr.write("usage: node schemas/generate.ts [--check | --freeze <version>]\n");
    return 2;
  }
  for (const [path, text] of generate()) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return 0;
}

if (import.meta.main) {
  try {
    process.exitCode = main(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
