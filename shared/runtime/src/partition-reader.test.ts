import { claimHeaders, GENESIS_DIGEST, stampHeaders } from "@busbar/events";
import { builtinSchemaIds, createCodec } from "@busbar/events/codec";
import type { StoredRecord } from "@busbar/log";
import { describe, expect, it } from "vitest";
import { metaWith } from "./meta.ts";
import { createPartitionReader } from "./partition-reader.ts";

const codec = createCodec({ ids: builtinSchemaIds() });
const claim = { offset: 0n, nonce: "nonce-1" };

const stored = (offset: bigint, value: Uint8Array | null, headers: Readonly<Record<string, string>>): StoredRecord => ({
  topic: "t.events",
  partition: 0,
  offset,
  timestampMs: 1000,
  key: "k",
  value,
  headers,
});
const claimed = (offset: bigint, nonce: string, value?: Uint8Array): StoredRecord => {
  const body =
    value ?? codec.encode("PartitionClaimed", { meta: metaWith({ eventId: "x", atMs: 7 }), owner: "gateway-1", nonce });
  return stored(offset, body, claimHeaders({ owner: "gateway-1", nonce }));
};
const opened = (offset: bigint, at = offset, epoch = claim, bytes?: Uint8Array): StoredRecord => {
  const body = { supervisor: "s", heartbeatAtMs: 1, eventsThrough: "1", directivesEnd: "0", through: "0", tools: [] };
  const value =
    bytes ?? codec.encode("DoorOpened", { meta: metaWith({ eventId: `t.events/0/${offset}`, atMs: 8 }), ...body });
  return stored(offset, value, {
    ...stampHeaders({ type: "DoorOpened", at, claim: epoch, prev: GENESIS_DIGEST, value }),
  });
};
const read = (...records: readonly StoredRecord[]) => createPartitionReader(codec).read({ records, unreadable: [] });
const told = (records: readonly StoredRecord[]) =>
  read(...records).map((one) => (one.kind === "void" ? one.reason : one.kind === "event" ? one.event.type : one.kind));

describe("reading an events partition", () => {
  it("gives valid events, decoded, with their digest [placement:readers-agree]", () => {
    const [first, second] = read(claimed(0n, "nonce-1"), opened(1n));
    expect(first).toMatchObject({
      kind: "event",
      offset: 0n,
      event: { type: "PartitionClaimed", owner: "gateway-1", nonce: "nonce-1", meta: { atMs: 7 } },
    });
    expect(second).toMatchObject({ kind: "event", offset: 1n, event: { type: "DoorOpened" } });
    expect(second?.kind === "event" && second.digest).toMatch(/^[0-9a-f]{64}$/u);
  });

  it("names what is void and why, in its place [placement:void-is-never-state]", () => {
    const other = { offset: 0n, nonce: "nonce-9" };
    expect(told([opened(0n, 5n), claimed(1n, "nonce-1"), opened(2n, 3n), opened(3n, 3n, other)])).toEqual([
      "no-claim",
      "PartitionClaimed",
      "other-offset",
      "other-epoch",
    ]);
  });

  it("counts a hole as one void position, in order with the records [append:hole-is-void]", () => {
    const reader = createPartitionReader(codec);
    const found = reader.read({
      records: [claimed(0n, "nonce-1"), opened(2n)],
      unreadable: [{ offset: 1n, kind: "hole", reason: "" }],
    });
    expect(found.map(({ kind, offset }) => [kind, offset])).toEqual([
      ["event", 0n],
      ["void", 1n],
      ["event", 2n],
    ]);
  });

  it("a void record that nobody can decode is void like any other [placement:headers-alone]", () => {
    expect(told([claimed(0n, "nonce-1"), opened(1n, 7n, claim, new Uint8Array([1, 2, 3]))])).toEqual([
      "PartitionClaimed",
      "other-offset",
    ]);
  });

  it("a valid one that nobody can decode is said to be so, never skipped [placement:headers-alone]", () => {
    expect(told([claimed(0n, "nonce-1"), opened(1n, 1n, claim, new Uint8Array([1, 2, 3]))])).toEqual([
      "PartitionClaimed",
      "undecodable",
    ]);
  });

  it("a claim counts by its headers, whatever its bytes say [placement:claims-always-count]", () => {
    const junk = claimed(0n, "nonce-1", new Uint8Array([0]));
    const liar = claimed(
      1n,
      "nonce-2",
      codec.encode("PartitionClaimed", { meta: metaWith({ eventId: "x", atMs: 7 }), owner: "other", nonce: "nonce-8" }),
    );
    const [first, second, third] = read(junk, liar, opened(2n, 2n, { offset: 1n, nonce: "nonce-2" }));
    expect(first).toMatchObject({
      kind: "event",
      event: { type: "PartitionClaimed", nonce: "nonce-1", meta: { atMs: 1000 } },
    });
    expect(second).toMatchObject({ event: { owner: "gateway-1", nonce: "nonce-2" } });
    expect(third?.kind).toBe("event");
  });

  it("goes on from the middle with the claim that was in force there [placement:start-in-mid-log]", () => {
    const reader = createPartitionReader(codec, { offset: 1n, claim });
    expect(reader.read({ records: [opened(1n)], unreadable: [] })[0]?.kind).toBe("event");
    expect(reader.placement()).toEqual({ next: 2n, claim });
  });
});
