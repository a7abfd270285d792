import { expect, it } from "vitest";
import { foldDrifts } from "./drifts.ts";

const NOW = 200_000_000;
const drift = (atMs: number) => ({ reason: `at ${atMs}`, index: 0.4, limit: 0.25, cause: "busbar.events/0/9", atMs });

it("the newest notice of each agent is shown for a day, whichever partition has applied it [cli:drift]", () => {
  const rows = foldDrifts(
    [
      { drifts: { "agent:a": drift(NOW - 9000), "agent:b": drift(NOW - 90_000_000) } },
      { drifts: { "agent:a": drift(NOW - 5000), "agent:c": drift(NOW - 1000) } },
      { drifts: {} },
    ],
    NOW,
  );
  expect(rows.map(({ agent, reason }) => [agent, reason])).toEqual([
    ["c", `at ${NOW - 1000}`],
    ["a", `at ${NOW - 5000}`],
  ]);
});
