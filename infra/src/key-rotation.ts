/**
 * Replacing keys while the bus runs (PROTOCOL 4.2): the new key is accepted before anyone signs with it, the old one until
 * it is retired. Gateways, supervisors and agents look at their key files again by themselves; an agent's or a client's
 * own key is read when its process starts.
 *
 * T1 Verifiers know a key before a signer has it: what is signed is never refused for being new.
 * T2 What an order's key signed before it was retired stands: the directives are read again from their beginning, and a
 *    halt must not vanish from them.
 */
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { busbarError } from "@busbar/kernel";
import {
  LOOK_MS,
  parsePublicKeys,
  parseSecrets,
  publicKeysText,
  readKeyFile,
  replaceFile,
  secretsText,
} from "./key-files.ts";
import { newPair, ORDER_ROLES, type OrderRole, privateFile, publicFile, secretFile } from "./keys.ts";

/** `signs`: what is made now; `accepted`: until it is retired; `retired`: only what it signed before that. */
export type KeyState = "signs" | "accepted" | "retired";

export interface KeyRow {
  readonly principal: string;
  readonly kind: "hmac" | "ed25519";
  /** Digest of the key, shortened: it names the key and tells nothing about it. */
  readonly id: string;
  readonly state: KeyState;
}

const roleOf = (principal: string): OrderRole | null => ORDER_ROLES.find((role) => role === principal) ?? null;

function secretRows(folder: string, principal: string): readonly KeyRow[] {
  const file = secretFile(folder, principal);
  if (file === null || !existsSync(file)) return [];
  return parseSecrets(readKeyFile(file)).map(({ id }, index) => {
    return { principal, kind: "hmac", id, state: index === 0 ? "signs" : "accepted" };
  });
}

function pairRows(folder: string, principal: string): readonly KeyRow[] {
  const role = roleOf(principal);
  if (role === null || !existsSync(publicFile(folder, role))) return [];
  return parsePublicKeys(readKeyFile(publicFile(folder, role))).map(({ id, retiredAt }, index) => {
    const state = retiredAt !== null ? "retired" : index === 0 ? "signs" : "accepted";
    return { principal, kind: "ed25519", id, state };
  });
}

/** Keys of one principal. Throws BUSBAR_NOT_FOUND where the folder has none. */
export function keysOf(folder: string, principal: string): readonly KeyRow[] {
  const rows = [...secretRows(folder, principal), ...pairRows(folder, principal)];
  if (rows.length === 0) throw busbarError("BUSBAR_NOT_FOUND", { what: "key of", id: principal });
  return rows;
}

const namesIn = (folder: string): readonly string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith(".key"))
        .map((name) => name.slice(0, -".key".length))
        .toSorted()
    : [];

/** Keys of everybody in the folder. */
export function listKeys(folder: string): readonly KeyRow[] {
  const agents = namesIn(join(folder, "agents")).map((name) => `agent:${name}`);
  const clients = namesIn(join(folder, "clients")).map((name) => `client:${name}`);
  return [...ORDER_ROLES, ...agents, ...clients].flatMap((one) => [
    ...secretRows(folder, one),
    ...pairRows(folder, one),
  ]);
}

/** Whoever watches the file has seen it by then. */
const seen = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2 * LOOK_MS));

async function rotateSecret(file: string): Promise<void> {
  const old = parseSecrets(readKeyFile(file));
  const [fresh] = parseSecrets(randomBytes(32).toString("hex"));
  if (fresh === undefined) return;
  // The first one signs, so the new one comes last until it is known (T1).
  replaceFile(file, secretsText([...old, fresh]));
  await seen();
  replaceFile(file, secretsText([fresh, ...old]));
}

async function rotatePair(folder: string, role: OrderRole): Promise<void> {
  const { privatePem, publicPem } = newPair();
  const old = parsePublicKeys(readKeyFile(publicFile(folder, role)));
  replaceFile(publicFile(folder, role), publicKeysText([...parsePublicKeys(publicPem), ...old]));
  await seen();
  replaceFile(privateFile(folder, role), privatePem);
}

/** Gives a principal a new key; the old one is accepted until it is retired. Throws BUSBAR_NOT_FOUND. */
export async function rotateKeys(folder: string, principal: string): Promise<readonly KeyRow[]> {
  keysOf(folder, principal);
  const file = secretFile(folder, principal);
  const role = roleOf(principal);
  await Promise.all([
    file !== null && existsSync(file) ? rotateSecret(file) : null,
    role === null ? null : rotatePair(folder, role),
  ]);
  return keysOf(folder, principal);
}

/**
 * From now on only the newest key of a principal is accepted. `directivesEnd` is where the directives end now: what an
 * older key signed before that stands (T2). Returns what was retired. Throws BUSBAR_NOT_FOUND.
 */
export function retireKeys(folder: string, principal: string, directivesEnd: bigint): readonly KeyRow[] {
  const before = keysOf(folder, principal).filter(({ state }) => state === "accepted");
  const file = secretFile(folder, principal);
  if (file !== null && existsSync(file)) replaceFile(file, secretsText(parseSecrets(readKeyFile(file)).slice(0, 1)));
  const role = roleOf(principal);
  if (role !== null) {
    const keys = parsePublicKeys(readKeyFile(publicFile(folder, role)));
    const retired = keys.map((key, index) =>
      index === 0 ? key : { ...key, retiredAt: key.retiredAt ?? directivesEnd },
    );
    replaceFile(publicFile(folder, role), publicKeysText(retired));
  }
  return before;
}
