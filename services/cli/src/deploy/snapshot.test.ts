import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { codeBehind, type Edge } from "./loaded-files.ts";
import { type AgentCode, assertSnapshot, digestOfSnapshot, readCode, writeSnapshot } from "./snapshot.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "busbar-snapshot-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const url = (...path: readonly string[]): string => pathToFileURL(join(folder, ...path)).href;

/** A project of two own files, a file that nobody imports, and a package. */
function project(name: string): { readonly entry: string; readonly edges: readonly Edge[] } {
  mkdirSync(join(folder, name, "lib"), { recursive: true });
  mkdirSync(join(folder, name, "node_modules/left-pad"), { recursive: true });
  writeFileSync(join(folder, name, "package.json"), '{ "name": "mine", "type": "module" }');
  writeFileSync(join(folder, name, "agent.js"), 'import "./lib/prices.js"; import "left-pad";');
  writeFileSync(join(folder, name, "lib/prices.js"), "export const price = 3;");
  writeFileSync(join(folder, name, "notes.txt"), "nothing");
  const pad = join(folder, name, "node_modules/left-pad");
  writeFileSync(join(pad, "package.json"), '{ "name": "left-pad", "version": "1.3.0" }');
  writeFileSync(join(pad, "index.js"), 'import "./deep.js";');
  const parent = url(name, "agent.js");
  const edges = [
    { parent: "", specifier: parent, url: parent },
    { parent, specifier: "./lib/prices.js", url: url(name, "lib/prices.js") },
    { parent, specifier: "left-pad", url: url(name, "node_modules/left-pad/index.js") },
    { parent, specifier: "node:fs", url: "node:fs" },
    {
      parent: url(name, "node_modules/left-pad/index.js"),
      specifier: "./deep.js",
      url: url(name, "node_modules/left-pad/deep.js"),
    },
  ];
  return { entry: join(folder, name, "agent.js"), edges };
}

function codeOf(name: string): AgentCode {
  const { entry, edges } = project(name);
  return readCode([entry], codeBehind([entry], edges));
}

describe("the code of an agent", () => {
  it("is what its modules import by relative names, and the packages at its edge [deploy:code-digest]", () => {
    const { files, packages, entries } = codeOf("a");
    expect(Object.keys(files)).toEqual(["agent.js", "lib/prices.js"]);
    expect(packages).toEqual(["left-pad@1.3.0"]);
    expect(entries).toEqual(["agent.js"]);
  });

  it("has one digest wherever it lies, and another after any change of it [deploy:code-digest]", () => {
    const { digest } = codeOf("a");
    expect(codeOf("somewhere-else").digest).toBe(digest);
    const { entry, edges } = project("a");
    const again = (): string => readCode([entry], codeBehind([entry], edges)).digest;
    writeFileSync(join(folder, "a/notes.txt"), "changed, and no part of it");
    expect(again()).toBe(digest);
    writeFileSync(join(folder, "a/lib/prices.js"), "export const price = 4;");
    const changed = again();
    expect(changed).not.toBe(digest);
    writeFileSync(join(folder, "a/node_modules/left-pad/package.json"), '{ "name": "left-pad", "version": "2.0.0" }');
    expect([digest, changed]).not.toContain(again());
  });
});

describe("a version on disk", () => {
  it("is the code as it was deployed, whatever becomes of the folder [deploy:code-digest]", () => {
    const code = codeOf("a");
    const kept = join(folder, "kept");
    writeSnapshot({ folder: kept, code, agents: ["one", "two"] });
    writeFileSync(join(folder, "a/agent.js"), "throw new Error('edited');");
    expect(readFileSync(join(kept, "files/agent.js"), "utf8")).toContain("left-pad");
    expect(readFileSync(join(kept, "node_modules/left-pad/index.js"), "utf8")).toContain("deep");
    expect(JSON.parse(readFileSync(join(kept, "busbar.yaml"), "utf8"))).toEqual({
      version: 1,
      modules: { agents: ["./files/agent.js"] },
      agents: { one: {}, two: {} },
    });
    expect(digestOfSnapshot(kept)).toBe(code.digest);
    expect(() => assertSnapshot(kept, "one", "1", code.digest)).not.toThrow();
  });

  it("that was changed, or is gone, is refused with what to type next [deploy:code-digest]", () => {
    const code = codeOf("a");
    const kept = join(folder, "kept");
    writeSnapshot({ folder: kept, code, agents: ["one"] });
    writeFileSync(join(kept, "files/lib/prices.js"), "export const price = 0;");
    const refused = expect.objectContaining({ code: "BUSBAR_DEPLOY_REFUSED" }) as unknown;
    expect(() => assertSnapshot(kept, "one", "1", code.digest)).toThrow(refused as Error);
    cpSync(kept, join(folder, "less"), { recursive: true });
    rmSync(join(folder, "less/files/agent.js"));
    expect(digestOfSnapshot(join(folder, "less"))).toBeNull();
    expect(() => assertSnapshot(join(folder, "none"), "one", "1", code.digest)).toThrow("its code is not in");
  });
});
