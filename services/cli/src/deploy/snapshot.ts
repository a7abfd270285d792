/**
 * A deployed version on disk: a copy of its files, so that its processes start with the same code for as long as a
 * chain needs them, whatever happens to the folder that it was deployed from.
 *
 * S1 The digest covers each file's place below the files' common folder and its content, and name and version of the
 *    packages they import. It is the same wherever the files lie.
 * S2 A snapshot is used only when its digest, computed again, is the one that the log recorded.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { busbarError, canonicalJson, isJsonObject, type Json, parseJson, sha256Hex } from "@busbar/kernel";
import type { LoadedCode } from "./loaded-files.ts";

export interface AgentCode {
  /** Place below the common folder, with forward slashes -> content. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly packages: readonly string[];
  /** Of the modules that export the agents, as keys of `files`. */
  readonly entries: readonly string[];
  /** SHA-256, hex. */
  readonly digest: string;
  /** Absolute path of the folder that the files have in common. */
  readonly base: string;
}

function commonFolder(files: readonly string[]): string {
  const [first = sep, ...others] = files.map((file) => dirname(file).split(sep));
  let length = Array.isArray(first) ? first.length : 1;
  const parts = Array.isArray(first) ? first : [first];
  for (const other of others) {
    let same = 0;
    while (same < length && other[same] === parts[same]) same += 1;
    length = same;
  }
  return parts.slice(0, length).join(sep) || sep;
}

/** SHA-256 over the canonical JSON of files (place -> SHA-256 of the content) and packages. */
function digestOf(files: AgentCode["files"], packages: readonly string[]): string {
  const hashes = Object.fromEntries(Object.entries(files).map(([place, content]) => [place, sha256Hex(content)]));
  return sha256Hex(canonicalJson({ files: hashes, packages: [...packages] }));
}

/** The agent's code as it is on disk now. */
export function readCode(entries: readonly string[], { files, packages }: LoadedCode): AgentCode {
  const base = commonFolder(files);
  const place = (file: string): string => relative(base, file).split(sep).join("/");
  const contents = Object.fromEntries(files.map((file) => [place(file), new Uint8Array(readFileSync(file))] as const));
  return { files: contents, packages, entries: entries.map(place), digest: digestOf(contents, packages), base };
}

/** The folder of a version; names of agents and versions hold nothing that a path could misread. */
export function snapshotFolder(stateDir: string, agent: string, version: string): string {
  return join(stateDir, "deploy", agent, "versions", version);
}

function moduleType(base: string): Json {
  for (let folder = base; ; folder = dirname(folder)) {
    const file = join(folder, "package.json");
    if (existsSync(file)) {
      const found = parseJson(readFileSync(file, "utf8"));
      return isJsonObject(found) && found["type"] === "module" ? "module" : "commonjs";
    }
    if (folder === dirname(folder)) return "commonjs";
  }
}

/** Where packages are found from the files' own place. */
function packagesFolder(base: string): string | null {
  for (let folder = base; ; folder = dirname(folder)) {
    const found = join(folder, "node_modules");
    if (existsSync(found)) return found;
    if (folder === dirname(folder)) return null;
  }
}

export interface SnapshotOptions {
  readonly folder: string;
  readonly code: AgentCode;
  /** Names of all agents that the entries export: a project file lists each. */
  readonly agents: readonly string[];
}

/** Writes the version with a project file that names its modules; replaces what was there. */
export function writeSnapshot({ folder, code, agents }: SnapshotOptions): void {
  rmSync(folder, { recursive: true, force: true });
  const files = join(folder, "files");
  for (const [place, content] of Object.entries(code.files)) {
    mkdirSync(dirname(join(files, place)), { recursive: true });
    writeFileSync(join(files, place), content);
  }
  const packages = packagesFolder(code.base);
  if (packages !== null) symlinkSync(packages, join(folder, "node_modules"), "junction");
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: moduleType(code.base) }));
  const modules = { agents: code.entries.map((entry) => `./files/${entry}`) };
  const rows = Object.fromEntries(agents.map((name) => [name, {}]));
  writeFileSync(join(folder, "busbar.yaml"), JSON.stringify({ version: 1, modules, agents: rows }, null, 2));
  const { packages: imported, entries, digest } = code;
  const manifest = { digest, packages: imported, entries, files: Object.keys(code.files) };
  writeFileSync(join(folder, "manifest.json"), JSON.stringify(manifest, null, 2));
}

/** The digest of a snapshot as it is on disk; null where there is none, or a file of it is missing. */
export function digestOfSnapshot(folder: string): string | null {
  try {
    const manifest = parseJson(readFileSync(join(folder, "manifest.json"), "utf8"));
    if (!isJsonObject(manifest)) return null;
    const strings = (field: string): readonly string[] =>
      Array.isArray(manifest[field]) ? manifest[field].filter((one) => typeof one === "string") : [];
    const files = strings("files").map((place) => {
      return [place, new Uint8Array(readFileSync(join(folder, "files", place)))] as const;
    });
    return digestOf(Object.fromEntries(files), strings("packages"));
  } catch {
    return null;
  }
}

/** S2. Throws BUSBAR_DEPLOY_REFUSED where the version's code is not here, or is not what was recorded. */
export function assertSnapshot(folder: string, agent: string, version: string, recorded: string): void {
  const found = digestOfSnapshot(folder);
  if (found === recorded) return;
  const reason =
    found === null
      ? `its code is not in ${folder}`
      : `its code in ${folder} has digest ${found.slice(0, 12)}; the log recorded ${recorded.slice(0, 12)}`;
  throw busbarError("BUSBAR_DEPLOY_REFUSED", {
    agent,
    version,
    reason,
    next: "deploy the version from its folder: npx busbar deploy <folder>",
  });
}
