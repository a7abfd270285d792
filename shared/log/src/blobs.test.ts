import { sha256Hex } from "@busbar/kernel";
import { describe, expect, it } from "vitest";
import { type BlobRef, blobOf, readBlob } from "./blobs.ts";
import { createEmbeddedLog } from "./embedded/index.ts";

const PLACE = { topic: "blobs", partition: 0 };
const LIMIT = 4 * 1024 * 1024;
const TEXT = Array.from({ length: 200_000 }, (_, n) => `${n}`).join(",");

async function logWith(before: readonly Uint8Array[] = []) {
  const log = createEmbeddedLog({});
  await log.ensureTopics([{ name: "blobs", partitions: 1, config: {} }]);
  const put = async (...values: readonly Uint8Array[]) =>
    log.publish(values.map((value) => ({ ...PLACE, record: { key: sha256Hex(TEXT), value, headers: {} } })));
  if (before.length > 0) await put(...before);
  return { log, put };
}

async function written(text = TEXT) {
  const { log, put } = await logWith();
  const { publications, refOf } = blobOf("blobs", 0, text);
  const ref = refOf(await log.publish(publications));
  if (ref === null) throw new Error("not written");
  return { log, put, ref, publications };
}

const missing = { code: "BUSBAR_CONTENT_MISSING" };

describe("content in the blobs topic", () => {
  it("is read back whole, from several chunks, behind other records [arguments:by-reference]", async () => {
    const { log, ref, publications } = await written();
    expect([publications.length, ref.chunks.length, ref.bytes]).toEqual([3, 3, TEXT.length]);
    await expect(readBlob(log, PLACE, ref, LIMIT)).resolves.toBe(TEXT);
    const same = await written("ab".repeat(512 * 1024));
    await expect(readBlob(same.log, PLACE, same.ref, LIMIT)).resolves.toBe("ab".repeat(512 * 1024));
  });

  it("that others write under its key between its chunks changes nothing [arguments:forged-chunks-passed]", async () => {
    const forged = new Uint8Array(1000).fill(7);
    const { log, put } = await logWith();
    const { publications, refOf } = blobOf("blobs", 0, TEXT);
    const outcomes = [];
    for (const one of publications) {
      outcomes.push(...(await log.publish([one])));
      await put(forged);
    }
    const ref = refOf(outcomes);
    await expect(ref === null ? "" : readBlob(log, PLACE, ref, LIMIT)).resolves.toBe(TEXT);
  });

  it("is referred to only when all of it is acknowledged [arguments:acknowledged-first]", async () => {
    const { publications, refOf } = blobOf("blobs", 0, TEXT);
    const { log } = await logWith();
    const [first, ...rest] = await log.publish(publications);
    if (first === undefined) throw new Error("no outcome");
    expect(refOf([first])).toBeNull();
    expect(refOf([first, ...rest])?.offset).toBe("0");
  });

  const change: readonly (readonly [string, (ref: BlobRef) => BlobRef])[] = [
    ["stands elsewhere", (ref) => ({ ...ref, offset: "1" })],
    ["is at no place", (ref) => ({ ...ref, offset: "-1" })],
    ["has another digest", (ref) => ({ ...ref, sha256: sha256Hex("other") })],
    ["has another size", (ref) => ({ ...ref, bytes: ref.bytes - 1 })],
    ["names too few chunks", (ref) => ({ ...ref, chunks: ref.chunks.slice(1) })],
    ["names another chunk", (ref) => ({ ...ref, chunks: ref.chunks.with(1, sha256Hex("other")) })],
  ];
  it.each(change)("that %s is missing [arguments:missing-refused]", async (_what, changed) => {
    const { log, ref } = await written();
    await expect(readBlob(log, PLACE, changed(ref), LIMIT)).rejects.toMatchObject(missing);
  });

  it("that is larger than it may be is not read at all [arguments:bounded]", async () => {
    const { ref } = await written();
    const log = {
      read: () => {
        throw new Error("it was read");
      },
    };
    await expect(readBlob(log, PLACE, ref, ref.bytes - 1)).rejects.toMatchObject(missing);
  });

  it("is not looked for behind any amount of other records [arguments:bounded]", async () => {
    const chunk = new Uint8Array(512 * 1024);
    const { log, put } = await logWith();
    for (let count = 0; count < 40; count += 1) await put(chunk);
    const { publications, refOf } = blobOf("blobs", 0, TEXT);
    const ref = refOf(await log.publish(publications));
    if (ref === null) throw new Error("not written");
    await expect(readBlob(log, PLACE, { ...ref, offset: "0" }, LIMIT)).rejects.toMatchObject(missing);
  });
});
