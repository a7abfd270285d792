/** `busbar resume`: lifts one halt, named by its fence; a fence that does not stand is refused before anything is said. */
import { busbarError } from "@busbar/kernel";
import { Command } from "commander";
import { withBus } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import { assertProven, awaitApplied, endsOf, giveOrder, operatorName } from "../orders.ts";
import { scopeArgument } from "../parse/scope.ts";
import type { BusStatus } from "../read/status.ts";
import { answerOrder, type OrderOptions, withOrderOptions } from "./order-options.ts";
import { readStatus } from "./status.ts";

/** Null when the fence stands on the scope; else the error that says which one does. */
export function fenceProblem(status: BusStatus, scope: string, fence: string): ReturnType<typeof busbarError> | null {
  const ordered = status.fences.filter((one) => one.scope === scope).map(({ id }) => id);
  const byRule = status.haltedChains.filter(({ chainId }) => scope === `chain:${chainId}`).map((one) => one.fence);
  const standing = [...new Set([...ordered, ...byRule])];
  if (standing.includes(fence)) return null;
  const [other] = standing;
  if (other === undefined) return busbarError("BUSBAR_NOT_FOUND", { what: "a halt of", id: scope });
  return busbarError("BUSBAR_INPUT_INVALID", {
    what: "--fence",
    reason: `${fence} does not stand on ${scope}; ${standing.join(" and ")} does`,
    next: `npx busbar resume ${scope} --fence ${other} --reason "<why>"`,
  });
}

export function resumeCommand(): Command {
  const command = new Command("resume")
    .description("Lifts one halt of one scope. The fence names it: npx busbar status and npx busbar trace print it.")
    .argument("<scope>", "the scope that was halted", scopeArgument)
    .requiredOption("--fence <id>", "the fence of its halt")
    .action(async (scope: string, options: OrderOptions & { readonly fence: string }, self: Command) => {
      const output = outputOf(self);
      const { fence, reason, timeout } = options;
      await withBus(output, async (bus) => {
        const problem = fenceProblem(await readStatus(bus), scope, fence);
        if (problem !== null) throw problem;
        const coversThrough = (await endsOf(bus)).map((end, partition) => ({ partition, through: end.toString() }));
        const order = await giveOrder(bus, "Resume", scope, {
          scope,
          fence,
          reason,
          by: operatorName(),
          coversThrough,
        });
        const applied = await awaitApplied(
          bus,
          order,
          scope,
          timeout,
          output.progress("partitions", bus.partitionCount),
        );
        answerOrder(output, order, `resumed ${scope} (fence ${fence})`, applied, { scope, fence });
        assertProven(applied, timeout);
      });
    });
  return withOrderOptions(command);
}
