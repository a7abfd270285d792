/** `busbar halt`: the order, then the acknowledgement of every partition's owner (PROTOCOL 6.5). */
import { Command } from "commander";
import { withBus } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import { assertProven, type Applied, awaitApplied, giveOrder, type GivenOrder, operatorName } from "../orders.ts";
import type { Output } from "../output.ts";
import { scopeArgument } from "../parse/scope.ts";
import type { Column } from "../table.ts";
import {
  type OrderOptions,
  PARTITION_COLUMNS,
  type PartitionRow,
  partitionRows,
  withOrderOptions,
} from "./order-options.ts";

const names = (list: readonly string[]): string => (list.length === 0 ? "0" : `${list.length}: ${list.join(", ")}`);

const COLUMNS: readonly Column<PartitionRow>[] = [
  ...PARTITION_COLUMNS,
  {
    title: "admitted between",
    value: ({ application }) => (application === null ? "" : String(application.admittedBetween.length)),
  },
  { title: "abandoned", value: ({ application }) => (application === null ? "" : names(application.abandoned)) },
  {
    title: "in flight",
    value: ({ application }) => {
      return application === null ? "" : names(application.inFlight.map(({ tool, callId }) => `${tool} ${callId}`));
    },
  },
];

/** The table of acknowledgements, and what it proves. */
export function answerHalt(output: Output, scope: string, order: GivenOrder, applied: Applied): void {
  const rows = partitionRows(applied);
  const acknowledged = applied.applications;
  const between = acknowledged.flatMap(({ admittedBetween }) => admittedBetween);
  const inFlight = acknowledged.flatMap((one) => one.inFlight);
  const value = {
    scope,
    fence: order.offset,
    acknowledged: applied.missing.length === 0,
    admittedUnproven: applied.admittedUnproven,
    partitions: rows.map(({ application, ...row }) => ({
      ...row,
      state: application === null ? "UNPROVEN" : "acknowledged",
      admittedBetween: application?.admittedBetween ?? [],
      abandoned: application?.abandoned ?? [],
      inFlight: application?.inFlight ?? [],
    })),
  };
  const text = (): string => {
    const shown = rows.map((row) => ({
      ...row,
      state: row.state === "applied" ? ("acknowledged" as never) : row.state,
    }));
    const head = `${output.bold(`halted ${scope}`)}, fence ${order.offset}`;
    const counts = `effects admitted between order and acknowledgement: ${between.length}; in flight, named: ${inFlight.length}`;
    const open = applied.admittedUnproven.length;
    const rest =
      applied.missing.length === 0 ? [] : [`effects admitted since the order where nothing is proven: ${open} so far`];
    return [head, output.table(shown, COLUMNS), counts, ...rest].join("\n");
  };
  output.answer({ value, text });
}

export function haltCommand(): Command {
  const command = new Command("halt")
    .description(
      "Stops every effect of a scope. Waits until the owner of each partition has acknowledged; what does not answer is UNPROVEN (exit code 4).",
    )
    .argument("<scope>", "fleet, agent:<name>, tool:<name> or chain:<id> (with its sub-tasks)", scopeArgument)
    .action(async (scope: string, options: OrderOptions, self: Command) => {
      const output = outputOf(self);
      await withBus(output, async (bus) => {
        const { reason, timeout } = options;
        const order = await giveOrder(bus, "Halt", scope, {
          scope,
          reason,
          by: operatorName(),
          rule: "by-hand",
          cause: "",
        });
        const applied = await awaitApplied(
          bus,
          order,
          scope,
          timeout,
          output.progress("partitions", bus.partitionCount),
        );
        answerHalt(output, scope, order, applied);
        output.note(`next: npx busbar resume ${scope} --fence ${order.offset} --reason "<why>"`);
        assertProven(applied, timeout);
      });
    });
  return withOrderOptions(command);
}
