/**
 * A call that a person has to approve, with real processes: gateway and agent are killed between the request and the
 * person's word, which is given at the command line. Each parcel is booked once, and the denied one never.
 */
import { expect, inject, test } from "vitest";
import { asked } from "../harness/asked.ts";
import { withBus } from "../harness/bus.ts";
import { judgeFires } from "../harness/fires.ts";

test(
  "a call waits for a person while gateway and agent are killed; the word at the command line admits it once, a no refuses it [approvals:survives] [approvals:shown] [approvals:signed]",
  { timeout: 120_000 },
  async () => {
    const project = { caps: { "parcel.book": { approve: "always" } } };
    await withBus({ brokers: inject("brokers"), name: "approvals", partitions: 1, project }, async (bus) => {
      const { watch, client } = bus;
      await Promise.all([bus.gateway("g1"), bus.supervisor("s1"), bus.agent("a1", { names: ["booker"] })]);
      await bus.doorsOpen();
      const task = await client.submit({ agent: "booker", input: { fails: [false, false] }, key: "asked" });
      const requests = () => watch.ofType("ApprovalRequested");
      await watch.until(() => requests().length === 1, "a person is asked");
      await Promise.all([bus.gateway("g2"), bus.agent("a2", { names: ["booker"] })]);
      await Promise.all([bus.kill("a1"), bus.kill("g1")]);
      await watch.until(
        () => watch.ofType("PartitionClaimed").some(({ event }) => event.owner === "g2"),
        "another gateway has taken over",
      );

      const [row] = (await asked(bus, "approvals ls")) as readonly {
        readonly callId: string;
        readonly argsHash: string;
      }[];
      const [request] = requests();
      expect(row).toMatchObject({ tool: "parcel.book", state: "waits", argsHash: request?.event.argsHash });
      const callId = row?.callId ?? "";
      const shown = await asked(bus, `approvals show ${callId}`);
      expect(shown).toMatchObject({
        args: '{"fail":false,"n":0}',
        rule: "approve",
        expiresAtMs: request?.event.expiresAtMs,
      });
      const granted = await asked(bus, `approvals grant ${callId} --reason "looked"`);
      expect(granted).toMatchObject({ word: "approved", argsHash: row?.argsHash });
      await watch.until(() => requests().length === 2, "the second parcel is asked about");
      const second = requests()[1]?.event.callId ?? "";
      expect(await asked(bus, `approvals deny ${second} --reason "no room"`)).toMatchObject({ word: "denied" });

      const outcome = await client.awaitOutcome(task, { timeoutMs: 45_000 });
      expect(outcome).toMatchObject({ state: "completed", output: { booked: 1 } });
      expect(bus.fires().map(({ tool }) => tool)).toEqual(["orders.annotate", "parcel.book", "orders.annotate"]);
      expect(judgeFires(bus.fires(), watch.events)).toEqual({ wrong: [], late: [] });
      expect(watch.ofType("ApprovalGranted").map(({ event }) => event.by)).toEqual([
        expect.stringMatching(/^operator:/),
      ]);
      expect((await bus.check()).findings).toEqual([]);
    });
  },
);
