/** SHA-256 in plain JavaScript, so that the pure packages need no runtime; hot paths may use the runtime's own. */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

/** Lower-case hex SHA-256 of UTF-8 text or bytes. */
export function sha256Hex(input: string | Uint8Array): string {
  return bytesToHex(sha256(typeof input === "string" ? utf8ToBytes(input) : input));
}

/** First 32 hex digits (128 bits) of the SHA-256 over the parts, each preceded by its length. */
export function shortHash(...parts: readonly string[]): string {
  return sha256Hex(parts.map((part) => `${part.length}:${part}`).join("|")).slice(0, 32);
}
