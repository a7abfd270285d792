/**
 * Reads all events of a bus, in one thread, three times: the records alone; placed, decoded and counted by chain; and
 * folded into the state of their partition by the replay that owners use, chain machine included. Prints one JSON line.
 */
import { connect } from "@busbar/infra";
import { initialPartitionState, replay } from "@busbar/policy";
import { createPartitionReader, topicNames } from "@busbar/runtime";

const onNotice = (text: string): void => void process.stderr.write(`${text}\n`);
const { log, codec, prefix, close } = await connect({
  env: process.env,
  clientId: "bench-replay",
  principal: "operator",
  onNotice,
});
const topic = topicNames(prefix).events;
const partitions = await log.partitionCount(topic);

interface Pass {
  readonly records: number;
  readonly perSecond: number;
}

/** One pass over all partitions; `open` gives what is done with a delivery of a partition. */
async function pass(
  open: (partition: number) => (delivery: Parameters<ReturnType<typeof createPartitionReader>["read"]>[0]) => void,
): Promise<Pass> {
  let records = 0;
  const startMs = performance.now();
  for (let partition = 0; partition < partitions; partition += 1) {
    const take = open(partition);
    for await (const delivery of log.read(topic, partition, { from: 0n })) {
      records += delivery.records.length;
      take(delivery);
    }
  }
  return { records, perSecond: (records * 1000) / (performance.now() - startMs) };
}

const raw = (): Promise<Pass> => pass(() => () => undefined);

/** A table: the latest state of each chain by its last event. */
const table = (): Promise<Pass> =>
  pass(() => {
    const reader = createPartitionReader(codec);
    const chains = new Map<string, string>();
    return (delivery) => {
      for (const read of reader.read(delivery))
        if (read.kind === "event") chains.set(read.event.meta.chainId, read.event.type);
    };
  });

const fold = (): Promise<Pass> =>
  pass((partition) => {
    const reader = createPartitionReader(codec);
    const state = initialPartitionState(partition);
    return (delivery) => {
      for (const read of reader.read(delivery))
        if (read.kind === "event") replay(state, { offset: read.offset, event: read.event, digest: read.digest });
    };
  });

// Once for the compiler, then for the figures.
await fold();
const result = {
  raw: await raw(),
  table: await table(),
  fold: await fold(),
  rssMb: process.memoryUsage().rss / 2 ** 20,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
await close();
