/** What all commands that change something share: the reason that they ask for, the wait, and how it is shown. */
import { busbarError } from "@busbar/kernel";
import { type Command, Option } from "commander";
import type { Applied, Application, GivenOrder } from "../orders.ts";
import type { Output } from "../output.ts";
import { durationOption } from "../parse/duration.ts";
import type { Column } from "../table.ts";

export interface OrderOptions {
  readonly reason: string;
  readonly timeout: number;
}

/** Applying an order takes a few ms; this long only when an owner is gone. */
const DEFAULT_TIMEOUT_MS = 5000;

function reasonOption(text: string): string {
  if (text.trim() !== "") return text.trim();
  throw busbarError("BUSBAR_INPUT_INVALID", {
    what: "--reason",
    reason: "it is empty",
    next: 'say why, for example --reason "the refunds are wrong"',
  });
}

/** Adds `--reason` (required) and `--timeout`. */
export function withOrderOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--reason <text>", "why; it stands on the log with your name")
        .argParser(reasonOption)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option("--timeout <time>", "how long to wait for the partitions (default: 5s)")
        .argParser(durationOption("--timeout"))
        .default(DEFAULT_TIMEOUT_MS, "5s"),
    );
}

export interface PartitionRow {
  readonly partition: number;
  readonly state: "applied" | "UNPROVEN";
  readonly latencyMs: number | null;
  readonly application: Application | null;
}

export function partitionRows({ applications, missing }: Applied): readonly PartitionRow[] {
  const applied = applications.map((application): PartitionRow => {
    const { partition, latencyMs } = application;
    return { partition, state: "applied", latencyMs, application };
  });
  const unproven = missing.map((partition): PartitionRow => ({
    partition,
    state: "UNPROVEN",
    latencyMs: null,
    application: null,
  }));
  return [...applied, ...unproven].sort((left, right) => left.partition - right.partition);
}

export const PARTITION_COLUMNS: readonly Column<PartitionRow>[] = [
  { title: "partition", value: ({ partition }) => String(partition), align: "right" },
  { title: "state", value: ({ state }) => state },
  { title: "after", value: ({ latencyMs }) => (latencyMs === null ? "" : `${latencyMs} ms`), align: "right" },
];

/** The answer of an order that is no halt. */
export function answerOrder(
  output: Output,
  order: GivenOrder,
  what: string,
  applied: Applied,
  more: Record<string, unknown> = {},
): void {
  const rows = partitionRows(applied);
  const value = { order: order.offset, ...more, partitions: rows.map(({ application: _, ...row }) => row) };
  const slowest = Math.max(0, ...applied.applications.map(({ latencyMs }) => latencyMs));
  const text = (): string =>
    applied.missing.length === 0
      ? `${what}: applied by ${rows.length} of ${rows.length} partitions within ${slowest} ms`
      : `${what}: not proven everywhere\n${output.table(rows, PARTITION_COLUMNS)}`;
  output.answer({ value, text });
}
