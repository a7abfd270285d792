/** Nothing starts on topics that could lose what they acknowledged. */
import { forwardingLog } from "@busbar/log";
import { expect, it } from "vitest";
import { EVENTS, faultyBus, journal } from "./scenes.ts";

it("a gateway does not start on events of three replicas of which one is enough, and makes no claim [log:settings-checked]", async () => {
  const claims: string[] = [];
  const made = faultyBus({ agents: [], tools: [journal().tool] }, (log) => ({
    ...forwardingLog(log),
    topicSettings: async (topic) => {
      const found = await log.topicSettings(topic);
      if (topic !== EVENTS) return found;
      const config = new Map([...found.config, ["min.insync.replicas", "1"]]);
      return { ...found, replicas: 3, config };
    },
    openAppender: (topic, partition) => {
      claims.push(topic);
      return log.openAppender(topic, partition);
    },
  }));
  await expect(made).rejects.toMatchObject({
    code: "BUSBAR_TOPIC_UNSAFE",
    message: expect.stringContaining(`${EVENTS}: min.insync.replicas is 1 of 3 replicas`),
  });
  expect(claims).not.toContain(EVENTS);
});
