/** The demo's look at the log: raw records for the checker, decoded events for the screen, and a copy to keep. */
import { rmSync, writeFileSync } from "node:fs";
import type { BusEvent } from "@busbar/events";
import { loadSchemaIds } from "@busbar/events/codec";
import { keptIdsFile } from "@busbar/infra";
import type { EventLog, StoredRecord, TopicSpec } from "@busbar/log";
import { createEmbeddedLog } from "@busbar/log/embedded";
import { createPartitionReader } from "@busbar/runtime";
import type { DemoBus } from "./demo-bus.ts";

async function rawOf(log: EventLog, topic: string, partition: number): Promise<readonly StoredRecord[]> {
  const records: StoredRecord[] = [];
  for await (const delivery of log.read(topic, partition, { from: 0n })) records.push(...delivery.records);
  return records;
}

/** Every record of the events topic, as it lies there. */
export async function rawEvents(bus: DemoBus): Promise<readonly StoredRecord[]> {
  const partitions = Array.from({ length: bus.partitions }, (_, partition) =>
    rawOf(bus.log, bus.topics.events, partition),
  );
  return (await Promise.all(partitions)).flat();
}

/** The valid events of a chain, in order. */
export async function eventsOf(bus: DemoBus, chainId: string, partition: number): Promise<readonly BusEvent[]> {
  const reader = createPartitionReader(bus.codec);
  const records = await rawOf(bus.log, bus.topics.events, partition);
  const read = reader.read({ records, unreadable: [] });
  return read.flatMap((one) => (one.kind === "event" && one.event.meta.chainId === chainId ? [one.event] : []));
}

/** Topics that commands about the past read. */
const KEPT: readonly ("events" | "directives" | "commands" | "deadLetters")[] = [
  "events",
  "directives",
  "commands",
  "deadLetters",
];

/** Copies the topics into one file, record by record, so that they can be looked into when the broker is gone. */
export async function keepLog(bus: DemoBus, specs: readonly TopicSpec[], file: string): Promise<void> {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(`${file}${suffix}`, { force: true });
  rmSync(keptIdsFile(file), { force: true });
  if (bus.registryUrl !== null) {
    const { idOf } = await loadSchemaIds(bus.registryUrl);
    writeFileSync(keptIdsFile(file), JSON.stringify(Object.fromEntries(idOf)));
  }
  const kept = createEmbeddedLog({ file });
  try {
    await kept.ensureTopics(specs);
    for (const name of KEPT) {
      const topic = bus.topics[name];
      const partitions = await bus.log.partitionCount(topic);
      for (let partition = 0; partition < partitions; partition += 1) await copy(bus.log, kept, topic, partition);
    }
  } finally {
    await kept.close();
  }
}

async function copy(from: EventLog, to: EventLog, topic: string, partition: number): Promise<void> {
  const records = await rawOf(from, topic, partition);
  const publications = records.flatMap(({ key, value, headers }) =>
    value === null ? [] : [{ topic, partition, record: { key: key ?? "none", value, headers } }],
  );
  if (publications.length > 0) await to.publish(publications);
}
