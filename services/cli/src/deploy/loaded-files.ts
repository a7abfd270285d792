/**
 * Which files an agent's code consists of: those that Node loads for its modules.
 *
 * F1 A file is the agent's own when it is reached from an entry by relative specifiers alone; what is reached by a
 *    package's name belongs to that package and counts by name and version.
 * F2 What is imported later (a dynamic import in a handler) or read as data is not seen, and does not count.
 */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isJsonObject, parseJson } from "@busbar/kernel";

/** One import as Node resolved it. */
export interface Edge {
  /** URL of the importing module. */
  readonly parent: string;
  readonly specifier: string;
  /** URL of the imported one. */
  readonly url: string;
}

/** Runs `load` and gives the imports that it made. Modules that were loaded before are not resolved again. */
export async function withEdges<T>(
  load: () => Promise<T>,
): Promise<{ readonly value: T; readonly edges: readonly Edge[] }> {
  const edges: Edge[] = [];
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      edges.push({ parent: context.parentURL ?? "", specifier, url: resolved.url });
      return resolved;
    },
  });
  try {
    return { value: await load(), edges };
  } finally {
    hooks.deregister();
  }
}

const isOwn = (specifier: string): boolean => /^(?:\.{1,2}\/|\/|file:|#)/.test(specifier);

/** Name and version of the package that a file lies in; empty where there is none with a name. */
function packageOf(file: string): string {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    const found = parseJson(readText(join(folder, "package.json")));
    if (isJsonObject(found) && typeof found["name"] === "string") {
      return `${found["name"]}@${typeof found["version"] === "string" ? found["version"] : ""}`;
    }
    if (folder === dirname(folder)) return "";
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

export interface LoadedCode {
  /** Absolute paths of the agent's own files, sorted. */
  readonly files: readonly string[];
  /** `name@version` of the packages that they import, sorted. */
  readonly packages: readonly string[];
}

/** The own files behind the entries, and the packages at their edge. */
export function codeBehind(entries: readonly string[], edges: readonly Edge[]): LoadedCode {
  const byParent = Map.groupBy(edges, ({ parent }) => parent);
  const own = new Set(entries.map((entry) => pathToFileURL(entry).href));
  const packages = new Set<string>();
  // A set that grows while it is walked: what is added is visited.
  for (const url of own) {
    for (const edge of byParent.get(url) ?? []) {
      if (!edge.url.startsWith("file:")) continue;
      const [bare = edge.url] = edge.url.split(/[?#]/);
      if (isOwn(edge.specifier)) own.add(bare);
      else packages.add(packageOf(fileURLToPath(bare)));
    }
  }
  const files = [...own].map((url) => fileURLToPath(url)).sort();
  return { files, packages: [...packages].filter((name) => name !== "").sort() };
}
