import { expect, it } from "vitest";
import type { FollowProblem } from "./event-log.ts";
import { Subscription } from "./subscription.ts";

it("tells once that its broker is away, and once that it answers again, with nothing to deliver [log:reached-is-told]", () => {
  const said: string[] = [];
  const subscription = new Subscription(
    {
      topic: "t",
      partition: 0,
      from: 5n,
      onDelivery: ({ records }) => void said.push(`${records.length} records`),
      onProblem: ({ kind }) => void said.push(kind),
      onReached: () => void said.push("reached"),
    },
    () => undefined,
  );
  const empty = { records: [], unreadable: [], next: 5n, end: 5n };
  const away: FollowProblem = { kind: "unreachable", cause: new Error("away") };
  subscription.deliver(subscription.ticket(), empty);
  for (let times = 0; times < 2; times += 1) subscription.problem(away);
  for (let times = 0; times < 2; times += 1) subscription.deliver(subscription.ticket(), empty);
  subscription.problem(away);
  expect(said).toEqual(["unreachable", "reached", "unreachable"]);
});
