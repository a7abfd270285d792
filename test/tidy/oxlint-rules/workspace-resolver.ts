/**
 * Tells eslint-plugin-boundaries which file an import means: relative paths as they are, `@busbar/x/sub` through the
 * exports of its package.json. It answers "not found" for everything else, which then counts as external.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve as resolvePath } from "node:path";
import { LAYERS, ROOT } from "../layers.ts";

interface Resolution {
  readonly found: boolean;
  readonly path?: string;
}

/** The version of the resolver interface that eslint-module-utils asks for. */
export const interfaceVersion = 2;

/** The file that `source` means in `file`. */
export function resolve(source: string, file: string): Resolution {
  if (source.startsWith(".")) {
    const path = resolvePath(dirname(file), source);
    return existsSync(path) ? { found: true, path } : { found: false };
  }
  const [scope, name, ...rest] = source.split("/");
  const layer = scope === "@busbar" && name !== undefined ? LAYERS[name] : undefined;
  if (layer === undefined) return { found: false };
  return { found: true, path: exportOf(join(ROOT, layer.folder), rest.length === 0 ? "." : `./${rest.join("/")}`) };
}

/** A path that the package does not export is the compiler's to report; here it still lies in that package. */
function exportOf(folder: string, subpath: string): string {
  const manifest: { exports?: Record<string, string> } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return join(folder, manifest.exports?.[subpath] ?? "src/index.ts");
}
