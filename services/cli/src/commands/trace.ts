/** `busbar trace <chain>`: a chain as a tree, its sub-tasks in other partitions included. */
import { partitionOf } from "@busbar/events";
import { busbarError } from "@busbar/kernel";
import { Command } from "commander";
import { type OpenBus, withBus } from "../bus.ts";
import { outputOf } from "../command-output.ts";
import { readEvents } from "../read/partition.ts";
import { renderTrace } from "../read/render-trace.ts";
import { childrenIn, type ChainTrace, traceChain, type TracedEvent } from "../read/trace.ts";

/** Of one partition: what concerns the chain and its descendants, and the directives that its owner applied. */
async function eventsOf(bus: OpenBus, partition: number, chain: string): Promise<readonly TracedEvent[]> {
  const found: TracedEvent[] = [];
  for await (const read of readEvents(bus, partition, { from: 0n })) {
    if (read.kind !== "event") continue;
    const { event, offset } = read;
    const isDirective = event.type === "HaltAcknowledged" || event.type === "DirectivesApplied";
    const isOurs = event.meta.chainId === chain || event.meta.lineage.includes(chain);
    if (isDirective || isOurs) found.push({ partition, offset, event });
  }
  return found;
}

/** The chain and its descendants, from the partitions that hold them. Null where the log has no such chain. */
export async function readTrace(bus: OpenBus, chain: string): Promise<ChainTrace | null> {
  const read = new Map<number, readonly TracedEvent[]>();
  const queue = [chain];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const partition = partitionOf(next, bus.partitionCount);
    if (read.has(partition)) continue;
    const events = await eventsOf(bus, partition, chain);
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

export function traceCommand(): Command {
  return new Command("trace")
    .description(
      "Shows each step of a chain with its evidence in the log, its sub-tasks, refusals, and claims beside facts.",
    )
    .argument("<chain>", "id of the chain, as npx busbar submit prints it")
    .action(async (given: string, _options: object, self: Command) => {
      const output = outputOf(self);
      const chain = given.startsWith("chain:") ? given.slice("chain:".length) : given;
      await withBus(output, async (bus) => {
        const trace = await readTrace(bus, chain);
        if (trace === null) throw busbarError("BUSBAR_NOT_FOUND", { what: "chain", id: chain });
        output.answer({ value: trace, lines: trace.items, text: () => renderTrace(trace, output.width) });
        const hint = resumeHint(trace);
        if (hint !== null) output.note(`next: ${hint}`);
        output.note(`all its events: npx busbar events query --chain ${chain}`);
      });
    });
}
