/**
 * Redaction: what a process knows to be secret does not leave it in a record or a log line. The log is kept for ever, so
 * this happens before a record is made, and again where one is read: what a process decides is what its records say.
 *
 * R1 Every text and every run of bytes of a message is searched, whatever its field, for each form of each secret.
 * R2 A secret is replaced by its name. Bytes keep their length, so that the bytes of a dead letter keep their places.
 * R3 Found are the value itself, as JSON and as a part of a URL write it, in base64 and in hex. Not found is what was
 *    cut, joined or transformed otherwise: redaction is a net, and a secret that got this far is to be replaced.
 */
import type { Codec } from "./codec.ts";

export interface Secret {
  readonly name: string;
  readonly value: string;
}

export interface Redactor {
  text(text: string): string;
  /** The same shape with every text and all bytes in it redacted; the same object where nothing was found. */
  deep<T>(value: T): T;
}

interface Form {
  readonly text: string;
  readonly bytes: Buffer;
  readonly by: string;
}

const FILLER = 0x2a;

function formsOf({ name, value }: Secret): readonly Form[] {
  const json = JSON.stringify(value).slice(1, -1);
  const base64 = Buffer.from(value).toString("base64").replace(/=+$/, "");
  const texts = [value, json, JSON.stringify(json).slice(1, -1), encodeURIComponent(value), base64];
  const all = new Set([...texts, base64.replaceAll("+", "-").replaceAll("/", "_"), Buffer.from(value).toString("hex")]);
  return [...all].map((text) => ({ text, bytes: Buffer.from(text), by: `[redacted:${name}]` }));
}

const NONE: Redactor = { text: (text) => text, deep: (value) => value };

export function createRedactor(secrets: readonly Secret[]): Redactor {
  // The longest first: a secret may be a part of another one.
  const forms = secrets.flatMap(formsOf).sort((left, right) => right.text.length - left.text.length);
  if (forms.length === 0) return NONE;
  const redactor: Redactor = {
    text: (text) => {
      let clean = text;
      for (const form of forms) if (clean.includes(form.text)) clean = clean.replaceAll(form.text, form.by);
      return clean;
    },
    deep: (value) => deep(value, redactor, forms) as typeof value,
  };
  return redactor;
}

function deep(value: unknown, redactor: Redactor, forms: readonly Form[]): unknown {
  if (typeof value === "string") return redactor.text(value);
  if (value instanceof Uint8Array) return bytesOf(value, forms);
  if (Array.isArray(value)) {
    const items = value.map((item: unknown) => deep(item, redactor, forms));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(
    ([key, item]) => [redactor.text(key), deep(item, redactor, forms), item] as const,
  );
  const isClean = entries.every(([key, item, before]) => item === before && Object.hasOwn(value, key));
  return isClean ? value : Object.fromEntries(entries.map(([key, item]) => [key, item]));
}

function bytesOf(value: Uint8Array, forms: readonly Form[]): Uint8Array {
  const found = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (!forms.some(({ bytes }) => found.includes(bytes))) return value;
  const clean = Buffer.from(found);
  for (const { bytes } of forms) {
    for (let at = clean.indexOf(bytes); at >= 0; at = clean.indexOf(bytes, at + 1))
      clean.fill(FILLER, at, at + bytes.length);
  }
  return clean;
}

/** A codec whose messages hold no secret, written or read. */
export function redactingCodec(codec: Codec, redactor: Redactor): Codec {
  const decode = (bytes: Uint8Array | null, family?: never): unknown => {
    const decoded = family === undefined ? codec.decode(bytes) : codec.decode(bytes, family);
    return decoded.ok ? { ...decoded, message: redactor.deep(decoded.message) } : decoded;
  };
  return {
    encode: (type, message) => codec.encode(type, redactor.deep(message)),
    decode: decode as Codec["decode"],
    resolveUnknown: (id) => codec.resolveUnknown(id),
    content: (text) => redactor.text(codec.content(text)),
  };
}
