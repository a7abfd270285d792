import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { sha256Hex, shortHash } from "./hash.ts";

describe("SHA-256", () => {
  /** Vectors of FIPS 180-4 (NIST examples). */
  it.each([
    ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    [
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ],
    ["a".repeat(1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"],
  ])("of %.20s… [errors:canonical-json]", (text, expected) => {
    expect(sha256Hex(text)).toBe(expected);
  });

  it("of text is that of its UTF-8 bytes, and the runtime's own [errors:canonical-json]", () => {
    const text = "naïve €uro 😀";
    expect(sha256Hex(text)).toBe(createHash("sha256").update(text, "utf8").digest("hex"));
    expect(sha256Hex(new TextEncoder().encode(text))).toBe(sha256Hex(text));
  });
});

describe("the short hash of parts", () => {
  it("is pinned: chain ids and effect keys are made of it [errors:canonical-json]", () => {
    expect(shortHash("task", "order-17")).toBe("4db784b33a2492d23773af3e45b46473");
    expect(shortHash()).toBe("e3b0c44298fc1c149afbf4c8996fb924");
  });

  it("keeps parts apart: no two lists of parts run together [errors:canonical-json]", () => {
    const lists = [
      ["ab", "c"],
      ["a", "bc"],
      ["abc"],
      ["a", "b", "c"],
      ["abc", ""],
      ["", "abc"],
      ["1:a|1:b"],
      ["a", "b"],
    ];
    expect(new Set(lists.map((parts) => shortHash(...parts))).size).toBe(lists.length);
  });
});
