/**
 * Tells whether node_modules is what the lockfile says. Three answers, cheapest first:
 * the stamp of the last installation holds the lockfile's hash; else npm's own record of what it installed is newer
 * than the lockfile and has every package of it; else it is stale. Times alone do not decide, because a checkout
 * gives old content a new time.
 */
import { createHash } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const STAMP = "node_modules/.busbar-installed";
const INSTALLED = "node_modules/.package-lock.json";
const WANTED = "package-lock.json";

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function hashOf(root) {
  return createHash("sha256")
    .update(read(join(root, WANTED)) ?? "")
    .digest("hex");
}

/** Why node_modules needs an installation, as the rest of a sentence; undefined when it does not. */
export function whyStale(root) {
  const installed = read(join(root, INSTALLED));
  if (installed === undefined) return "node_modules is missing or incomplete";
  if (read(join(root, STAMP)) === hashOf(root)) return undefined;
  if (statSync(join(root, INSTALLED)).mtimeMs < statSync(join(root, WANTED)).mtimeMs)
    return "package-lock.json is newer than node_modules";
  return hasEveryPackage(root, installed) ? undefined : "node_modules is not what package-lock.json says";
}

function hasEveryPackage(root, installed) {
  const present = JSON.parse(installed).packages ?? {};
  const wanted = JSON.parse(read(join(root, WANTED)) ?? "{}").packages ?? {};
  return Object.entries(wanted).every(
    ([path, entry]) =>
      path === "" || entry.optional === true || entry.devOptional === true || present[path]?.version === entry.version,
  );
}

/** Notes that node_modules now is what the lockfile says. */
export function stampInstalled(root) {
  writeFileSync(join(root, STAMP), hashOf(root));
}

/** How many packages of the lockfile fit this platform. */
export function countPackages(root, host = process) {
  const packages = Object.entries(JSON.parse(read(join(root, WANTED)) ?? "{}").packages ?? {});
  const fits = (list, value) => list === undefined || [list].flat().includes(value);
  return packages.filter(
    ([path, entry]) =>
      path.includes("node_modules/") &&
      entry.link !== true &&
      fits(entry.os, host.platform) &&
      fits(entry.cpu, host.arch),
  ).length;
}
