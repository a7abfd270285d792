import { sha256Hex } from "@busbar/kernel";
import { blobOf } from "@busbar/log";
import { createEmbeddedLog } from "@busbar/log/embedded";
import { describe, expect, it } from "vitest";
import { Contents } from "./contents.ts";

const PLACE = { topic: "blobs", partition: 0 };
const MB = 1024 * 1024;

/** A log with texts put aside, and how often it is read. */
async function scene(...texts: readonly string[]) {
  const log = createEmbeddedLog({});
  await log.ensureTopics([{ name: "blobs", partitions: 1, config: {} }]);
  const refs = [];
  for (const text of texts) {
    const { publications, refOf } = blobOf("blobs", 0, text);
    const ref = refOf(await log.publish(publications));
    if (ref !== null) refs.push(ref);
  }
  let reads = 0;
  const read: typeof log.read = (...range) => {
    reads += 1;
    return log.read(...range);
  };
  const clean = (text: string): string => text.replaceAll("secret", "[redacted]");
  const contents = new Contents({ log: { read }, ...PLACE, maxBytes: 40 * MB, clean });
  return { contents, refs, reads: () => reads };
}

describe("content in memory", () => {
  it("is read once, and there at once after that [arguments:by-reference]", async () => {
    const { contents, refs, reads } = await scene("a".repeat(MB));
    const [ref] = refs;
    if (ref === undefined) throw new Error("not written");
    expect(contents.peek(ref)).toBeNull();
    for (let count = 0; count < 3; count += 1) expect((await contents.read(ref)).length).toBe(MB);
    expect([contents.peek(ref)?.length, reads()]).toEqual([MB, 1]);
    await expect(contents.read({ ...ref, sha256: sha256Hex("other") })).rejects.toMatchObject({
      code: "BUSBAR_CONTENT_MISSING",
    });
  });

  it("is bounded: the oldest goes first, and is read again [arguments:bounded]", async () => {
    const { contents, refs, reads } = await scene("a".repeat(20 * MB), "b".repeat(20 * MB));
    for (const ref of refs) await contents.read(ref);
    expect(refs.map((ref) => contents.peek(ref)?.length ?? 0)).toEqual([0, 20 * MB]);
    const [first] = refs;
    if (first !== undefined) await contents.read(first);
    expect([refs.map((ref) => contents.peek(ref)?.length ?? 0), reads()]).toEqual([[20 * MB, 0], 3]);
  });

  it("holds no secret that the process knows [security:redacted]", async () => {
    const { contents, refs } = await scene('{"token":"secret"}');
    const [ref] = refs;
    await expect(ref === undefined ? "" : contents.read(ref)).resolves.toBe('{"token":"[redacted]"}');
  });
});
