import { describe, expect, test } from "vitest";
import { initialPlacement, type PlacedPosition, place } from "./index.ts";

const claim = (nonce: string): Record<string, string> => ({ type: "PartitionClaimed", nonce, owner: "gateway-1" });
const event = (at: string, epoch: string): Record<string, string> => ({ type: "TaskCompleted", at, epoch });

/** Verdict and reason of each position, from the start of the partition. */
function judge(...positions: readonly (readonly [number, PlacedPosition["headers"]])[]): readonly string[] {
  let state = initialPlacement();
  return positions.map(([offset, headers]) => {
    const placed = place(state, { offset: BigInt(offset), headers });
    state = placed.state;
    return placed.reason === "" ? placed.verdict : `${placed.verdict} ${placed.reason}`;
  });
}

describe("placement", () => {
  test("a record at its offset under the latest claim is valid [placement:headers-stamped]", () => {
    expect(judge([0, claim("n1")], [1, event("1", "0:n1")], [2, event("2", "0:n1")])).toEqual([
      "claim",
      "valid",
      "valid",
    ]);
  });

  test("offset 0 is an offset: a claim there names it [placement:offset-zero]", () => {
    expect(judge([0, claim("n1")], [1, event("1", "0:n1")])[1]).toBe("valid");
    expect(judge([0, event("0", "0:n1")])).toEqual(["void no-claim"]);
  });

  test("before the first claim everything is void [placement:void-before-first-claim]", () => {
    expect(judge([4, event("4", "3:n1")], [5, claim("n1")], [6, event("6", "5:n1")])).toEqual([
      "void no-claim",
      "claim",
      "valid",
    ]);
  });

  test("a record that landed elsewhere is void, one offset off is enough [placement:void-at-mismatch]", () => {
    const verdicts = judge([0, claim("n1")], [1, {}], [2, event("1", "0:n1")], [3, event("4", "0:n1")]);
    expect(verdicts.slice(2)).toEqual(["void other-offset", "void other-offset"]);
  });

  test("only the one spelling of an offset is that offset [placement:void-at-mismatch]", () => {
    for (const at of ["01", "1 ", "+1", "1n", "0x1", "1e0", "1.0", "", "１"]) {
      expect(judge([0, claim("n1")], [1, event(at, "0:n1")])).toEqual(["claim", "void other-offset"]);
    }
  });

  test("an older claim, or another nonce at the same offset, is void [placement:void-epoch-mismatch]", () => {
    const [, , zombie, other, own] = judge(
      [0, claim("n1")],
      [1, claim("n2")],
      [2, event("2", "0:n1")],
      [3, event("3", "1:n1")],
      [4, event("4", "1:n2")],
    );
    expect([zombie, other, own]).toEqual(["void other-epoch", "void other-epoch", "valid"]);
  });

  test("a claim counts wherever it lies, also twice in a row [placement:claims-always-count]", () => {
    expect(judge([7, claim("n1")], [9, claim("n1")], [10, event("10", "9:n1")])).toEqual(["claim", "claim", "valid"]);
  });

  test("a claim that is stamped, or lacks owner or nonce, is no claim and no event [placement:claims-always-count]", () => {
    const flawed: readonly Record<string, string>[] = [
      { ...claim("n1"), at: "1" },
      { ...claim("n1"), epoch: "0:n1" },
      { ...claim("n1"), ...event("1", "0:n1"), type: "PartitionClaimed" },
      { type: "PartitionClaimed", owner: "g" },
      { type: "PartitionClaimed", nonce: "n1" },
      { type: "PartitionClaimed", nonce: "n1", owner: "" },
      { type: "PartitionClaimed", nonce: "a:b", owner: "g" },
    ];
    for (const headers of flawed) {
      expect(judge([0, claim("n1")], [1, headers], [2, event("2", "0:n1")])).toEqual([
        "claim",
        "void malformed-claim",
        "valid",
      ]);
    }
  });

  test("a hole or an unreadable batch is one void position and changes no claim [append:hole-is-void]", () => {
    expect(judge([0, claim("n1")], [1, null], [3, event("3", "0:n1")])).toEqual(["claim", "void unreadable", "valid"]);
  });

  test("headers that come from a prototype do not count [placement:headers-alone]", () => {
    const inherited = Object.create(event("1", "0:n1")) as Record<string, string>;
    expect(judge([0, claim("n1")], [1, inherited])).toEqual(["claim", "void unstamped"]);
  });

  test("positions that come out of order are a defect of the reader [placement:readers-agree]", () => {
    const { state } = place(initialPlacement(), { offset: 3n, headers: null });
    expect(() => place(state, { offset: 3n, headers: null })).toThrow("ascending");
    expect(() => initialPlacement({ offset: 3n, claim: { offset: 3n, nonce: "n1" } })).toThrow("before the start");
  });
});
