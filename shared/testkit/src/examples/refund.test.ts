/** The README's program: a user's agent, its tool, and three tests of them on the bus in memory. */
import { defineAgent, defineTool } from "@busbar/agent";
import { answers, calls, createTestBus, specifyDoor } from "@busbar/testkit";
import { expect, test } from "vitest";

const paid: number[] = [];
const pay = defineTool<{ order: number }>({
  name: "refunds.pay",
  description: "Pays an order back",
  effect: "write",
  args: { type: "object", required: ["order"], properties: { order: { type: "integer" } } },
  timeoutMs: 1000,
  run: ({ order }) => {
    paid.push(order);
    return { paid: order };
  },
});
const clerk = defineAgent<{ order: number }>({
  name: "clerk",
  version: "1.0.0",
  handler: ({ input }, ctx) => ctx.tool("refunds.pay", { order: input.order }),
});

test("a refund is paid once, however often the task is sent", async () => {
  const bus = await createTestBus({ agents: [clerk], tools: [pay] });
  await bus.submit("clerk", { order: 7 }, { key: "order-7" });
  const outcome = await bus.submit("clerk", { order: 7 }, { key: "order-7" });
  expect(outcome).toMatchObject({ state: "completed", output: { paid: 7 } });
  expect(paid).toEqual([7]);
  await bus.stop();
});

test("a halted clerk pays nothing", async () => {
  const bus = await createTestBus({ agents: [clerk], tools: [pay] });
  await bus.halt("agent:clerk");
  expect(await bus.submit("clerk", { order: 8 })).toMatchObject({ state: "halted" });
  expect(paid).not.toContain(8);
  await bus.stop();
});

test("the same refund in one task is answered from the record", () => {
  const refund = calls("refunds.pay", { order: 9 });
  specifyDoor({ tools: [pay] })
    .given(refund, answers({ paid: 9 }))
    .when(refund)
    .thenRecords("EffectAlreadyDone");
});
