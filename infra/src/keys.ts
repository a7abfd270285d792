/**
 * The key folder of a bus (PROTOCOL 4.2): HMAC keys of agents and gateway, Ed25519 key pairs of those who give orders.
 * Files of mode 0600, made once, never overwritten; an agent's process needs its own key and nothing else.
 */
import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { privateKeyFromPem, publicKeyFromPem, signOrder, verifyOrder } from "@busbar/events/codec";
import { busbarError, reasonOf } from "@busbar/kernel";

/** Who signs orders; the part of a principal before the colon. */
export const ORDER_ROLES = ["operator", "supervisor", "gateway"] as const;
export type OrderRole = (typeof ORDER_ROLES)[number];

interface SignedThing {
  readonly topic: string;
  readonly principal: string;
  readonly value: Uint8Array;
}

/** Keys of a bus as its services use them. */
export interface FolderKeyring {
  commandKey(principal: string): Uint8Array | null;
  isOrderSigned(order: SignedThing, sig: string): boolean;
  signOrder(order: SignedThing): string;
}

const writeOnce = (file: string, text: string): void => {
  try {
    writeFileSync(file, text, { mode: 0o600, flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
};

const agentFile = (folder: string, agent: string): string => join(folder, "agents", `${agent}.key`);

/** Makes what is missing: one key for each agent, one for the gateway, a pair for each role. */
export function ensureKeys(folder: string, agents: readonly string[]): void {
  mkdirSync(join(folder, "agents"), { recursive: true, mode: 0o700 });
  for (const agent of agents) writeOnce(agentFile(folder, agent), randomBytes(32).toString("hex"));
  writeOnce(join(folder, "gateway.key"), randomBytes(32).toString("hex"));
  for (const role of ORDER_ROLES) {
    if (existsSync(join(folder, `${role}.pem`))) continue;
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    // The public half first: a private half without it would sign what nobody can verify.
    writeOnce(join(folder, `${role}.pub.pem`), publicKey.export({ type: "spki", format: "pem" }).toString());
    writeOnce(join(folder, `${role}.pem`), privateKey.export({ type: "pkcs8", format: "pem" }).toString());
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw busbarError("BUSBAR_CONFIG_INVALID", { file, reason: `the key cannot be read: ${reasonOf(error)}` }, error);
  }
}

/** An agent's own HMAC key. Throws BUSBAR_CONFIG_INVALID where there is none. */
export function agentKey(folder: string, agent: string): Uint8Array {
  return Buffer.from(read(agentFile(folder, agent)).trim(), "hex");
}

/** Whether an order is signed by its principal: needs the public halves and no secret, so agents have it too. */
export function openOrderCheck(folder: string): FolderKeyring["isOrderSigned"] {
  const publicKeys = new Map<string, KeyObject>(
    ORDER_ROLES.map((one) => [one, publicKeyFromPem(read(join(folder, `${one}.pub.pem`)))]),
  );
  return (order, sig) => {
    const key = publicKeys.get(order.principal.split(":")[0] ?? "");
    return key !== undefined && verifyOrder(key, order, sig);
  };
}

/** What an agent process is given of the folder: its own key, and the check of who gave an order. */
export function agentCredentials(
  folder: string,
  agent: string,
): { readonly key: Uint8Array; readonly isOrderSigned: FolderKeyring["isOrderSigned"] } {
  return { key: agentKey(folder, agent), isOrderSigned: openOrderCheck(folder) };
}

/** The keys of a folder, with the private half of `role` only. */
export function openKeyring(folder: string, role: OrderRole): FolderKeyring {
  const privateKey = privateKeyFromPem(read(join(folder, `${role}.pem`)));
  const hmacKeys = new Map<string, Uint8Array | null>();
  const load = (principal: string): Uint8Array | null => {
    if (principal === "gateway") return Buffer.from(read(join(folder, "gateway.key")).trim(), "hex");
    const agent = /^agent:([A-Za-z][A-Za-z0-9_.-]{0,63})$/.exec(principal)?.[1];
    if (agent === undefined || !existsSync(agentFile(folder, agent))) return null;
    return agentKey(folder, agent);
  };
  return {
    commandKey: (principal) => {
      const known = hmacKeys.get(principal);
      if (known !== undefined && known !== null) return known;
      const found = load(principal);
      if (found !== null) hmacKeys.set(principal, found);
      return found;
    },
    isOrderSigned: openOrderCheck(folder),
    signOrder: (order) => signOrder(privateKey, order),
  };
}
