/**
 * What of a package.json changes when its package leaves the repository: entries that name a source name its compiled
 * file, and what holds only here goes. Pure; which packages leave is found from what they declare.
 */

/** An entry of `exports` or `bin` by its name: a path in the package. */
export type Entries = Readonly<Record<string, string>>;

/** A package.json of this repository, as far as packing looks at it. */
export interface SourceManifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly type: string;
  readonly exports: Entries;
  readonly bin?: Entries;
  /** Files and folders of the package that are shipped as they are: data, templates. */
  readonly files?: readonly string[];
  readonly dependencies?: Entries;
  /** What takes the place of the fields above in the packed package. */
  readonly publishConfig?: { readonly exports?: Entries; readonly bin?: Entries };
}

export interface PackedEntry {
  readonly types: string;
  readonly default: string;
}

export interface PackedManifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly type: string;
  readonly engines: { readonly node: string };
  readonly exports: Readonly<Record<string, PackedEntry>>;
  readonly bin?: Entries;
  readonly files: readonly string[];
  readonly dependencies: Entries;
}

export const SOURCE_FOLDER = "src";
export const COMPILED_FOLDER = "dist";

/** The compiled file of a source, both relative to their package: `./src/a.ts` is `./dist/a.js`. */
export function compiledOf(source: string, extension: ".js" | ".d.ts"): string {
  return source.replace(`${SOURCE_FOLDER}/`, `${COMPILED_FOLDER}/`).replace(/\.ts$/u, extension);
}

/** The sources that a packed package is entered by. */
export function entriesOf(manifest: SourceManifest): readonly string[] {
  return Object.values(manifest.publishConfig?.exports ?? manifest.exports);
}

/** The manifest of the packed package. `node` is the range of versions that it runs on. */
export function packedManifest(manifest: SourceManifest, node: string): PackedManifest {
  const { name, version, description, license, type, files = [], dependencies = {}, publishConfig = {} } = manifest;
  const exported = Object.entries(publishConfig.exports ?? manifest.exports);
  const bin = publishConfig.bin ?? manifest.bin;
  return {
    name,
    version,
    description,
    license,
    type,
    engines: { node },
    exports: Object.fromEntries(
      exported.map(([entry, source]) => [
        entry,
        { types: compiledOf(source, ".d.ts"), default: compiledOf(source, ".js") },
      ]),
    ),
    ...(bin === undefined ? {} : { bin }),
    files: [COMPILED_FOLDER, SOURCE_FOLDER, ...files],
    dependencies,
  };
}

/** The packages that `roots` need, themselves included, in the order of their names. Throws for one that is not there. */
export function closureOf(
  roots: readonly string[],
  manifests: ReadonlyMap<string, SourceManifest>,
): readonly SourceManifest[] {
  const found = new Map<string, SourceManifest>();
  const queue = [...roots];
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    if (found.has(name)) continue;
    const manifest = manifests.get(name);
    if (manifest === undefined) throw new Error(`${name} is no package of this repository`);
    found.set(name, manifest);
    queue.push(...Object.keys(manifest.dependencies ?? {}).filter((dependency) => manifests.has(dependency)));
  }
  return [...found.values()].toSorted((a, b) => a.name.localeCompare(b.name, "en"));
}
