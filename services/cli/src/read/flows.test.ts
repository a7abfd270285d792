import { type FlowView, initialPartitionState, type PartitionState } from "@busbar/policy";
import { expect, it } from "vitest";
import { foldFlows } from "./flows.ts";

const paused: FlowView = {
  level: "paused",
  rule: "flow",
  reason: "agent:slow has 30 open chains",
  cause: "busbar.events/0/7",
  by: "supervisor:s1",
  isByHand: false,
  intervalMs: 100,
  retryAfterMs: 1000,
  nextAtMs: 0,
};
const state = (partition: number, more: Partial<PartitionState>): PartitionState => ({
  ...initialPartitionState(partition),
  openChains: 20,
  agentChains: { slow: 12, quick: 8 },
  ...more,
});

it("what is held back is listed once, with why, by whom, the load and the partitions that apply it [cli:throttle]", () => {
  const rows = foldFlows([
    state(0, { flows: { "agent:slow": paused, fleet: { ...paused, level: "shed", by: "operator:ann" } } }),
    state(1, { flows: { "agent:slow": paused } }),
    state(2, { flows: {} }),
  ]);
  expect(rows.map(({ key, level, by, open, partitions }) => [key, level, by, open, partitions])).toEqual([
    ["agent:slow", "paused", "supervisor:s1", 24, [0, 1]],
    ["fleet", "shed", "operator:ann", 20, [0]],
  ]);
});
