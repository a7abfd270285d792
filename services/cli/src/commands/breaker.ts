/** `busbar breaker`: a person holds the breaker of a tool open (isolated), or closes it. */
import { Command } from "commander";
import { withBus } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import { assertProven, awaitApplied, giveOrder, operatorName } from "../orders.ts";
import { answerOrder, type OrderOptions, withOrderOptions } from "./order-options.ts";

const toolName = (text: string): string => (text.startsWith("tool:") ? text.slice("tool:".length) : text);

async function order(
  type: "IsolateBreaker" | "CloseBreaker",
  tool: string,
  options: OrderOptions,
  self: Command,
): Promise<void> {
  const output = outputOf(self);
  const { reason, timeout } = options;
  const key = `tool:${tool}`;
  const by = operatorName();
  await withBus(output, async (bus) => {
    const given =
      type === "IsolateBreaker"
        ? await giveOrder(bus, type, key, { key, reason, by })
        : await giveOrder(bus, type, key, { key, cause: "", reason, by });
    const applied = await awaitApplied(bus, given, key, timeout);
    answerOrder(output, given, `${type === "IsolateBreaker" ? "isolated" : "closed"} the breaker of ${tool}`, applied, {
      key,
    });
    if (type === "IsolateBreaker") output.note(`next: npx busbar breaker close ${tool} --reason "<why>"`);
    assertProven(applied, timeout);
  });
}

export function breakerCommand(): Command {
  const breaker = new Command("breaker").description(
    "Holds the breaker of a tool open until a person closes it, or closes it.",
  );
  for (const [verb, type, text] of [
    ["isolate", "IsolateBreaker", "refuse every call of the tool until a person closes the breaker"],
    ["close", "CloseBreaker", "let calls of the tool through again"],
  ] as const) {
    const command = new Command(verb)
      .description(text)
      .argument("<tool>", "name of the tool", toolName)
      .action((tool: string, options: OrderOptions, self: Command) => order(type, tool, options, self));
    breaker.addCommand(withOrderOptions(command));
  }
  return breaker;
}
