/** `busbar settle`: a person's word on an effect in doubt; it goes by the control topic, never behind data. */
import { parseEventId, partitionOf } from "@busbar/events";
import { busbarError } from "@busbar/kernel";
import { type Follower, locateClaim } from "@busbar/log";
import { createPartitionReader, metaWith } from "@busbar/runtime";
import { Argument, Command } from "commander";
import { type OpenBus, withBus } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import { operatorName, orderRecord, publishRecord } from "../orders.ts";
import { type OrderOptions, withOrderOptions } from "./order-options.ts";
import { readStatus } from "./status.ts";

interface Answer {
  readonly kind: "settled" | "rejected";
  readonly eventId: string;
  readonly reason: string;
}

/** The door's answer about a call, from `from` on. */
async function answerOf(
  bus: OpenBus,
  partition: number,
  from: bigint,
  callId: string,
  timeoutMs: number,
): Promise<Answer | null> {
  const { log, codec, topics } = bus;
  const claim = from === 0n ? null : await locateClaim(log, topics.events, partition, from);
  const reader = createPartitionReader(codec, { offset: from, claim });
  let follower: Follower | null = null;
  try {
    return await new Promise((resolve) => {
      setTimeout(() => resolve(null), timeoutMs).unref();
      follower = log.follow({
        topic: topics.events,
        partition,
        from,
        onDelivery: (delivery) => {
          for (const read of reader.read(delivery)) {
            if (read.kind !== "event") continue;
            const { event } = read;
            const isRejection = event.type === "CommandRejected" && event.commandType === "SettleEffect";
            if (!("callId" in event) || event.callId !== callId || !(isRejection || event.type === "EffectSettled"))
              continue;
            const reason = "reason" in event ? event.reason : "";
            return resolve({ kind: isRejection ? "rejected" : "settled", eventId: event.meta.eventId, reason });
          }
        },
        onProblem: () => undefined,
      });
    });
  } finally {
    await (follower as Follower | null)?.stop();
  }
}

/** The call id in any of its spellings: whole, or the step alone. */
export function callIdOf(chain: string, call: string): string {
  return /^\d+$/.test(call) ? `${chain}:${call}` : call;
}

export function settleCommand(): Command {
  const command = new Command("settle")
    .description(
      "Says how an effect in doubt ended, after a person has looked. npx busbar status names what is in doubt.",
    )
    .argument("<chain>", "id of the chain")
    .argument("<call>", "id of the call, or its step")
    .addArgument(new Argument("<outcome>", "what became of the effect").choices(["committed", "not-done"]))
    .action(
      async (
        chainId: string,
        call: string,
        outcome: "committed" | "not-done",
        options: OrderOptions,
        self: Command,
      ) => {
        const output = outputOf(self);
        await withBus(output, async (bus) => {
          const partition = partitionOf(chainId, bus.partitionCount);
          const callId = callIdOf(chainId, call);
          const { end } = await bus.log.offsets(bus.topics.events, partition);
          const atMs = Date.now();
          const meta = metaWith({ eventId: `cli/${callId}/${atMs}`, atMs, chainId });
          // What the person looked at is this attempt; the word on it says nothing about a later one.
          const doubt = (await readStatus(bus)).inDoubt.find((one) => one.callId === callId);
          const by = operatorName();
          const body = { callId, admitted: doubt?.admitted ?? "", outcome, reason: options.reason, by };
          const value = bus.codec.encode("SettleEffect", { meta, ...body });
          const { control } = bus.topics;
          await publishRecord(bus, control, partition, orderRecord(bus, control, chainId, "SettleEffect", value));
          const answer = await answerOf(bus, partition, end, callId, options.timeout);
          if (answer === null) {
            const what = `the settlement of ${callId}`;
            throw busbarError("BUSBAR_TIMEOUT", { what, timeoutMs: options.timeout, next: "npx busbar status" });
          }
          if (answer.kind === "rejected") {
            throw busbarError("BUSBAR_INPUT_INVALID", {
              what: `call ${callId}`,
              reason: answer.reason,
              next: `npx busbar trace ${chainId}`,
            });
          }
          const at = parseEventId(answer.eventId)?.offset ?? 0n;
          output.answer({
            value: { callId, outcome, event: answer.eventId },
            text: () => `settled ${callId} as ${outcome} at o${at}`,
          });
        });
      },
    );
  return withOrderOptions(command);
}
