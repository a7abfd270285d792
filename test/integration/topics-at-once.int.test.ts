/** Several clients that bring up their topics at the same time: a broker answers before its own metadata shows them. */
import { randomUUID } from "node:crypto";
import { expect, inject, test } from "vitest";
import { topicSpecs } from "@busbar/infra";
import { createKafkaEventLog } from "@busbar/log/kafka";

test("topics that several clients create at once are all there when each of them has its answer [infra:topics-idempotent]", async () => {
  const logs = [1, 2, 3].map((n) => createKafkaEventLog({ brokers: inject("brokers"), clientId: `topics-${n}` }));
  try {
    const counts = logs.map(async (log) => {
      const specs = topicSpecs({ prefix: `t${randomUUID()}`, partitions: 2, agents: ["a"], durability: "page-cache" });
      await log.ensureTopics(specs);
      return Promise.all(specs.map(({ name }) => log.partitionCount(name)));
    });
    for (const found of await Promise.all(counts)) expect(found.filter((count) => count === 2)).toHaveLength(8);
  } finally {
    await Promise.all(logs.map((log) => log.close()));
  }
});
