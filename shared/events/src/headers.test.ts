import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { fastDigestChain } from "./codec/digest.ts";
import { claimHeaders, digestChain, GENESIS_DIGEST, stampHeaders } from "./index.ts";

const value = new TextEncoder().encode("busbar");
const claim = { offset: 7n, nonce: "n1" };

describe("headers of the events topic", () => {
  test("an event carries type, at, epoch, digest and prev [placement:headers-stamped] [placement:digest-chain]", () => {
    expect(stampHeaders({ type: "TaskCompleted", at: 8n, claim, prev: GENESIS_DIGEST, value })).toEqual({
      type: "TaskCompleted",
      at: "8",
      epoch: "7:n1",
      digest: "32b0f203498707e534c573aa9908a3a44da07276eba0f3e1d1fe897299e6d876",
      prev: "0000000000000000000000000000000000000000000000000000000000000000",
    });
  });

  test("a claim carries type, nonce and owner and no at [placement:headers-stamped]", () => {
    expect(claimHeaders({ owner: "gateway-1", nonce: "n1" })).toEqual({
      type: "PartitionClaimed",
      nonce: "n1",
      owner: "gateway-1",
    });
    expect(() => claimHeaders({ owner: "g", nonce: "a:b" })).toThrow("nonce");
    expect(() => claimHeaders({ owner: "", nonce: "n1" })).toThrow("owner");
  });

  test("nothing is stamped for an offset at or before its own claim [placement:headers-stamped]", () => {
    expect(() => stampHeaders({ type: "X", at: 7n, claim, prev: GENESIS_DIGEST, value })).toThrow("after its claim");
  });

  test("a digest covers the 32 bytes of the previous one and the value [placement:digest-chain]", () => {
    const prev = "ab".repeat(32);
    const expected = createHash("sha256").update(Buffer.from(prev, "hex")).update(value).digest("hex");
    expect(digestChain(prev, value)).toBe(expected);
    expect(fastDigestChain(prev, value)).toBe(expected);
    expect(digestChain(prev, value.subarray(1))).not.toBe(expected);
    expect(digestChain("ac".repeat(32), value)).not.toBe(expected);
  });

  test("a previous digest that is none is a programmer error [placement:digest-chain]", () => {
    for (const prev of ["", "ab", "zz".repeat(32), "AB".repeat(32)]) {
      expect(() => digestChain(prev, value)).toThrow("64 hex digits");
    }
    for (const prev of ["", "ab", "zz".repeat(32)]) expect(() => fastDigestChain(prev, value)).toThrow("64 hex digits");
  });
});
