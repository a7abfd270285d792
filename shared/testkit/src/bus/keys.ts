/** Keys of a test bus: made in memory, gone with it. Signatures are real, so that what nobody signed counts for nothing. */
import { generateKeyPairSync } from "node:crypto";
import { signOrder, verifyOrder } from "@busbar/events/codec";
import { sha256Hex } from "@busbar/kernel";
import type { Keyring } from "@busbar/runtime";

export interface TestKeys {
  readonly keyring: Keyring;
  /** HMAC key of an agent. */
  agentKey(agent: string): Uint8Array;
  /** HMAC key of a client. */
  clientKey(client: string): Uint8Array;
}

export function createTestKeys(): TestKeys {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const keyOf = (principal: string): Uint8Array => Buffer.from(sha256Hex(`test key of ${principal}`), "hex");
  return {
    agentKey: (agent) => keyOf(`agent:${agent}`),
    clientKey: (client) => keyOf(`client:${client}`),
    keyring: {
      commandKeys: (principal) => (/^(gateway$|agent:|client:)/.test(principal) ? [keyOf(principal)] : []),
      isOrderSigned: (order, sig) => verifyOrder(publicKey, order, sig),
      signOrder: (order) => signOrder(privateKey, order),
    },
  };
}
