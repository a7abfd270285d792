/**
 * What people type about a chain that a rule halted: the hand-off with all that led to it, its answer, and the rollback
 * of what the chain had done, planned first.
 */
import { expect, inject, test } from "vitest";
import { asked } from "../harness/asked.ts";
import { withBus } from "../harness/bus.ts";

test(
  "a chain that a rule halted is handed to a person, who reads what led to it, answers, and rolls it back with the plan first [degradation:hand-off-on-halt] [handoffs:answered] [rollback:plan] [rollback:halted-chain]",
  { timeout: 120_000 },
  async () => {
    const undo = { tool: "orders.annotate", args: { orderId: "$args.orderId", n: 9, text: "undone" } };
    const project = { caps: { "orders.annotate": { undo } }, degradation: { refusals: 0 } };
    await withBus({ brokers: inject("brokers"), name: "people", partitions: 1, project }, async (bus) => {
      const { watch, client } = bus;
      await Promise.all([bus.gateway("g1"), bus.supervisor("s1"), bus.agent("a1", { names: ["booker"] })]);
      await bus.doorsOpen();
      const { chainId } = await client.submit({ agent: "booker", input: { fails: [true, true] }, key: "halted" });
      await watch.until(() => watch.ofType("HandedOff").length === 1, "the halted chain is handed off");

      const callId = `${chainId}:handoff`;
      expect(await asked(bus, "handoffs ls")).toMatchObject([{ callId, rule: "hand-off-on-halt", chain: "halted" }]);
      const shown = (await asked(bus, `handoffs show ${callId}`)) as {
        readonly events: readonly { readonly type: string }[];
      };
      const types = shown.events.map(({ type }) => type);
      expect([types[0], types.at(-2), types.at(-1)]).toEqual(["TaskSubmitted", "ChainHalted", "HandedOff"]);
      expect(await asked(bus, `handoffs take ${callId} --reason "mine"`)).toMatchObject({ callId });
      const answered = await asked(bus, `handoffs answer ${callId} "roll it back" --reason "looked"`);
      expect(answered).toMatchObject({ answer: "roll it back" });
      expect(await asked(bus, "handoffs ls")).toEqual([]);

      const plan = await asked(bus, `rollback ${chainId} --plan --reason "look"`);
      expect(plan).toMatchObject({
        undos: [{ of: "orders.annotate", tool: "orders.annotate" }],
        impossible: [],
        left: 0,
      });
      expect(await asked(bus, `rollback ${chainId} --yes --reason "as decided"`)).toMatchObject({ state: "completed" });
      const noted = watch.ofType("EffectAdmitted").filter(({ event }) => event.tool === "orders.annotate");
      const done = watch.ofType("EffectCommitted").find(({ event }) => event.meta.chainId === chainId);
      expect(noted.map(({ event }) => event.undoes)).toEqual(["", done?.event.meta.eventId]);
      expect(await asked(bus, `rollback ${chainId} --plan --reason "again"`)).toMatchObject({ undos: [], number: 1 });
      expect((await bus.check()).findings).toEqual([]);
    });
  },
);
