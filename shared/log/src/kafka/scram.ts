/**
 * SCRAM credentials on the wire (AlterUserScramCredentials, KIP-554), which kafkajs does not have. The password never
 * leaves this process: the broker gets its salted hash.
 */
import { createRequire } from "node:module";
import { pbkdf2 } from "node:crypto";
import { promisify } from "node:util";
import type { WireExchange } from "./internals.ts";

interface Encoder {
  writeInt8(value: number): Encoder;
  writeInt32(value: number): Encoder;
  writeUVarIntBytes(value?: Uint8Array): Encoder;
  writeUVarIntString(value: string): Encoder;
  writeUVarIntArray(values: readonly Encoder[]): Encoder;
}
interface Decoder {
  readInt16(): number;
  readInt32(): number;
  readUVarIntString(): string | null;
  readUVarIntArray<T>(read: (decoder: Decoder) => T): T[];
  readTaggedFields(): unknown;
}

const load = createRequire(import.meta.url);
const wire = {
  Encoder: load("kafkajs/src/protocol/encoder") as new () => Encoder,
  Decoder: load("kafkajs/src/protocol/decoder") as new (bytes: Buffer) => Decoder,
};

const ALTER_USER_SCRAM_CREDENTIALS = 51;
const SHA_512 = 2;
const HASH_BYTES = 64;

/** The mechanism that all principals of a bus log in with. */
export const SCRAM_MECHANISM = "scram-sha-512" as const;

export interface ScramCredential {
  readonly name: string;
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly saltedPassword: Uint8Array;
}

/** Hi() of RFC 5802 with SHA-512. */
export function saltedPassword(password: string, salt: Uint8Array, iterations: number): Promise<Buffer> {
  return promisify(pbkdf2)(password, salt, iterations, HASH_BYTES, "sha512");
}

export interface RefusedUser {
  readonly name: string;
  readonly reason: string;
}

/** Sets the credentials of all; answers those that the broker refused. */
export function alterScramRequest(credentials: readonly ScramCredential[]): WireExchange<readonly RefusedUser[]> {
  return {
    request: {
      apiKey: ALTER_USER_SCRAM_CREDENTIALS,
      apiVersion: 0,
      apiName: "AlterUserScramCredentials",
      encode: () => Promise.resolve(encoded(credentials)),
    },
    response: {
      decode: (bytes) => Promise.resolve(decoded(bytes)),
      parse: (answer) => Promise.resolve(answer),
    },
  };
}

function encoded(credentials: readonly ScramCredential[]): Encoder {
  const upsertions = credentials.map(({ name, salt, iterations, saltedPassword: hash }) =>
    new wire.Encoder()
      .writeUVarIntString(name)
      .writeInt8(SHA_512)
      .writeInt32(iterations)
      .writeUVarIntBytes(Buffer.from(salt))
      .writeUVarIntBytes(Buffer.from(hash))
      .writeUVarIntBytes(),
  );
  // The first empty bytes are the tagged fields of the request's header, which kafkajs does not write.
  return new wire.Encoder().writeUVarIntBytes().writeUVarIntArray([]).writeUVarIntArray(upsertions).writeUVarIntBytes();
}

function decoded(bytes: Buffer): readonly RefusedUser[] {
  const decoder = new wire.Decoder(bytes);
  decoder.readTaggedFields();
  decoder.readInt32();
  const results = decoder.readUVarIntArray((one) => {
    const name = one.readUVarIntString() ?? "";
    const code = one.readInt16();
    const message = one.readUVarIntString();
    one.readTaggedFields();
    return { name, code, reason: message ?? `error ${code}` };
  });
  return results.filter(({ code }) => code !== 0).map(({ name, reason }) => ({ name, reason }));
}
