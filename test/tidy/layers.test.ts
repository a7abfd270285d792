import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { expect, test } from "vitest";
import { LAYERS, ROOT } from "./layers.ts";
import { repositoryFiles, textOf } from "./repository.ts";

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const manifestOf = (folder: string): Manifest => {
  const manifest: Manifest = JSON.parse(textOf(`${folder}/package.json`));
  return manifest;
};

const siblingsOf = (folder: string): readonly string[] =>
  Object.keys(manifestOf(folder).dependencies ?? {})
    .filter((name) => name.startsWith("@busbar/"))
    .map((name) => name.slice("@busbar/".length));

const packages = Object.entries(LAYERS).filter(([, { folder }]) => existsSync(join(ROOT, folder, "package.json")));

test("each package has a layer, and each layer its folder [toolchain:layers]", () => {
  const folders = repositoryFiles()
    .filter((path) => /^[^/]+(\/[^/]+)?\/package\.json$/u.test(path))
    .map((path) => path.slice(0, -"/package.json".length));
  expect(folders.toSorted()).toEqual(packages.map(([, { folder }]) => folder).toSorted());
  for (const [name, { folder }] of packages) expect(manifestOf(folder).name).toBe(`@busbar/${name}`);
  expect(Object.values(LAYERS).filter(({ folder }) => !existsSync(join(ROOT, folder)))).toEqual([]);
});

test("a package declares only what its layer may import [toolchain:layers]", () => {
  const wrong = packages.flatMap(([name, { folder, may }]) =>
    siblingsOf(folder)
      .filter((sibling) => !may.includes(sibling))
      .map((sibling) => `${name} -> ${sibling}`),
  );
  expect(wrong).toEqual([]);
});

test("the layers have no cycle [toolchain:layers]", () => {
  const reach = (name: string, path: readonly string[]): readonly string[] =>
    path.includes(name)
      ? [[...path, name].join(" -> ")]
      : (LAYERS[name]?.may ?? []).flatMap((next) => reach(next, [...path, name]));
  expect(Object.keys(LAYERS).flatMap((name) => reach(name, []))).toEqual([]);
});

test("the compiler's references of a package are what it declares [toolchain:layers]", () => {
  for (const [, { folder }] of packages) {
    const configs = repositoryFiles().filter((path) => path.startsWith(`${folder}/tsconfig`));
    const referred = configs.flatMap((path) => referencesOf(path)).filter((target) => target !== folder);
    const declared = siblingsOf(folder).map((sibling) => LAYERS[sibling]?.folder ?? sibling);
    expect([...new Set(referred)].toSorted(), folder).toEqual(declared.toSorted());
  }
});

/** The package folders that a tsconfig refers to. */
function referencesOf(path: string): readonly string[] {
  const { references = [] }: { references?: readonly { path: string }[] } = JSON.parse(textOf(path));
  return references.map((reference) => {
    const target = relative(ROOT, resolve(ROOT, path, "..", reference.path));
    return target.replace(/\/?tsconfig[^/]*\.json$/u, "");
  });
}
