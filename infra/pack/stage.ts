/**
 * Lays a package out as it is installed: compiled files of what its entries reach, their sources for debuggers, data.
 *
 * G1 Only what an entry reaches is shipped: no test, and nothing that only tests use.
 * G2 A map names the source that lies beside it in the package.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import {
  COMPILED_FOLDER,
  compiledOf,
  entriesOf,
  packedManifest,
  SOURCE_FOLDER,
  type SourceManifest,
} from "./manifest.ts";

export interface StageOptions {
  /** Root of the repository. */
  readonly root: string;
  /** Folder of the package, from the root. */
  readonly folder: string;
  readonly manifest: SourceManifest;
  /** Where the compiler wrote, laid out like the root. */
  readonly compiled: string;
  /** Files of the root that the package reads, and the LICENSE. */
  readonly rootFiles: readonly string[];
  /** Range of Node versions. */
  readonly node: string;
  /** The folder that becomes the package. */
  readonly target: string;
}

/** Relative paths that a compiled file imports; types are emitted with the extension of their source. */
const RELATIVE_IMPORT = /\b(?:from|import)\s*\(?\s*"(\.{1,2}\/[^"]+?)\.(?:ts|js)"/gu;

/** The sources that the entries reach, relative to the package. A type alone is reached through the declarations. */
function reachedSources(options: StageOptions): readonly string[] {
  const { root, folder, manifest, compiled } = options;
  const reached = new Set<string>();
  const queue = entriesOf(manifest).map((entry) => entry.replace(/^\.\//u, ""));
  for (let source = queue.pop(); source !== undefined; source = queue.pop()) {
    if (reached.has(source) || !existsSync(join(root, folder, source))) continue;
    reached.add(source);
    const stem = join(compiled, folder, source.slice(0, -".ts".length));
    const text = [".js", ".d.ts"].map((extension) => readFileSync(`${stem}${extension}`, "utf8")).join("\n");
    for (const [, path = ""] of text.matchAll(RELATIVE_IMPORT)) queue.push(`${join(dirname(source), path)}.ts`);
  }
  return [...reached].toSorted();
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** G2. */
function mapText(text: string, map: string, source: string): string {
  const parsed: Record<string, unknown> = JSON.parse(text);
  return JSON.stringify({ ...parsed, sourceRoot: "", sources: [relative(dirname(map), source)] });
}

function stageSource(options: StageOptions, source: string): void {
  const { root, folder, compiled, target } = options;
  write(join(target, source), readFileSync(join(root, folder, source), "utf8"));
  for (const extension of [".js", ".d.ts"] as const) {
    const from = join(compiled, folder, source.replace(/\.ts$/u, extension));
    const to = join(target, compiledOf(source, extension));
    write(to, readFileSync(from, "utf8"));
    write(`${to}.map`, mapText(readFileSync(`${from}.map`, "utf8"), `${to}.map`, join(target, source)));
  }
}

/** Writes the package into `target`, which must not exist. Throws for an entry that the compiler did not write. */
export function stagePackage(options: StageOptions): void {
  const { root, folder, manifest, rootFiles, node, target } = options;
  for (const source of reachedSources(options)) {
    if (!source.startsWith(`${SOURCE_FOLDER}/`)) throw new Error(`${folder}/${source} is outside of ${SOURCE_FOLDER}`);
    stageSource(options, source);
  }
  const packed = packedManifest(manifest, node);
  write(
    join(target, "package.json"),
    `${JSON.stringify({ ...packed, files: [...packed.files, ...rootFiles] }, null, 2)}\n`,
  );
  for (const file of [...(manifest.files ?? []), "README.md"]) {
    cpSync(join(root, folder, file), join(target, file), { recursive: true });
  }
  for (const file of rootFiles) cpSync(join(root, file), join(target, file));
  if (!existsSync(join(target, COMPILED_FOLDER))) throw new Error(`${folder} has no entry`);
}
