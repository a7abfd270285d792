import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LAYERS, ROOT } from "./layers.ts";
import { siblingsOf, staleConfigs } from "./references.ts";
import { repositoryFiles, textOf } from "./repository.ts";

interface Manifest {
  readonly name: string;
}

const manifestOf = (folder: string): Manifest => {
  const manifest: Manifest = JSON.parse(textOf(`${folder}/package.json`));
  return manifest;
};

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
      .filter((sibling) => !may.some((each) => LAYERS[each]?.folder === sibling))
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

test("the compiler's references of a package are what it declares; else npm run gen [toolchain:layers]", () => {
  expect(staleConfigs().map(({ path }) => path)).toEqual([]);
});
