/** `busbar freeze`: forbids kinds of effects of a scope for a time, or lifts a freeze. */
import { randomBytes } from "node:crypto";
import { busbarError } from "@busbar/kernel";
import { Command } from "commander";
import { type OpenBus, withBus } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import { assertProven, awaitApplied, giveOrder, operatorName } from "../orders.ts";
import type { Output } from "../output.ts";
import { durationOption } from "../parse/duration.ts";
import { scopeArgument } from "../parse/scope.ts";
import { answerOrder, type OrderOptions, withOrderOptions } from "./order-options.ts";
import { readStatus } from "./status.ts";

const CLASSES = ["read", "write", "destructive"];

interface FreezeOptions extends OrderOptions {
  readonly effects: readonly string[];
  readonly for?: number;
  readonly lift?: string;
}

/** The classes in a comma-separated list. Throws BUSBAR_INPUT_INVALID. */
export function effectsOption(text: string): readonly string[] {
  const effects = [...new Set(text.split(",").map((one) => one.trim()))];
  const stranger = effects.find((one) => !CLASSES.includes(one));
  if (stranger === undefined) return effects;
  throw busbarError("BUSBAR_INPUT_INVALID", {
    what: "--effects",
    reason: `"${stranger}" is none of ${CLASSES.join(", ")}`,
    next: "write it like --effects write,destructive",
  });
}

async function freeze(output: Output, bus: OpenBus, scope: string, options: FreezeOptions): Promise<void> {
  const { effects, reason, timeout } = options;
  const freezeId = `f-${randomBytes(4).toString("hex")}`;
  const fromMs = Date.now();
  const untilMs = options.for === undefined ? 0 : fromMs + options.for;
  const order = await giveOrder(bus, "Freeze", scope, {
    freezeId,
    scope,
    effects,
    fromMs,
    untilMs,
    reason,
    by: operatorName(),
  });
  const applied = await awaitApplied(bus, order, scope, timeout, output.progress("partitions", bus.partitionCount));
  const until = untilMs === 0 ? "until lifted" : `until ${new Date(untilMs).toISOString()}`;
  const what = `froze ${effects.join(" and ")} effects of ${scope} ${until}, freeze ${freezeId}`;
  answerOrder(output, order, what, applied, { freeze: freezeId, scope, effects, untilMs });
  output.note(`next: npx busbar freeze --lift ${freezeId} --reason "<why>"`);
  assertProven(applied, timeout);
}

async function lift(output: Output, bus: OpenBus, freezeId: string, options: FreezeOptions): Promise<void> {
  const { reason, timeout } = options;
  const standing = (await readStatus(bus)).freezes.find(({ id }) => id === freezeId);
  if (standing === undefined) throw busbarError("BUSBAR_NOT_FOUND", { what: "standing freeze", id: freezeId });
  const order = await giveOrder(bus, "Unfreeze", standing.scope, { freezeId, reason, by: operatorName() });
  const applied = await awaitApplied(
    bus,
    order,
    standing.scope,
    timeout,
    output.progress("partitions", bus.partitionCount),
  );
  answerOrder(output, order, `lifted freeze ${freezeId} of ${standing.scope}`, applied, { freeze: freezeId });
  assertProven(applied, timeout);
}

export function freezeCommand(): Command {
  const command = new Command("freeze")
    .description("Forbids kinds of effects of a scope; or with --lift, ends a freeze.")
    .argument("[scope]", "fleet, agent:<name>, tool:<name> or chain:<id>", scopeArgument)
    .option("--effects <list>", "read, write, destructive", effectsOption, ["write", "destructive"])
    .option("--for <time>", "how long, like 1h (default: until it is lifted)", durationOption("--for"))
    .option("--lift <freeze>", "the id of the freeze to end")
    .action(async (scope: string | undefined, options: FreezeOptions, self: Command) => {
      const output = outputOf(self);
      const { lift: freezeId } = options;
      if ((scope === undefined) === (freezeId === undefined)) {
        throw busbarError("BUSBAR_INPUT_INVALID", {
          what: "freeze",
          reason: "it takes either a scope, or --lift with the id of a freeze",
          next: "npx busbar freeze --help",
        });
      }
      await withBus(output, (bus) =>
        freezeId === undefined ? freeze(output, bus, scope ?? "", options) : lift(output, bus, freezeId, options),
      );
    });
  return withOrderOptions(command);
}
