/** A log whose acknowledgements wait when a test says so: what is between an append and its answer can be looked at. */
import { type Appender, type EventLog, forwardingLog } from "@busbar/log";
import { Hold } from "./hold.ts";

export interface HeldAppends {
  readonly log: EventLog;
  /** From now on acknowledgements of the partition wait; what was appended is in the log all the same. */
  hold(topic: string, partition: number): void;
  /** Appends that wait for their acknowledgement. */
  waiting(): number;
  /** Lets everything through again. */
  release(): void;
}

export function withHeldAppends(log: EventLog): HeldAppends {
  const acknowledgements = new Hold();
  const wrap = (appender: Appender, name: string): Appender => ({
    maxBatchBytes: appender.maxBatchBytes,
    append: async (records) => {
      const outcome = await appender.append(records);
      await acknowledgements.pass([name]);
      return outcome;
    },
    close: () => appender.close(),
  });
  return {
    log: {
      ...forwardingLog(log),
      openAppender: async (topic, partition) => wrap(await log.openAppender(topic, partition), `${topic}/${partition}`),
    },
    hold: (topic, partition) => acknowledgements.hold(`${topic}/${partition}`),
    waiting: () => acknowledgements.waiting(),
    release: () => acknowledgements.release(),
  };
}
