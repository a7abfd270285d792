/**
 * The lines of a file, plain or gzip (told by its first bytes, not its name), in bounded memory: a line that is too
 * long is counted and dropped while it is read.
 */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline, type Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { busbarError, reasonOf } from "@busbar/kernel";

export interface Line {
  /** From 1, blank lines included. */
  readonly number: number;
  /** Null where the line is longer than the limit. */
  readonly text: string | null;
}

/** Longest line in bytes. */
export const LINE_LIMIT_BYTES = 32 * 1024 * 1024;

const NEWLINE = 0x0a;

async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await handle.close();
  }
}

async function* bytesOf(file: string): AsyncGenerator<Buffer> {
  const isPacked = await isGzip(file);
  const source: Readable = createReadStream(file);
  // The callback is there so that a broken source ends the reader; the reader itself gets the error below.
  const stream: Readable = isPacked ? pipeline(source, createGunzip(), () => undefined) : source;
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } finally {
    source.destroy();
    stream.destroy();
  }
}

/** Every line that is not blank, in order. Throws BUSBAR_INPUT_INVALID where the file cannot be read to its end. */
export async function* readLines(file: string, limitBytes = LINE_LIMIT_BYTES): AsyncGenerator<Line> {
  let number = 1;
  const rest = new Rest(limitBytes);
  try {
    for await (const chunk of bytesOf(file)) {
      let from = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
        rest.add(chunk.subarray(from, end));
        yield* lineOf(number, rest.take());
        number += 1;
        from = end + 1;
      }
      rest.add(chunk.subarray(from));
    }
  } catch (error) {
    throw unreadable(file, number, error);
  }
  yield* lineOf(number, rest.take());
}

function* lineOf(number: number, text: string | null): Generator<Line> {
  const bare = number === 1 && text !== null ? text.replace(/^\uFEFF/, "") : text;
  if (bare === null || bare.trim() !== "") yield { number, text: bare };
}

function unreadable(file: string, number: number, error: unknown): Error {
  const { code } = error as NodeJS.ErrnoException;
  const isAbsent = code === "ENOENT";
  const reason = isAbsent ? "there is no such file" : `it cannot be read beyond line ${number}: ${reasonOf(error)}`;
  const next = isAbsent ? "name a file that is there" : "check the file and type the command again";
  return busbarError("BUSBAR_INPUT_INVALID", { what: file, reason, next }, error);
}

/** The line at hand. */
class Rest {
  readonly #limitBytes: number;
  #parts: Buffer[] = [];
  #sizeBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  add(part: Buffer): void {
    if (part.length === 0) return;
    this.#sizeBytes += part.length;
    if (this.#sizeBytes > this.#limitBytes) this.#parts = [];
    else this.#parts.push(part);
  }

  /** The line, and an empty one from now on. */
  take(): string | null {
    const text = this.#sizeBytes > this.#limitBytes ? null : Buffer.concat(this.#parts).toString("utf8");
    this.#parts = [];
    this.#sizeBytes = 0;
    return text;
  }
}
