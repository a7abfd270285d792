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
  const target = exportOf(join(ROOT, layer.folder), rest.length === 0 ? "." : `./${rest.join("/")}`);
  return target === undefined ? { found: false } : { found: true, path: target };
}

function exportOf(folder: string, subpath: string): string | undefined {
  const manifest: { exports?: Record<string, string> } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const target = manifest.exports?.[subpath];
  return target === undefined ? undefined : join(folder, target);
}
