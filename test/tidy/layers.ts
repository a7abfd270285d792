/**
 * Reads the table of layers, for the lint configuration and for the tests that keep it whole.
 */
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** One package: its folder from the root, whether it may touch clock, I/O and globals, and what it may import. */
export interface Layer {
  readonly folder: string;
  readonly pure: boolean;
  readonly may: readonly string[];
}

/** The repository's root. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** The table, by the package's name without its scope. */
export const LAYERS: Readonly<Record<string, Layer>> = readTable();

function readTable(): Record<string, Layer> {
  const parsed: { packages: Record<string, Layer> } = JSON.parse(
    readFileSync(join(ROOT, "test/tidy/layers.json"), "utf8"),
  );
  return parsed.packages;
}
