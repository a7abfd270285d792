/**
 * The key folder of a bus (PROTOCOL 4.2): HMAC keys of agents, clients and gateway, Ed25519 key pairs of those who give
 * orders, broker passwords of all. Files of mode 0600, made once; an agent's process needs its own and nothing else.
 * How keys are replaced: key-rotation.ts.
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { privateKeyFromPem, signOrder, verifyOrder } from "@busbar/events/codec";
import { busbarError } from "@busbar/kernel";
import { passwordFile } from "./credentials.ts";
import { parsePublicKeys, parseSecrets, readKeyFile, type SecretKey, watchedFile, writeOnce } from "./key-files.ts";
import { type Principal, principalsOf } from "./principals.ts";

/** Who signs orders; the part of a principal before the colon. */
export const ORDER_ROLES = ["operator", "supervisor", "gateway"] as const;
export type OrderRole = (typeof ORDER_ROLES)[number];

/** The client that the command line is. */
export const CLI_CLIENT = "cli";

interface SignedThing {
  readonly topic: string;
  readonly principal: string;
  readonly value: Uint8Array;
  /** Where it stands, for what a key signed before it was retired; without it only keys in use count. */
  readonly offset?: bigint;
}

/** Keys of a bus as its services use them. */
export interface FolderKeyring {
  /** HMAC keys that are accepted of a principal, the newest first; empty: unknown. */
  commandKeys(principal: string): readonly Uint8Array[];
  isOrderSigned(order: SignedThing, sig: string): boolean;
  signOrder(order: SignedThing): string;
}

const NAMED = /^(agent|client):([A-Za-z][A-Za-z0-9_.-]{0,63})$/;

/** File of a principal's HMAC key; null for one that has none. */
export function secretFile(folder: string, principal: string): string | null {
  if (principal === "gateway") return join(folder, "gateway.key");
  const [, role, name] = NAMED.exec(principal) ?? [];
  return role === undefined ? null : join(folder, `${role}s`, `${name}.key`);
}

export const publicFile = (folder: string, role: OrderRole): string => join(folder, `${role}.pub.pem`);
export const privateFile = (folder: string, role: OrderRole): string => join(folder, `${role}.pem`);

export function newPair(): { readonly privatePem: string; readonly publicPem: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    privatePem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicPem: publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
}

/** Makes what is missing: a key for each agent, each client and the gateway, a pair for each role, a password for all. */
export function ensureKeys(folder: string, agents: readonly string[], clients: readonly string[] = [CLI_CLIENT]): void {
  for (const named of ["agents", "clients"]) mkdirSync(join(folder, named), { recursive: true, mode: 0o700 });
  const principals: readonly Principal[] = ["admin", "registry", ...principalsOf(agents, clients)];
  for (const principal of principals) {
    const file = secretFile(folder, principal);
    if (file !== null) writeOnce(file, `${randomBytes(32).toString("hex")}\n`);
    writeOnce(passwordFile(folder, principal), `${randomBytes(24).toString("hex")}\n`);
  }
  for (const role of ORDER_ROLES) {
    if (existsSync(privateFile(folder, role))) continue;
    const { privatePem, publicPem } = newPair();
    // The public half first: a private half without it would sign what nobody can verify.
    writeOnce(publicFile(folder, role), publicPem);
    writeOnce(privateFile(folder, role), privatePem);
  }
}

function firstSecret(folder: string, principal: string): Uint8Array {
  const file = secretFile(folder, principal) ?? folder;
  const [first] = parseSecrets(readKeyFile(file));
  if (first === undefined) throw busbarError("BUSBAR_CONFIG_INVALID", { file, reason: "the file holds no key" });
  return first.bytes;
}

/** An agent's own HMAC key. Throws BUSBAR_CONFIG_INVALID where there is none. */
export const agentKey = (folder: string, agent: string): Uint8Array => firstSecret(folder, `agent:${agent}`);

/** A client's own HMAC key. Throws BUSBAR_CONFIG_INVALID where there is none. */
export const clientKey = (folder: string, client: string): Uint8Array => firstSecret(folder, `client:${client}`);

/** Whether an order is signed by its principal: needs the public halves and no secret, so agents have it too. */
export function openOrderCheck(folder: string): FolderKeyring["isOrderSigned"] {
  const files = new Map<string, ReturnType<typeof publicKeys>>(
    ORDER_ROLES.map((role) => [role, publicKeys(folder, role)]),
  );
  return (order, sig) => {
    const keys = files.get(order.principal.split(":")[0] ?? "")?.() ?? [];
    return keys.some(({ key, retiredAt }) => {
      const isInForce = retiredAt === null || (order.offset !== undefined && order.offset < retiredAt);
      return isInForce && verifyOrder(key, order, sig);
    });
  };
}

/** What an agent process is given of the folder: its own key, and the check of who gave an order. */
export function agentCredentials(
  folder: string,
  agent: string,
): { readonly key: Uint8Array; readonly isOrderSigned: FolderKeyring["isOrderSigned"] } {
  return { key: agentKey(folder, agent), isOrderSigned: openOrderCheck(folder) };
}

function publicKeys(folder: string, role: OrderRole) {
  const file = publicFile(folder, role);
  // A folder without it is a fault that is told now.
  readKeyFile(file);
  return watchedFile(file, parsePublicKeys);
}

/** The keys of a folder, with the private half of `role` only. */
export function openKeyring(folder: string, role: OrderRole): FolderKeyring {
  const file = privateFile(folder, role);
  const first = privateKeyFromPem(readKeyFile(file));
  // Taken up while this process runs, so that an order is never signed with a key that was retired.
  const privateKey = watchedFile(file, privateKeyFromPem);
  const files = new Map<string, () => readonly SecretKey[] | null>();
  return {
    commandKeys: (principal) => {
      const known = files.get(principal);
      if (known !== undefined) return bytesOf(known());
      const secret = secretFile(folder, principal);
      if (secret === null || !existsSync(secret)) return [];
      const watched = watchedFile(secret, parseSecrets);
      files.set(principal, watched);
      return bytesOf(watched());
    },
    isOrderSigned: openOrderCheck(folder),
    signOrder: (order) => signOrder(privateKey() ?? first, order),
  };
}

/** The same bytes each time: what is made of a key is kept by whoever uses it. */
const bytesOf = (keys: readonly SecretKey[] | null): readonly Uint8Array[] => (keys ?? []).map(({ bytes }) => bytes);
