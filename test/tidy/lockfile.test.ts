import { expect, test } from "vitest";
import { LAYERS } from "./layers.ts";
import { missingOptional, platformEntry, readLockedPackages } from "./lockfile.ts";
import { repositoryFiles, textOf } from "./repository.ts";

const packages = readLockedPackages();

test("the lockfile holds every optional package it names; else run node test/tidy/lockfile.ts [toolchain:install-when-stale]", () => {
  expect(missingOptional(packages).map(({ name }) => name)).toEqual([]);
});

test("the lockfile knows what each package declares [toolchain:install-when-stale]", () => {
  const folders = Object.values(LAYERS).map(({ folder }) => folder);
  const manifests = ["", ...folders].map((folder) => ({
    folder,
    path: folder === "" ? "package.json" : `${folder}/package.json`,
  }));
  for (const { folder, path } of manifests.filter((each) => repositoryFiles().includes(each.path))) {
    const manifest: Record<string, unknown> = JSON.parse(textOf(path));
    for (const section of ["dependencies", "devDependencies", "optionalDependencies"] as const) {
      expect(packages[folder]?.[section] ?? {}, `${path} ${section}`).toEqual(manifest[section] ?? {});
    }
  }
});

test("a platform package that is missing is found, and its platform is read from its name [toolchain:install-when-stale]", () => {
  const wantedBy = {
    dev: true,
    license: "MIT",
    optionalDependencies: { "@x/binding-linux-arm-musleabihf": "1.0.0", "@x/here": "1.0.0" },
  };
  const missing = missingOptional({ "node_modules/x": wantedBy, "node_modules/@x/here": { version: "1.0.0" } });
  expect(missing).toEqual([{ name: "@x/binding-linux-arm-musleabihf", version: "1.0.0", wantedBy }]);
  expect(missing.map(platformEntry)).toEqual([
    { version: "1.0.0", cpu: ["arm"], dev: true, libc: ["musl"], license: "MIT", optional: true, os: ["linux"] },
  ]);
  expect(platformEntry({ name: "@x/binding-wasm32-wasi", version: "1.0.0", wantedBy: {} })).toEqual({
    version: "1.0.0",
    cpu: ["wasm32"],
    optional: true,
  });
});
