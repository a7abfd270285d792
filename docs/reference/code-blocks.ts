/**
 * Code in documents comes from files that are compiled and tested. A line
 *
 *     <!-- code: path/from/the/root.ts -->      or      <!-- code: path/from/the/root.ts#region -->
 *
 * stands before a fenced block; the block is the file without its header comment, or what stands between
 * `// #region <name>` and `// #endregion`.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const BLOCK = /^<!-- code: (\S+?)(?:#(\S+))? -->\n```(\w+)\n[\s\S]*?^```$/gmu;
const HEADER = /^\/\*\*[\s\S]*?\*\/\n/u;

function regionOf(path: string, text: string, region: string): string {
  const lines = text.split("\n");
  const start = lines.findIndex((line) => line.trim() === `// #region ${region}`);
  const length = lines.slice(start + 1).findIndex((line) => line.trim() === "// #endregion");
  if (start < 0 || length < 0) throw new Error(`${path} has no region ${region}`);
  const body = lines.slice(start + 1, start + 1 + length);
  const indent = Math.min(
    ...body.filter((line) => line.trim() !== "").map((line) => line.length - line.trimStart().length),
  );
  return body.map((line) => line.slice(indent)).join("\n");
}

/** The document with each marked block as its file has it now. Throws for a file or region that is not there. */
function withCode(root: string, text: string): string {
  return text.replaceAll(BLOCK, (_all, path: string, region: string | undefined, language: string) => {
    const source = readFileSync(join(root, path), "utf8");
    const body = region === undefined ? source.replace(HEADER, "") : regionOf(path, source, region);
    const name = region === undefined ? path : `${path}#${region}`;
    return `<!-- code: ${name} -->\n\`\`\`${language}\n${body.trim()}\n\`\`\``;
  });
}

const folders = (root: string, parent: string): readonly string[] =>
  readdirSync(join(root, parent)).map((name) => `${parent}/${name}`);

/** The tutorial, guides, and the README of each package. */
function documentsOf(root: string): readonly string[] {
  const guides = folders(root, "docs/guides").filter((path) => path.endsWith(".md"));
  const packages = [...folders(root, "shared"), ...folders(root, "services"), "infra"];
  return ["docs/tutorial.md", ...guides, ...packages.map((folder) => `${folder}/README.md`)].filter((path) =>
    existsSync(join(root, path)),
  );
}

/** Every document that may hold code, with its code as it is now, by path. */
export function documentsWithCode(root: string): readonly (readonly [path: string, text: string])[] {
  return documentsOf(root).map((name) => {
    const path = join(root, name);
    return [path, withCode(root, readFileSync(path, "utf8"))] as const;
  });
}
