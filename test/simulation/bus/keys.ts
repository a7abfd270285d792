/** Keys of the simulated bus. Orders carry a digest with a secret instead of Ed25519, which would take half the time. */
import { createHmac } from "node:crypto";
import type { Keyring } from "@busbar/runtime";

const SECRET = "of the simulation";
const PRINCIPALS = /^(gateway|(agent|client):.+)$/;
const keys = new Map<string, Uint8Array>();

/** HMAC key of a principal; the same object each time. */
export function keyOf(principal: string): Uint8Array {
  const known = keys.get(principal);
  if (known !== undefined) return known;
  const made = createHmac("sha256", SECRET).update(principal).digest();
  keys.set(principal, made);
  return made;
}

interface Order {
  readonly topic: string;
  readonly principal: string;
  readonly value: Uint8Array;
}

const signed = ({ topic, principal, value }: Order): string =>
  createHmac("sha256", SECRET).update(`${topic} ${principal} `).update(value).digest("hex");

export const KEYRING: Keyring = {
  commandKeys: (principal) => (PRINCIPALS.test(principal) ? [keyOf(principal)] : []),
  isOrderSigned: (order, sig) => sig === signed(order),
  signOrder: signed,
};
