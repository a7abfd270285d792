/** `busbar settle`: a person's word on an effect in doubt; it goes by the control topic, never behind data. */
import { parseEventId } from "@busbar/events";
import { Argument, Command } from "commander";
import { withBus } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import { aboutCall, sayToDoor } from "../control-orders.ts";
import { operatorName } from "../orders.ts";
import { type OrderOptions, withOrderOptions } from "./order-options.ts";
import { readStatus } from "./status.ts";

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
          const callId = callIdOf(chainId, call);
          // What the person looked at is this attempt; the word on it says nothing about a later one.
          const doubt = (await readStatus(bus)).inDoubt.find((one) => one.callId === callId);
          const { reason, timeout: timeoutMs } = options;
          const body = { callId, admitted: doubt?.admitted ?? "", outcome, reason, by: operatorName() };
          const sent = { type: "SettleEffect", chainId, body, what: `the settlement of ${callId}`, timeoutMs } as const;
          const { meta } = await sayToDoor(bus, sent, (event) => aboutCall(event, "EffectSettled", callId));
          const at = parseEventId(meta.eventId)?.offset ?? 0n;
          output.answer({
            value: { callId, outcome, event: meta.eventId },
            text: () => `settled ${callId} as ${outcome} at o${at}`,
          });
        });
      },
    );
  return withOrderOptions(command);
}
