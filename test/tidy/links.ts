/**
 * Finds links of a Markdown text that lead nowhere in the repository: relative files and their headings.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const LINK = /\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)/gu;
const EXTERNAL = /^[a-z][a-z0-9+.-]*:/iu;

const withoutCode = (text: string): string =>
  text.replaceAll(/^(```|~~~)[\s\S]*?^\1/gmu, "").replaceAll(/`[^`\n]*`/gu, "");

/** The anchors of a text's headings, in the form that GitHub gives them. */
export function anchorsOf(text: string): ReadonlySet<string> {
  const headings = withoutFences(text).matchAll(/^#{1,6}\s+(.+)$/gmu);
  const anchors = new Set<string>();
  const counts = new Map<string, number>();
  for (const [, heading = ""] of headings) {
    const base = heading
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(/\s/gu, "-");
    const count = counts.get(base) ?? 0;
    counts.set(base, count + 1);
    anchors.add(count === 0 ? base : `${base}-${count}`);
  }
  return anchors;
}

const withoutFences = (text: string): string => text.replaceAll(/^(```|~~~)[\s\S]*?^\1/gmu, "");

/** One line `file: target` for each dead link of the Markdown file at `path` under `root`. */
export function deadLinks(root: string, path: string, text: string): readonly string[] {
  const targets = [...withoutCode(text).matchAll(LINK)].map(([, target = ""]) => target);
  return targets
    .filter((target) => !EXTERNAL.test(target) && !isAlive(root, path, text, target))
    .map((target) => `${path}: ${target}`);
}

function isAlive(root: string, path: string, text: string, target: string): boolean {
  const [file = "", anchor] = target.split("#");
  const absolute = file.startsWith("/") ? join(root, file) : resolve(root, dirname(path), decodeURIComponent(file));
  if (file !== "" && !existsSync(absolute)) return false;
  if (anchor === undefined || anchor === "") return true;
  if (file !== "" && !file.endsWith(".md")) return true;
  return anchorsOf(file === "" ? text : readFileSync(absolute, "utf8")).has(anchor);
}
