import { initialPartitionState, type PartitionState, type Policy } from "@busbar/policy";
import { describe, expect, it } from "vitest";
import { foldCaps } from "./caps.ts";

const NOW = 1_000_000;
const out = { sinceMs: NOW, startsUntilMs: NOW, endsUntilMs: NOW, heldUntilMs: 0 };
const state = (partition: number, caps: Policy["caps"], slots: PartitionState["slots"] = {}): PartitionState => ({
  ...initialPartitionState(partition),
  policy: { caps } as Policy,
  slots,
});

describe("the caps in status", () => {
  it("are told over all partitions: calls out, calls begun in the window, calls that wait [caps:shown]", () => {
    const caps = { "tool:t": { concurrency: 4, rate: { calls: 10, perMs: 1000 } } };
    const of = (calls: number) => ({
      "tool:t": {
        out: Object.fromEntries(Array.from({ length: calls }, (_, index) => [`c:${index}`, out])),
        begun: [[NOW - 500, 2] as const, [NOW - 2000, 7] as const],
        holdMs: 0,
        waiting: [
          { callId: "w:1", untilMs: NOW + 1 },
          { callId: "w:2", untilMs: NOW },
        ],
      },
    });
    expect(foldCaps([state(0, caps, of(2)), state(1, caps, of(1))], NOW)).toEqual([
      {
        cap: "tool:t",
        concurrency: { total: 4, out: 3 },
        rate: { total: 10, perMs: 1000, begun: 7 },
        waiting: 2,
        partitions: [0, 1],
        problem: "",
      },
    ]);
  });

  it("one that does not reach every partition says where it lives and what that means [caps:named-partitions]", () => {
    const caps = { "agent:a": { concurrency: 1, rate: null } };
    const [row] = foldCaps([state(0, caps), state(1, caps), state(2, caps)], NOW);
    expect(row).toMatchObject({ rate: null, concurrency: { total: 1, out: 0 }, waiting: 0 });
    expect(row?.partitions).toHaveLength(1);
    expect(row?.problem).toMatch(/^agents\.a\.concurrency: 1 is less than the 3 partitions of the bus/u);
  });

  it("without caps there is nothing to tell", () => {
    expect(foldCaps([state(0, undefined), initialPartitionState(1)], NOW)).toEqual([]);
  });
});
