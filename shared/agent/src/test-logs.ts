/** For tests: logs that misbehave. */
import { type EventLog, forwardingLog } from "@busbar/log";

/** The log of a process that dies: nothing gets out and nothing comes in any more once `die` is called. */
export function mortal(log: EventLog): { readonly log: EventLog; die(): void } {
  let isDead = false;
  const mortalLog: EventLog = {
    ...forwardingLog(log),
    async publish(publications) {
      return isDead ? publications.map(() => ({ kind: "unknown", cause: "dead" }) as const) : log.publish(publications);
    },
    follow: (options) =>
      log.follow({
        ...options,
        onDelivery: (delivery) => (isDead ? undefined : options.onDelivery(delivery)),
      }),
  };
  return { log: mortalLog, die: () => (isDead = true) };
}
