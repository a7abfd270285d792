/** `busbar trace <chain>`: a chain as a tree, its sub-tasks in other partitions included. */
import { partitionOf } from "@busbar/events";
import { busbarError } from "@busbar/kernel";
import { Command } from "commander";
import { type OpenBus, withBus } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import { EARLIEST, LATEST, type LogRange, offsetsOfRange, partitionNamed, POINT_GRAMMAR } from "../parse/point.ts";
import { readEvents } from "../read/partition.ts";
import { renderTrace } from "../read/render-trace.ts";
import { childrenIn, type ChainTrace, traceChain, type TracedEvent } from "../read/trace.ts";
import { rangeOf, type RangeOptions, withRange } from "./range-options.ts";

/** What of a trace's partitions is read. An offset bounds its own partition; the others are read whole. */
export interface TraceReading {
  readonly range: LogRange;
  onRead(count: number): void;
}

const WHOLE: TraceReading = { range: { from: EARLIEST, to: LATEST }, onRead: () => undefined };

/** Of one partition: what concerns the chain and its descendants, and the directives that its owner applied. */
async function eventsOf(
  bus: OpenBus,
  partition: number,
  chain: string,
  { range, onRead }: TraceReading,
): Promise<readonly TracedEvent[]> {
  const found: TracedEvent[] = [];
  const named = partitionNamed(range);
  const bounds = named === null || named === partition ? range : WHOLE.range;
  const offsets = await offsetsOfRange(bus.log, bus.topics.events, partition, bounds);
  let count = 0;
  for await (const read of readEvents(bus, partition, offsets)) {
    onRead(++count);
    if (read.kind !== "event") continue;
    const { event, offset } = read;
    const isDirective = event.type === "HaltAcknowledged" || event.type === "DirectivesApplied";
    const isOurs = event.meta.chainId === chain || event.meta.lineage.includes(chain);
    if (isDirective || isOurs) found.push({ partition, offset, event });
  }
  return found;
}

/** The chain and its descendants, from the partitions that hold them. Null where the log has no such chain. */
export async function readTrace(bus: OpenBus, chain: string, reading = WHOLE): Promise<ChainTrace | null> {
  const read = new Map<number, readonly TracedEvent[]>();
  const queue = [chain];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const partition = partitionOf(next, bus.partitionCount);
    if (read.has(partition)) continue;
    const events = await eventsOf(bus, partition, chain, reading);
    read.set(partition, events);
    queue.push(...childrenIn(events));
  }
  return traceChain(chain, [...read.values()].flat());
}

/** What lifts the halt that stands on the chain; null where none stands or its scope is another one's. */
function resumeHint(trace: ChainTrace): string | null {
  if (trace.state !== "halted") return null;
  const halt = trace.items.findLast(({ note }) => note?.kind === "halted")?.note;
  if (halt === undefined || halt.scope === "") return "npx busbar status";
  return `npx busbar resume ${halt.scope} --fence ${halt.fence} --reason "<why>"`;
}

const EXAMPLES = `
${POINT_GRAMMAR}
A long log is read faster from a point before the chain began.

Example:
  npx busbar trace b14fe0e7d4638085d06bacdef601ae0b --from -1h`;

async function trace(given: string, options: RangeOptions, self: Command): Promise<void> {
  const output = outputOf(self);
  const chain = given.startsWith("chain:") ? given.slice("chain:".length) : given;
  const range = rangeOf(options);
  await withBus(output, async (bus) => {
    const progress = output.progress("records", null);
    const found = await readTrace(bus, chain, { range, onRead: progress.tick }).finally(progress.stop);
    if (found === null) throw busbarError("BUSBAR_NOT_FOUND", { what: "chain", id: chain });
    output.answer({ value: found, lines: found.items, text: () => renderTrace(found, output.width) });
    const hint = resumeHint(found);
    if (hint !== null) output.note(`next: ${hint}`);
    output.note(`all its events: npx busbar events query --chain ${chain}`);
  });
}

export function traceCommand(): Command {
  const command = new Command("trace")
    .description(
      "Shows each step of a chain with its evidence in the log, its sub-tasks, refusals, and claims beside facts.",
    )
    .argument("<chain>", "id of the chain, as npx busbar submit prints it")
    .addHelpText("after", EXAMPLES)
    .action(trace);
  return withRange(command);
}
