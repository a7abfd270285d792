/** The digest chain with the runtime's own SHA-256: the same function as the pure one, for hot paths. */
import { createHash } from "node:crypto";
import { assert } from "@busbar/kernel";

export function fastDigestChain(prevHex: string, value: Uint8Array): string {
  const prev = Buffer.from(prevHex, "hex");
  assert(prev.length === 32 && prevHex.length === 64, "digestChain: the previous digest is 64 hex digits");
  return createHash("sha256").update(prev).update(value).digest("hex");
}

/** SHA-256 of bytes, hex. */
export function sha256OfBytes(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
