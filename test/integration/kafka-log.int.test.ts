/** The contract of the log on a real Kafka, with two clients. */
import { randomUUID } from "node:crypto";
import { AssignerProtocol } from "kafkajs";
import { afterAll, describe, expect, inject, test } from "vitest";
import { createKafkaEventLog } from "@busbar/log/kafka";
import { leftOut, LOG_CONTRACT, runLogContractCase, until } from "@busbar/testkit";
import { freshTopic, withAdmin } from "../support/plain-kafka.ts";

declare module "vitest" {
  interface ProvidedContext {
    brokers: string[];
  }
}

const brokers = inject("brokers");
const open = (clientId: string) => createKafkaEventLog({ brokers, clientId });
const subject = { log: open("contract-one"), other: open("contract-two"), prefix: `contract-${randomUUID()}` };

afterAll(async () => {
  await Promise.all([subject.log.close(), subject.other.close()]);
});

describe("the log on Kafka keeps the contract [log:same-contract] [log:faults-in-both]", () => {
  for (const line of leftOut(subject)) console.info(line);
  test.for(LOG_CONTRACT)("$name", async (one, { skip }) => {
    if (!(await runLogContractCase(one, subject))) skip();
  });
});

test("the broker, and so any lag tool, sees the same partitions of each topic with a member [log:groups-co-partitioned]", async () => {
  const { log } = subject;
  const topics = [await freshTopic(log, "lag-a", { partitions: 2 }), await freshTopic(log, "lag-b", { partitions: 2 })];
  const group = `group-${randomUUID()}`;
  let assigned = 0;
  const onAssignment = (partitions: readonly number[]) => void (assigned = partitions.length);
  const membership = await log.join({ group, topics, owned: () => [], onAssignment, onLost: () => undefined });
  await until(() => assigned === 2, "the assignment");
  const { groups } = await withAdmin(brokers, (admin) => admin.describeGroups([group]));
  const [member] = groups[0]?.members ?? [];
  const decoded = AssignerProtocol.MemberAssignment.decode(member?.memberAssignment ?? Buffer.alloc(0));
  expect(decoded?.assignment).toEqual(Object.fromEntries(topics.map((topic) => [topic, [0, 1]])));
  await membership.leave();
});
