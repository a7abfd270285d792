/**
 * The packages as they leave the repository. What a file imports is found by a lexer of its own, from the files of the
 * tarballs alone; the packer is not asked.
 */
import { execFileSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { init, parse } from "es-module-lexer";
import { afterAll, beforeAll, expect, test } from "vitest";
import { personEnv, ROOT } from "./shell.ts";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

interface Unpacked {
  readonly folder: string;
  readonly manifest: Manifest;
}

const BUILTIN = new Set([...builtinModules, ...builtinModules.map((name) => `node:${name}`)]);
let folder = "";
let packages: readonly Unpacked[] = [];

/** Packs, and unpacks each tarball into a folder of its own. */
function packAndUnpack(): readonly Unpacked[] {
  const env = personEnv();
  const args = [join(ROOT, "infra/pack/main.ts"), "pack", "--to", join(folder, "tarballs")];
  const tarballs = execFileSync(process.execPath, args, { encoding: "utf8", env }).trim().split("\n");
  return tarballs.map((tarball) => {
    const target = join(folder, basename(tarball, ".tgz"));
    mkdirSync(target);
    execFileSync("tar", ["-xzf", tarball, "-C", target, "--strip-components=1"]);
    const manifest: Manifest = JSON.parse(readFileSync(join(target, "package.json"), "utf8"));
    return { folder: target, manifest };
  });
}

beforeAll(async () => {
  await init;
  folder = mkdtempSync(join(tmpdir(), "busbar-packages-"));
  packages = packAndUnpack();
}, 60_000);

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** What a compiled file imports: `import`, `export from`, `import()` of a text, and what it resolves by name. */
function importsOf(file: string): readonly string[] {
  const text = readFileSync(file, "utf8");
  const [imports] = parse(text, file);
  const resolved = [...text.matchAll(/import\.meta\.resolve\("([^"]+)"\)/gu)].map(([, name = ""]) => name);
  return [...imports.flatMap(({ n }) => (n === undefined ? [] : [n])), ...resolved];
}

/** What a declaration names of other packages and files. */
const typesOf = (file: string): readonly string[] =>
  [...readFileSync(file, "utf8").matchAll(/\bfrom "([^"]+)";|\bimport\("([^"]+)"\)/gu)].map(
    ([, from, imported]) => from ?? imported ?? "",
  );

const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");

/** Why an import would fail for whoever has installed nothing but the package and what it declares. */
function fault({ folder, manifest }: Unpacked, file: string, specifier: string): string | null {
  if (BUILTIN.has(specifier)) return null;
  const where = `${manifest.name} ${relative(folder, file)}: ${specifier}`;
  if (!specifier.startsWith(".")) {
    const name = packageOf(specifier);
    return name === manifest.name || Object.hasOwn(manifest.dependencies, name) ? null : `${where} is not declared`;
  }
  const target = join(dirname(file), specifier);
  if (relative(folder, target).startsWith("..")) return `${where} lies outside of the package`;
  const isThere = existsSync(target) || existsSync(target.replace(/\.ts$/u, ".d.ts"));
  return isThere ? null : `${where} is not packed`;
}

const filesOf = (folder: string, pattern: string): readonly string[] =>
  globSync(pattern, { cwd: folder }).map((path) => join(folder, path));

test("a packed package imports nothing outside of itself and nothing that it does not declare [outside:packed-alone]", () => {
  expect(packages.length).toBeGreaterThanOrEqual(12);
  const faults = packages.flatMap((one) => {
    const compiled = filesOf(one.folder, "{dist,bin}/**/*.{js,mjs}").flatMap((file) =>
      importsOf(file).map((name) => fault(one, file, name)),
    );
    const types = filesOf(one.folder, "dist/**/*.d.ts").flatMap((file) =>
      typesOf(file).map((name) => fault(one, file, name)),
    );
    return [...compiled, ...types].filter((found) => found !== null);
  });
  expect(faults).toEqual([]);
  const all = packages.flatMap(({ folder }) => filesOf(folder, "dist/**/*.js").flatMap((file) => importsOf(file)));
  expect(all.length).toBeGreaterThan(500);
});

test("every entry of a packed package is JavaScript with its types and a map to a source that is there [outside:packed-alone]", () => {
  for (const { folder, manifest } of packages) {
    for (const { types, default: file } of Object.values(manifest.exports)) {
      expect(file).toMatch(/^\.\/dist\/.*\.js$/u);
      expect(existsSync(join(folder, types))).toBe(true);
      const map: { sources: string[] } = JSON.parse(readFileSync(join(folder, `${file}.map`), "utf8"));
      for (const source of map.sources) expect(existsSync(join(folder, dirname(file), source))).toBe(true);
    }
    for (const bin of Object.values(manifest.bin ?? {})) expect(existsSync(join(folder, bin))).toBe(true);
  }
});

test("what a package reads when it runs is packed with it, and no test is [outside:packed-alone]", () => {
  const packed = packages.flatMap(({ folder, manifest }) =>
    filesOf(folder, "**/*").map((file) => `${manifest.name}/${relative(folder, file)}`),
  );
  for (const file of ["kafka/pom.xml", "kafka/log4j2.properties", "registry/pom.xml", "docker-compose.yml"]) {
    expect(packed).toContain(`@busbar/infra/${file}`);
  }
  for (const file of ["busbar.yaml", "gitignore", "npmrc", "src/agents.ts"]) {
    expect(packed).toContain(`@busbar/cli/template/${file}`);
  }
  const tests = packed.filter((file) => /\.test\.|testing\.|test-broker/u.test(file) && !file.includes("/template/"));
  expect(tests).toEqual([]);
});

test("packages name each other at the one version that they have [outside:packed-alone]", () => {
  const versions = new Map(packages.map(({ manifest }) => [manifest.name, manifest.version]));
  for (const { manifest } of packages) {
    for (const [name, wanted] of Object.entries(manifest.dependencies)) {
      if (name.startsWith("@busbar/")) expect({ name, wanted }).toEqual({ name, wanted: versions.get(name) });
    }
  }
});
