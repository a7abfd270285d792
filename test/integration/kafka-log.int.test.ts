/** The contract of the log on a real Kafka, with two clients. */
import { randomUUID } from "node:crypto";
import { afterAll, describe, inject, test } from "vitest";
import { createKafkaEventLog } from "@busbar/log/kafka";
import { leftOut, LOG_CONTRACT, runLogContractCase } from "@busbar/testkit";

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
