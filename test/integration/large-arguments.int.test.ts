/** Arguments above what a record holds, on a broker that asks everybody who they are: what the agent may write, it does. */
import { expect, inject, test } from "vitest";
import { withBus } from "../harness/bus.ts";
import { judgeFires } from "../harness/fires.ts";

const LENGTH = 1_500_000;

test(
  "arguments of 1.5 MB: put aside by the agent, read by the gateway, handed to the tool whole, once [arguments:by-reference] [security:one-principal-per-agent]",
  { timeout: 90_000 },
  async () => {
    await withBus({ brokers: inject("brokers"), name: "large", partitions: 1 }, async (bus) => {
      const { watch, client } = bus;
      await Promise.all([bus.gateway("g1"), bus.supervisor("s1"), bus.agent("a1", { names: ["booker"] })]);
      await bus.doorsOpen();
      const input = { fails: [false], labelLength: LENGTH };
      const task = await client.submit({ agent: "booker", input, key: "large" });
      const outcome = await client.awaitOutcome(task, { timeoutMs: 45_000 });
      expect(outcome).toMatchObject({ state: "completed", output: { booked: 1 } });
      const booked = watch.ofType("EffectAdmitted").filter(({ event }) => event.tool === "parcel.book");
      expect(booked.map(({ event }) => [event.args, (event.meta.claimCheck?.bytes ?? 0) > LENGTH])).toEqual([
        ["", true],
      ]);
      const [done] = watch.ofType("EffectCommitted").filter(({ event }) => event.tool === "parcel.book");
      expect(JSON.parse(done?.event.result ?? "{}")).toEqual({ booked: 0, labelled: LENGTH });
      expect(judgeFires(bus.fires(), watch.events)).toEqual({ wrong: [], late: [] });
    });
  },
);
