/** Three brokers: what is created on them keeps an acknowledged record, and nothing starts on what would not. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type JvmCluster, startJvmCluster, topicSpecs } from "@busbar/infra";
import type { EventLog } from "@busbar/log";
import { createKafkaEventLog, openKafkaCluster } from "@busbar/log/kafka";
import { newRecord } from "../support/plain-kafka.ts";

const LIMIT_MS = 120_000;
const EVENTS = "busbar.events";
let cluster: JvmCluster;
let log: EventLog;

beforeAll(async () => {
  // As a cluster of somebody else may be set: one of three replicas is enough for an acknowledgement.
  cluster = await startJvmCluster({
    nodes: 3,
    heap: "256m",
    props: { "min.insync.replicas": "1" },
    timeoutMs: LIMIT_MS,
  });
  log = createKafkaEventLog({ brokers: cluster.brokers, clientId: "replicated" });
}, LIMIT_MS);

afterAll(async () => {
  await log.close();
  await cluster.stop();
}, LIMIT_MS);

test(
  "topics made on three brokers wait for two replicas whatever the brokers' default, one made otherwise is named, and an append outlives a broker [log:settings-checked]",
  async () => {
    const specs = topicSpecs({ prefix: "busbar", partitions: 1, agents: [], durability: "page-cache" });
    await log.ensureTopics(specs);
    const made = await log.topicSettings(EVENTS);
    expect(made.replicas).toBe(3);
    expect(made.config.get("min.insync.replicas")).toBe("2");
    expect(made.config.get("unclean.leader.election.enable")).toBe("false");
    expect(made.config.get("retention.ms"), "what the creation gave it stays").toBe("-1");

    const admin = openKafkaCluster({ brokers: cluster.brokers, clientId: "replicated-admin" });
    try {
      await admin.setTopic(EVENTS, { "min.insync.replicas": "1" });
      await expect(log.ensureTopics(specs)).rejects.toMatchObject({
        code: "BUSBAR_TOPIC_MISMATCH",
        message: expect.stringContaining("min.insync.replicas is 1"),
      });
      await admin.setTopic(EVENTS, { "min.insync.replicas": "2" });
      await log.ensureTopics(specs);
    } finally {
      admin.close();
    }
    await cluster.nodes[2]?.kill("SIGKILL");
    // The request that the broker took with it is in doubt; the partition itself comes back with another leader.
    const send = () => log.publish([{ topic: "busbar.commands", partition: 0, record: newRecord("x") }]);
    await expect.poll(async () => (await send())[0]?.kind, { timeout: 60_000 }).toBe("appended");
  },
  LIMIT_MS,
);
