/** The agent on a whole bus in memory. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createTestBus } from "@busbar/testkit";
import { agents } from "./clerk.ts";
import { tools } from "./refunds.ts";

async function openBus(context: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), "refunds-"));
  process.env["REFUNDS_DB"] = join(folder, "refunds.db");
  const bus = await createTestBus({ agents, tools });
  context.after(async () => {
    await bus.stop();
    await rm(folder, { recursive: true });
  });
  return bus;
}

test("the clerk pays once, however often its task is sent", async (context) => {
  const bus = await openBus(context);
  await bus.submit("clerk", { orderId: 7 }, { key: "order-7" });
  const again = await bus.submit("clerk", { orderId: 7 }, { key: "order-7" });
  assert.deepEqual(again.output, { orderId: 7, refund: 1 });
  assert.equal(bus.events().filter(({ type }) => type === "EffectCommitted").length, 1);
});

test("a clerk that is refused twice in a row is halted", async (context) => {
  const bus = await openBus(context);
  const freeze = { freezeId: "audit", scope: "agent:clerk", effects: ["write"], fromMs: 0, untilMs: 0 };
  await bus.order("Freeze", { ...freeze, reason: "audit day", by: "operator:test" });
  const outcome = await bus.submit("clerk", { orderId: 8 });
  assert.equal(outcome.state, "halted");
  assert.equal(bus.events().filter(({ type }) => type === "EffectRefused").length, 2);
});
