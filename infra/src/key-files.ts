/**
 * Keys as files, several to a file while they are being rotated: the first one signs, all of them verify.
 *
 * F1 A file is replaced as a whole (a rename), so no reader ever sees half of it.
 * F2 Readers look again when the file has changed, at most four times a second: rotating a key needs no restart of whoever
 *    verifies.
 */
import { createHash, type KeyObject } from "node:crypto";
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { publicKeyFromPem } from "@busbar/events/codec";
import { busbarError, reasonOf } from "@busbar/kernel";

/** How often a reader looks whether a file has changed, ms. */
export const LOOK_MS = 250;
const ID_CHARACTERS = 8;

/** Throws BUSBAR_CONFIG_INVALID where the file cannot be read. */
export function readKeyFile(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw busbarError("BUSBAR_CONFIG_INVALID", { file, reason: `the key cannot be read: ${reasonOf(error)}` }, error);
  }
}

/** Creates a file that only its owner may read; one that is there stays. */
export function writeOnce(file: string, text: string): void {
  try {
    writeFileSync(file, text, { mode: 0o600, flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/** F1. */
export function replaceFile(file: string, text: string, mode = 0o600): void {
  const next = `${file}.${process.pid}.new`;
  writeFileSync(next, text, { mode });
  renameSync(next, file);
}

const idOf = (bytes: string | Uint8Array): string =>
  createHash("sha256").update(bytes).digest("hex").slice(0, ID_CHARACTERS);

/** A key that codes are made with. Its id says nothing about it. */
export interface SecretKey {
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** One key to a line, hex. */
export function parseSecrets(text: string): readonly SecretKey[] {
  const lines = text.split("\n").flatMap((line) => line.trim() || []);
  return lines.map((line) => {
    const bytes = Buffer.from(line, "hex");
    return { id: idOf(bytes), bytes };
  });
}

export const secretsText = (keys: readonly SecretKey[]): string =>
  `${keys.map(({ bytes }) => Buffer.from(bytes).toString("hex")).join("\n")}\n`;

export interface PublicKey {
  readonly id: string;
  readonly pem: string;
  readonly key: KeyObject;
  /** From this offset of the directives on it signs nothing any more; null: it is in use. What it signed before stands. */
  readonly retiredAt: bigint | null;
}

const BLOCK = /(?:^# retired at directive (\d+)\n)?(-----BEGIN PUBLIC KEY-----[\s\S]+?-----END PUBLIC KEY-----)/gm;

/** PEM blocks; a retired one has a line before it that says since when. */
export function parsePublicKeys(text: string): readonly PublicKey[] {
  return [...text.matchAll(BLOCK)].map(([, retired, pem = ""]) => {
    const key = publicKeyFromPem(pem);
    const id = idOf(key.export({ type: "spki", format: "der" }));
    return { id, pem, key, retiredAt: retired === undefined ? null : BigInt(retired) };
  });
}

export const publicKeysText = (keys: readonly PublicKey[]): string =>
  keys
    .map(({ pem, retiredAt }) => `${retiredAt === null ? "" : `# retired at directive ${retiredAt}\n`}${pem}\n`)
    .join("");

/** What a file holds, read again when it changes (F2); null while there is none. */
export function watchedFile<T>(file: string, parse: (text: string) => T): () => T | null {
  let value: T | null = null;
  let stamp = "";
  let lookedMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = performance.now();
    if (nowMs - lookedMs < LOOK_MS) return value;
    lookedMs = nowMs;
    if (!existsSync(file)) return (value = null);
    const { mtimeMs, size, ino } = statSync(file);
    const found = `${mtimeMs} ${size} ${ino}`;
    if (found !== stamp) value = parse(readKeyFile(file));
    stamp = found;
    return value;
  };
}
