/**
 * Who speaks (PROTOCOL 4.2): commands carry an HMAC-SHA256 of their sender, orders (directives, control) an Ed25519
 * signature. Both cover where the record stands and its raw bytes, so a record copied elsewhere proves nothing.
 */
import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify,
} from "node:crypto";
import { canonicalJson } from "@busbar/kernel";
import { sha256OfBytes } from "./digest.ts";

export interface CommandPosition {
  readonly topic: string;
  readonly partition: number;
  readonly chainId: string;
  readonly incarnation: number;
  readonly sequence: number;
  readonly value: Uint8Array;
}

/** Made once for each key: handing raw bytes to createHmac costs ten times the HMAC itself. */
const secrets = new WeakMap<Uint8Array, KeyObject>();

function secretOf(key: Uint8Array): KeyObject {
  const known = secrets.get(key);
  if (known !== undefined) return known;
  const made = createSecretKey(key);
  secrets.set(key, made);
  return made;
}

/** HMAC-SHA256, hex, over topic, partition, chain, incarnation, sequence and the digest of the value. */
export function signCommand(key: Uint8Array, position: CommandPosition): string {
  const { topic, partition, chainId, incarnation, sequence, value } = position;
  const text = canonicalJson([topic, partition, chainId, incarnation, sequence, sha256OfBytes(value)]);
  return createHmac("sha256", secretOf(key)).update(text).digest("hex");
}

export function verifyCommand(key: Uint8Array, position: CommandPosition, auth: string): boolean {
  const expected = Buffer.from(signCommand(key, position), "hex");
  const found = Buffer.from(auth, "hex");
  return found.length === expected.length && timingSafeEqual(found, expected);
}

export interface Order {
  readonly topic: string;
  readonly principal: string;
  readonly value: Uint8Array;
}

const orderText = ({ topic, principal, value }: Order): Buffer =>
  Buffer.from(canonicalJson([topic, principal, sha256OfBytes(value)]));

/** Ed25519 signature, base64, over topic, principal and the digest of the value. */
export function signOrder(privateKey: KeyObject, order: Order): string {
  return sign(null, orderText(order), privateKey).toString("base64");
}

/** False for anything that is not the signature of this order by this key, written in its one form. Never throws. */
export function verifyOrder(publicKey: KeyObject, order: Order, signature: string): boolean {
  // Node reads base64 in many spellings of the same bytes.
  if (Buffer.from(signature, "base64").toString("base64") !== signature) return false;
  try {
    return verify(null, orderText(order), publicKey, Buffer.from(signature, "base64"));
  } catch {
    return false;
  }
}

export const privateKeyFromPem = (pem: string): KeyObject => createPrivateKey(pem);
export const publicKeyFromPem = (pem: string): KeyObject => createPublicKey(pem);
