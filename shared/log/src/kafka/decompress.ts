/**
 * Opens compressed batches, with a bound on what comes out: half a megabyte of gzip can hold
 * half a gigabyte. What cannot be opened is reported to the reader, never thrown past it.
 */
import { promisify } from "node:util";
import { gunzip, zstdDecompress } from "node:zlib";

/** Bytes that one batch may open to. */
export const MAX_BATCH_BYTES = 64 * 1024 * 1024;

const gunzipAsync = promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip);
const zstdAsync = promisify<Buffer, { maxOutputLength: number }, Buffer>(zstdDecompress);

/** `codec` is the low three bits of a batch's attributes. Throws what cannot be opened. */
export async function decompress(codec: number, bytes: Buffer): Promise<Buffer> {
  const bound = { maxOutputLength: MAX_BATCH_BYTES };
  switch (codec) {
    case 0:
      return bytes;
    case 1:
      return gunzipAsync(bytes, bound);
    case 4:
      return zstdAsync(bytes, bound);
    case 2:
      throw new Error("snappy batches cannot be opened");
    case 3:
      throw new Error("lz4 batches cannot be opened");
    default:
      throw new Error(`codec ${codec} is not known`);
  }
}
