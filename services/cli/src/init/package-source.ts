/**
 * Where a new project gets Busbar's packages from: from where this command line itself comes.
 *
 * W1 A clone packs its sources. W2 What was installed from tarballs hands the same tarballs on. W3 What was installed
 * from a registry names its version there.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { busbarError, isJsonObject, parseJson } from "@busbar/kernel";
import { ROOT } from "../project-file.ts";
import { type PackageSource, VENDOR } from "./project-manifest.ts";

const OWN_FOLDER = resolve(import.meta.dirname, "../..");
const PACKER = join(ROOT, "infra/pack/main.ts");

/** The repository that this command line is a part of; null where it is installed. */
export function repositoryRoot(): string | null {
  return existsSync(PACKER) ? ROOT : null;
}

/** `busbar-agent-0.1.0.tgz` is `@busbar/agent`. */
function byPackage(paths: readonly string[]): Readonly<Record<string, string>> {
  const files = paths.map((path) => basename(path));
  return Object.fromEntries(files.map((file) => [file.replace(/^busbar-([a-z]+)-.*$/u, "@busbar/$1"), file]));
}

/** W1. */
async function packClone(target: string): Promise<PackageSource> {
  const child = spawn(process.execPath, [PACKER, "pack", "--to", target], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number | null>((done, fail) => {
    child.once("error", fail);
    child.once("close", done);
  });
  const [out, err, code] = await Promise.all([readAll(child.stdout), readAll(child.stderr), ended]);
  // The packer says it in the form of all errors; what is left is the reason of this one.
  const reason = err
    .trim()
    .replace(/^busbar: /u, "")
    .replace(/\n {2}next: .*$/u, "");
  if (code !== 0) throw busbarError("BUSBAR_PACK_FAILED", { reason });
  return { kind: "tarballs", files: byPackage(out.trim().split("\n")) };
}

interface Installed {
  readonly name: string;
  readonly resolved: string;
}

/** Busbar's packages beside this one, with what npm noted about where they came from. */
async function installedPackages(modules: string): Promise<readonly Installed[]> {
  const lock = parseJson(await readFile(join(modules, ".package-lock.json"), "utf8").catch(() => ""));
  const packages = isJsonObject(lock) && isJsonObject(lock["packages"]) ? lock["packages"] : {};
  return Object.entries(packages).flatMap(([path, entry]) => {
    const name = path.replace(/^node_modules\//u, "");
    const resolved = isJsonObject(entry) ? entry["resolved"] : undefined;
    return name.startsWith("@busbar/") && typeof resolved === "string" ? [{ name, resolved }] : [];
  });
}

/** W2; null where they did not come from files, or these are gone. */
async function copyTarballs(modules: string, target: string): Promise<PackageSource | null> {
  const installed = await installedPackages(modules);
  const paths = installed.map(({ resolved }) => resolve(dirname(modules), resolved.replace(/^file:/u, "")));
  const isFromFiles = installed.length > 0 && installed.every(({ resolved }) => resolved.startsWith("file:"));
  if (!isFromFiles || !paths.every((path) => existsSync(path))) return null;
  await mkdir(target, { recursive: true });
  for (const path of paths) await copyFile(path, join(target, basename(path)));
  return { kind: "tarballs", files: byPackage(paths) };
}

/** W3. */
async function ownVersion(own: string): Promise<PackageSource> {
  const manifest = JSON.parse(await readFile(join(own, "package.json"), "utf8")) as { readonly version: string };
  return { kind: "registry", version: manifest.version };
}

/**
 * Puts the packages into the project where they are files. `own` is the folder of this package, `repository` the clone
 * that it is a part of, if any. Throws BUSBAR_PACK_FAILED.
 */
export async function providePackages(
  project: string,
  own: string = OWN_FOLDER,
  repository: string | null = repositoryRoot(),
): Promise<PackageSource> {
  const target = join(project, VENDOR);
  if (repository !== null) return packClone(target);
  return (await copyTarballs(resolve(own, "../.."), target)) ?? (await ownVersion(own));
}
