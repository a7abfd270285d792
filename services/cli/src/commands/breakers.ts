/** `busbar breakers`: lists the breakers of tools, agents and agents at tools; a person holds one open, or closes it. */
import { parseEventId } from "@busbar/events";
import { Command } from "commander";
import { withBus } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import { assertProven, awaitApplied, giveOrder, operatorName } from "../orders.ts";
import type { Output } from "../output.ts";
import { breakerKeyArgument, shortBreakerKey } from "../parse/breaker-key.ts";
import { formatDuration } from "../parse/duration.ts";
import { type BreakerRow, foldBreakers, readBreakerOrders } from "../read/breakers.ts";
import { viewPartitions } from "../read/partition.ts";
import type { Column } from "../table.ts";
import { answerOrder, type OrderOptions, withOrderOptions } from "./order-options.ts";

async function order(
  type: "IsolateBreaker" | "CloseBreaker",
  key: string,
  options: OrderOptions,
  self: Command,
): Promise<void> {
  const output = outputOf(self);
  const { reason, timeout } = options;
  const by = operatorName();
  await withBus(output, async (bus) => {
    const given =
      type === "IsolateBreaker"
        ? await giveOrder(bus, type, key, { key, reason, by })
        : await giveOrder(bus, type, key, { key, cause: "", reason, by });
    const applied = await awaitApplied(bus, given, key, timeout, output.progress("partitions", bus.partitionCount));
    answerOrder(
      output,
      given,
      `${type === "IsolateBreaker" ? "isolated" : "closed"} the breaker of ${shortBreakerKey(key)}`,
      applied,
      {
        key,
      },
    );
    if (type === "IsolateBreaker")
      output.note(`next: npx busbar breakers close ${shortBreakerKey(key)} --reason "<why>"`);
    assertProven(applied, timeout);
  });
}

function nextProbe({ state, nextProbeAtMs, grantsLeft }: BreakerRow, nowMs: number): string {
  if (state === "closed") return "";
  if (state === "isolated") return "none: a person closes it";
  if (grantsLeft > 0) return "granted: the next call";
  if (nextProbeAtMs === null) return "";
  const waitMs = nextProbeAtMs - nowMs;
  return waitMs > 0 ? `in ${formatDuration(waitMs)}, when a call asks` : "when a call asks";
}

function columns(nowMs: number, count: number): readonly Column<BreakerRow>[] {
  return [
    { title: "key", value: ({ key }) => key },
    { title: "state", value: ({ state }) => state },
    { title: "since", value: ({ sinceMs }) => (sinceMs === null ? "" : `${formatDuration(nowMs - sinceMs)} ago`) },
    { title: "rule", value: ({ rule }) => rule },
    { title: "why", value: ({ reason }) => reason },
    { title: "by", value: ({ by }) => by },
    { title: "cause", value: ({ cause }) => cause },
    {
      title: "grants left",
      value: ({ state, grantsLeft }) => (state === "closed" ? "" : String(grantsLeft)),
      align: "right",
    },
    { title: "next probe", value: (row) => nextProbe(row, nowMs) },
    { title: "partitions", value: ({ partitions }) => (partitions.length === count ? "all" : partitions.join(",")) },
  ];
}

function hint(output: Output, rows: readonly BreakerRow[]): void {
  const open = rows.find(({ state }) => state !== "closed");
  if (open === undefined || output.form !== "table") return;
  const cause = parseEventId(open.cause);
  if (cause !== null) {
    const { partition, offset } = cause;
    output.note(`why: npx busbar events query --range ${partition}/${offset}..${partition}/${offset + 1n}`);
  }
  output.note(`next: npx busbar breakers close ${shortBreakerKey(open.key)} --reason "<why>"`);
}

async function list(options: { readonly open?: boolean }, self: Command): Promise<void> {
  const output = outputOf(self);
  const rows = await withBus(output, async (bus) => {
    const views = await viewPartitions(bus);
    return foldBreakers(
      views.map(({ state }) => state),
      await readBreakerOrders(bus),
      Date.now(),
    );
  });
  const shown = rows.filter(({ state }) => options.open !== true || state !== "closed");
  const count = Math.max(0, ...rows.map(({ partitions }) => partitions.length));
  const nothing =
    options.open === true ? "every breaker is closed" : "no tool or agent is known: no policy is in force";
  const text = (): string => (shown.length === 0 ? nothing : output.table(shown, columns(Date.now(), count)));
  output.answer({ value: shown, lines: shown, text });
  hint(output, shown);
}

export function breakersCommand(): Command {
  const breakers = new Command("breakers").description(
    "Lists the breakers of tools, agents and agents at tools, holds one open until a person closes it, or closes it.",
  );
  breakers
    .command("ls", { isDefault: true })
    .description(
      "list them: state, since when and why, grants left, next probe; those of an agent at a tool where not closed",
    )
    .option("--open", "only those that are not closed")
    .addHelpText("after", "\nExample:\n  npx busbar breakers --open")
    .action(list);
  for (const [verb, type, text] of [
    ["isolate", "IsolateBreaker", "refuse every call that meets it until a person closes the breaker"],
    ["close", "CloseBreaker", "let calls through again"],
  ] as const) {
    const command = new Command(verb)
      .description(text)
      .argument("<breaker>", "<tool>, agent:<name> or agent:<name>/tool:<name>", breakerKeyArgument)
      .addHelpText(
        "after",
        `\nExample:\n  npx busbar breakers ${verb} mail.send --reason "the mail server moves"\n  npx busbar breakers ${verb} agent:support/tool:mail.send --reason "wrong recipients"`,
      )
      .action((key: string, options: OrderOptions, self: Command) => order(type, key, options, self));
    breakers.addCommand(withOrderOptions(command));
  }
  return breakers;
}
