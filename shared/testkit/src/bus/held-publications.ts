/** A log whose publications to a topic wait when a test says so; they are not in the log before they are released. */
import { type EventLog, forwardingLog } from "@busbar/log";
import { Hold } from "./hold.ts";

export interface HeldPublications {
  readonly log: EventLog;
  /** From now on what is published to the topic waits. */
  hold(topic: string): void;
  /** Calls of `publish` that wait. */
  waiting(): number;
  /** Lets everything through again. */
  release(): void;
}

export function withHeldPublications(log: EventLog): HeldPublications {
  const publications = new Hold();
  return {
    log: {
      ...forwardingLog(log),
      publish: async (records) => {
        await publications.pass(records.map(({ topic }) => topic));
        return log.publish(records);
      },
    },
    hold: (topic) => publications.hold(topic),
    waiting: () => publications.waiting(),
    release: () => publications.release(),
  };
}
