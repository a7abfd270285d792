/**
 * Rule declared-deps: a package imports only what its own package.json declares. npm links every workspace into one
 * node_modules, so an undeclared import runs here and fails for whoever installs the package alone.
 * Tests may besides import what the root declares for development, and the testkit.
 */
import { existsSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join } from "node:path";
import { ROOT } from "../layers.ts";
import { type ImportRule, onImports } from "./on-imports.ts";

/** Tests, and the file of a package that its tests share. */
const TEST_SUPPORT = /(\.test|\/testing)\.ts$|\/test\//u;
const ROOT_TEST_TOOLS = new Set(["vitest", "fast-check", "@busbar/testkit"]);
const BUILTIN = new Set(builtinModules);
const manifests = new Map<string, ReadonlySet<string>>();

/** The package that a bare specifier belongs to; undefined for relative paths and Node's own modules. */
export function packageOf(specifier: string): string | undefined {
  if (/^(\.|\/|node:|#)/u.test(specifier) || BUILTIN.has(specifier)) return undefined;
  const parts = specifier.split("/");
  return parts.slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}

function nearestManifest(file: string): string | undefined {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    const path = join(folder, "package.json");
    if (existsSync(path)) return path;
  }
  return undefined;
}

function declaredIn(path: string): ReadonlySet<string> {
  const known = manifests.get(path);
  if (known !== undefined) return known;
  const manifest: Record<string, Record<string, string> | string | undefined> = JSON.parse(readFileSync(path, "utf8"));
  const sections = ["dependencies", "devDependencies", "peerDependencies", "optionalDependencies"].map(
    (name) => manifest[name] ?? {},
  );
  const own = typeof manifest["name"] === "string" ? [manifest["name"]] : [];
  const declared = new Set([...own, ...sections.flatMap((section) => Object.keys(section))]);
  manifests.set(path, declared);
  return declared;
}

/** The rule, for the local oxlint plugin. */
export const declaredDeps: ImportRule = onImports((specifier, file) => {
  const name = packageOf(specifier);
  const manifest = nearestManifest(file);
  if (name === undefined || manifest === undefined || declaredIn(manifest).has(name)) return undefined;
  if (TEST_SUPPORT.test(file) && ROOT_TEST_TOOLS.has(name)) return undefined;
  if (dirname(manifest) === ROOT && name.startsWith("@busbar/")) return undefined;
  return `${name} is not declared in ${manifest}`;
});
