/**
 * Rule package-entry: a package reaches another one by its name, never by a relative path into its folder.
 * Folders without a package.json of their own (schemas) are reached by path.
 */
import { existsSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { ROOT } from "../layers.ts";
import { type ImportRule, onImports } from "./on-imports.ts";

/** The folder of the package that a file lies in; undefined where that is the root. */
export function packageFolder(file: string): string | undefined {
  for (let folder = dirname(file); folder !== ROOT && folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) return folder;
  }
  return undefined;
}

/** The rule, for the local oxlint plugin. */
export const packageEntry: ImportRule = onImports((specifier, file) => {
  if (!specifier.startsWith(".")) return undefined;
  const from = packageFolder(file);
  const to = packageFolder(resolve(dirname(file), specifier));
  if (from === undefined || to === undefined || from === to) return undefined;
  return `import ${relative(ROOT, to)} by its package name, not by path`;
});
