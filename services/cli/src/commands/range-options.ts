/** What all commands that read a range of the log share: `--from`, `--to`, `--range` and `--partition`. */
import { busbarError } from "@busbar/kernel";
import type { Command } from "commander";
import { type OpenBus, partitionsOf } from "../bus.ts";
import { partitionOption } from "../parse/count.ts";
import {
  EARLIEST,
  LATEST,
  type LogPoint,
  type LogRange,
  partitionNamed,
  pointOption,
  rangeOption,
} from "../parse/point.ts";

export interface RangeOptions {
  readonly from?: LogPoint;
  readonly to?: LogPoint;
  readonly range?: LogRange;
  readonly partition?: number;
}

export function withPartition(command: Command): Command {
  return command.option("--partition <number>", "of one partition", partitionOption);
}

export function withRange(command: Command): Command {
  return command
    .option("--from <point>", "where to begin (default: earliest)", pointOption("--from"))
    .option("--to <point>", "where to end (default: latest)", pointOption("--to"))
    .option("--range <from..to>", "both at once", rangeOption("--range"));
}

/** Throws BUSBAR_INPUT_INVALID where a range and one of its ends are given. */
export function rangeOf({ from, to, range }: RangeOptions): LogRange {
  if (range === undefined) return { from: from ?? EARLIEST, to: to ?? LATEST };
  if (from === undefined && to === undefined) return range;
  const reason = "it says where to begin and to end already; --from and --to say it again";
  throw busbarError("BUSBAR_INPUT_INVALID", { what: "--range", reason, next: "give --range, or --from and --to" });
}

/** The partitions that a range is read in. Throws BUSBAR_INPUT_INVALID for one that is not there. */
export function partitionsInRange(
  bus: Pick<OpenBus, "partitionCount">,
  range: LogRange,
  chosen?: number,
): readonly number[] {
  const named = partitionNamed(range, chosen);
  if (named === null) return partitionsOf(bus);
  if (named < bus.partitionCount) return [named];
  throw busbarError("BUSBAR_INPUT_INVALID", {
    what: "the range",
    reason: `there is no partition ${named}: they are 0 to ${bus.partitionCount - 1}`,
    next: "npx busbar topics",
  });
}
