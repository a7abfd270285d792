/**
 * What a person answers while many commands wait: an effect is in doubt, a hostile agent has filled the topic of
 * commands, and the door is at work on that; the person's word does not wait for the rest of it.
 */
import { expect, inject, test } from "vitest";
import { type Bus, keyIn, withBus } from "../harness/bus.ts";
import { forgeCommand } from "../harness/forge.ts";

const BACKLOG = 6000;
/** Of them are decided after the operator's word at least: first in, first out would leave none. */
const LEFT = 1000;
const PARTITION = 0;

/** Commands of a chain that nobody opened: each is one decision, a rejection. */
async function fillUp(bus: Bus): Promise<void> {
  const body = { step: 1, tool: "orders.annotate", args: "{}", repeat: 0 };
  const as = { chainId: "0".repeat(32), agent: "booker", incarnation: 1, sequence: 1, partition: PARTITION };
  const { record } = forgeCommand(bus, "CallTool", body, as);
  const one = { topic: bus.topics.commands, partition: PARTITION, record };
  // Smaller than a produce request may be.
  const batches = Array.from({ length: BACKLOG / 500 }, () => Array.from({ length: 500 }, () => one));
  const outcomes = await Promise.all(batches.map((batch) => bus.log.publish(batch)));
  expect(outcomes.flat().filter(({ kind }) => kind !== "appended")).toEqual([]);
}

test(
  `${BACKLOG} commands wait: an operator's settlement that came after them is decided before the most of them [door:answers-before-commands] [effects:person-settles]`,
  { timeout: 120_000 },
  async () => {
    const faults = [{ tool: "mail.send", kind: "latency", latencyMs: 60_000 }] as const;
    const project = { timeoutMs: 60_000 };
    await withBus({ brokers: inject("brokers"), name: "operators", partitions: 1, faults, project }, async (bus) => {
      const { watch, topics } = bus;
      const [first] = await Promise.all([bus.gateway("g1"), bus.supervisor("s1")]);
      await bus.doorsOpen();
      const input = { orderId: 1, rounds: 1 };
      const task = await bus.client.submit({ agent: "courier", input, key: keyIn(PARTITION, 1, "settled") });
      const mail = {
        step: 1,
        tool: "mail.send",
        args: '{"body":"it is on its way","subject":"order 1","to":"a@example.com"}',
        repeat: 0,
      };
      const as = { chainId: task.chainId, agent: "courier", incarnation: 1, sequence: 1 };
      await bus.log.publish([{ topic: topics.commands, ...forgeCommand(bus, "CallTool", mail, as) }]);
      const answers = () => watch.events.filter(({ event }) => "callId" in event && event.callId !== "");
      await watch.until(() => answers().length > 0, "the mail is decided");
      const [admitted] = watch.ofType("EffectAdmitted");
      if (admitted === undefined) throw new Error(`the mail was not admitted: ${JSON.stringify(answers()[0]?.event)}`);
      await first.kill();

      const { callId } = admitted.event;
      await bus.gateway("g2");
      await watch.until(() => watch.ofType("EffectInDoubt").length > 0, "the successor names the mail in doubt");
      const rejected = () => watch.ofType("CommandRejected").filter(({ event }) => event.topic === topics.commands);
      await fillUp(bus);
      await watch.until(() => rejected().length > 0, "the backlog is being decided");
      await bus.orders.settle(task.chainId, { callId, admitted: String(admitted.offset) }, "committed");
      await watch.until(() => rejected().length === BACKLOG, "all that waited is decided");
      const settled = watch.ofType("EffectSettled").find(({ event }) => event.by === "operator:test");
      expect(settled?.event).toMatchObject({ callId, outcome: "committed" });
      const after = rejected().filter(({ offset }) => offset > (settled?.offset ?? 0n)).length;
      console.info(`${BACKLOG - after} of ${BACKLOG} commands were decided before the operator's word`);
      expect(after, "commands that waited longer than the operator").toBeGreaterThanOrEqual(LEFT);
    });
  },
);
