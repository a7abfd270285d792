/**
 * The compiler's references of each package, from what its package.json declares. `node test/tidy/references.ts`
 * (part of `npm run gen`) writes them; with `--check` it only names the files that are not fresh (exit code 4).
 * A package that is pure by a tsconfig.src.json of its own refers to the pure part of the others.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { LAYERS, ROOT } from "./layers.ts";

interface Config {
  readonly files?: readonly string[];
  readonly compilerOptions?: { readonly types?: readonly string[] };
  readonly references?: readonly { readonly path: string }[];
}

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
}

function readJson<T>(path: string): T {
  const parsed: T = JSON.parse(readFileSync(path, "utf8"));
  return parsed;
}

/** The folders of the packages that a package declares. */
export function siblingsOf(folder: string): readonly string[] {
  const { dependencies = {} } = readJson<Manifest>(join(ROOT, folder, "package.json"));
  return Object.keys(dependencies).flatMap((name) => {
    const sibling = name.startsWith("@busbar/") ? LAYERS[name.slice("@busbar/".length)] : undefined;
    return sibling === undefined ? [] : [sibling.folder];
  });
}

/** The projects of a package that others refer to: its folder, or its parts other than tests. */
function projectsOf(folder: string, isPureReader: boolean): readonly string[] {
  if (!existsSync(join(ROOT, folder, "tsconfig.src.json"))) return [folder];
  const parts = readdirSync(join(ROOT, folder)).filter(
    (name) => /^tsconfig\.\w+\.json$/u.test(name) && name !== "tsconfig.test.json",
  );
  const wanted = isPureReader ? parts.filter((name) => name === "tsconfig.src.json") : parts.toSorted().toReversed();
  return wanted.map((name) => `${folder}/${name}`);
}

/** The text that a tsconfig should have; undefined for one that is not to be written, such as a list of parts. */
export function freshConfig(folder: string, name: string): string | undefined {
  const config = readJson<Config>(join(ROOT, folder, name));
  if (config.files !== undefined) return undefined;
  const isPure = !(config.compilerOptions?.types ?? []).includes("node");
  const own = (config.references ?? []).filter(({ path }) => path.startsWith("./"));
  const siblings = siblingsOf(folder).flatMap((sibling) => projectsOf(sibling, isPure));
  const references = [...own, ...siblings.map((path) => ({ path: relative(join(ROOT, folder), join(ROOT, path)) }))];
  return `${JSON.stringify({ ...config, references }, null, 2)}\n`;
}

/** The tsconfigs whose references are not what the package declares, with the text they should have. */
export function staleConfigs(): readonly { readonly path: string; readonly text: string }[] {
  const folders = Object.values(LAYERS)
    .map(({ folder }) => folder)
    .filter((folder) => existsSync(join(ROOT, folder, "package.json")));
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => /^tsconfig.*\.json$/u.test(name))
      .flatMap((name) => {
        const path = join(folder, name);
        const text = freshConfig(folder, name);
        const isFresh =
          text === undefined || JSON.stringify(readJson(join(ROOT, path))) === JSON.stringify(JSON.parse(text));
        return isFresh ? [] : [{ path, text }];
      }),
  );
}

if (import.meta.main) {
  const stale = staleConfigs();
  const isCheck = process.argv.includes("--check");
  for (const { path, text } of stale) {
    if (!isCheck) writeFileSync(join(ROOT, path), text);
    process.stdout.write(`${path}${isCheck ? " is not fresh" : ""}\n`);
  }
  if (isCheck && stale.length > 0) process.exitCode = 4;
}
