/** Orders and signs of life carry the signature of who gives them over topic, principal and value (PROTOCOL 4.2). */
import { HEADER } from "@busbar/events";
import type { Publication } from "@busbar/log";
import type { Keyring } from "./ports.ts";

export interface Signed {
  readonly topic: string;
  /** Default 0: directives and heartbeats have one. */
  readonly partition?: number;
  readonly principal: string;
  readonly type: string;
  readonly key: string;
  readonly value: Uint8Array;
}

export function signedPublication(keyring: Pick<Keyring, "signOrder">, signed: Signed): Publication {
  const { topic, partition = 0, principal, type, key, value } = signed;
  const sig = keyring.signOrder({ topic, principal, value });
  const headers = { [HEADER.type]: type, [HEADER.principal]: principal, [HEADER.sig]: sig };
  return { topic, partition, record: { key, value, headers } };
}
