/**
 * Looked at before a gateway or a supervisor starts (PROTOCOL 3.5): do the topics that decisions rest on keep what was
 * acknowledged? A gateway that started on a topic whose acknowledged records can go would admit effects that the log
 * forgets.
 */
import { busbarError } from "@busbar/kernel";
import { durabilityOf, type EventLog } from "@busbar/log";
import type { Logger } from "@busbar/telemetry";

export interface StartCheck {
  readonly log: EventLog;
  readonly logger: Logger;
  /** Topics on whose acknowledgement decisions rest. */
  readonly flushed: readonly string[];
  /** The other topics that this service reads to decide; it may look at no more. */
  readonly read: readonly string[];
}

/** Rejects with BUSBAR_TOPIC_UNSAFE, which names every defect; what is only less than the default is logged. */
export async function checkTopicsKeep({ log, logger, flushed, read }: StartCheck): Promise<void> {
  const found = await Promise.all(
    [...flushed, ...read].map(async (name) => ({
      name,
      ...durabilityOf(await log.topicSettings(name), flushed.includes(name)),
    })),
  );
  for (const { name, warnings } of found) {
    for (const warning of warnings) logger.warn({ topic: name }, `topic keeps less than the default: ${warning}`);
  }
  const defects = found.flatMap(({ name, defects: all }) => all.map((defect) => `${name}: ${defect}`));
  if (defects.length > 0) throw busbarError("BUSBAR_TOPIC_UNSAFE", { reason: defects.join("; ") });
}
