import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { closureOf, packedManifest, type SourceManifest } from "./manifest.ts";
import { stagePackage } from "./stage.ts";

const manifest = (more: Partial<SourceManifest> = {}): SourceManifest => ({
  name: "@x/a",
  version: "1.0.0",
  description: "a",
  license: "Apache-2.0",
  type: "module",
  exports: { ".": "./src/index.ts" },
  ...more,
});

describe("the manifest of a packed package", () => {
  it("names compiled files, and nothing that holds only in the repository [outside:packed-alone]", () => {
    const source = manifest({
      exports: { ".": "./src/index.ts", "./sub": "./src/sub/index.ts" },
      bin: { x: "./bin/clone.mjs" },
      files: ["data"],
      dependencies: { yaml: "2.0.0" },
      publishConfig: { bin: { x: "./bin/installed.mjs" } },
    });
    expect(packedManifest({ ...source, private: true } as SourceManifest, ">=22.22")).toEqual({
      name: "@x/a",
      version: "1.0.0",
      description: "a",
      license: "Apache-2.0",
      type: "module",
      engines: { node: ">=22.22" },
      exports: {
        ".": { types: "./dist/index.d.ts", default: "./dist/index.js" },
        "./sub": { types: "./dist/sub/index.d.ts", default: "./dist/sub/index.js" },
      },
      bin: { x: "./bin/installed.mjs" },
      files: ["dist", "src", "data"],
      dependencies: { yaml: "2.0.0" },
    });
  });

  it("is made for everything that the roots need, and for nothing else", () => {
    const all = [
      manifest({ name: "@x/a", dependencies: { "@x/b": "1.0.0", yaml: "2.0.0" } }),
      manifest({ name: "@x/b", dependencies: { "@x/c": "1.0.0" } }),
      manifest({ name: "@x/c", dependencies: { "@x/a": "1.0.0" } }),
      manifest({ name: "@x/d" }),
    ];
    const known = new Map(all.map((one) => [one.name, one]));
    expect(closureOf(["@x/a"], known).map(({ name }) => name)).toEqual(["@x/a", "@x/b", "@x/c"]);
    expect(() => closureOf(["@x/z"], known)).toThrow(/@x\/z/u);
  });
});

describe("a package that is laid out", () => {
  let root: string;
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  /** A source and what the compiler would have made of it. */
  const source = (name: string, js: string, types = js): void => {
    put(`shared/a/src/${name}.ts`, js);
    put(`build/shared/a/src/${name}.js`, js.replaceAll(".ts", ".js"));
    put(`build/shared/a/src/${name}.d.ts`, types);
    for (const kind of ["js", "d.ts"]) put(`build/shared/a/src/${name}.${kind}.map`, '{"sources":["../x.ts"]}');
  };
  const stage = (given: SourceManifest): readonly string[] => {
    const target = join(root, "out");
    const common = { folder: "shared/a", compiled: join(root, "build"), rootFiles: ["LICENSE"], node: ">=22.22" };
    stagePackage({ root, manifest: given, target, ...common });
    return globSync("**/*.*", { cwd: target }).toSorted();
  };
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "busbar-pack-"));
    put("LICENSE", "");
    put("shared/a/README.md", "");
    put("shared/a/data/rows.json", "[]");
  });
  afterEach(() => {
    rmSync(root, { recursive: true, force: true });
  });

  it("has what its entries reach, types too, and neither tests nor their support [outside:packed-alone]", () => {
    source("index", 'import { x } from "./deep/x.ts";', 'import type { Y } from "./y.ts";');
    source("deep/x", 'export * from "../z.ts";');
    source("y", "export {};");
    source("z", "export {};");
    source("index.test", 'import "./testing.ts";');
    source("testing", "export {};");
    const files = stage(manifest({ files: ["data"] }));
    expect(files.filter((file) => file.endsWith(".js"))).toEqual(
      ["deep/x", "index", "y", "z"].map((one) => `dist/${one}.js`),
    );
    expect(files).toEqual(expect.arrayContaining(["data/rows.json", "README.md", "src/deep/x.ts", "dist/y.d.ts"]));
    expect(files.join()).not.toContain("test");
    const map = JSON.parse(readFileSync(join(root, "out/dist/deep/x.js.map"), "utf8")) as { sources: string[] };
    expect(map.sources).toEqual(["../../src/deep/x.ts"]);
    expect(existsSync(join(root, "out/dist/deep", map.sources[0] ?? ""))).toBe(true);
  });

  it("that reaches a file outside of its sources is refused [outside:packed-alone]", () => {
    source("index", 'import rows from "../other.ts";');
    put("shared/a/other.ts", "");
    for (const kind of [".js", ".d.ts"]) put(`build/shared/a/other${kind}`, "");
    expect(() => stage(manifest())).toThrow("shared/a/other.ts is outside of src");
  });
});
