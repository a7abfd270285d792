/** The broker and the registry as containers with ports that the engine chooses, and the log's contract on that broker. */
import { randomUUID } from "node:crypto";
import { Kafka, logLevel } from "kafkajs";
import { GenericContainer, Network, type StartedNetwork, type StartedTestContainer, Wait } from "testcontainers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createKafkaEventLog } from "@busbar/log/kafka";
import { type LogContractSubject, LOG_CONTRACT, runLogContractCase } from "@busbar/testkit";
import { engine, notRun } from "./engine.ts";
import { KafkaContainer, PORT, START_TIMEOUT_MS } from "./kafka-container.ts";

const TEST_TIMEOUT_MS = 120_000;

describe("Kafka and the registry in containers", () => {
  const running: (StartedTestContainer | StartedNetwork)[] = [];
  afterAll(async () => {
    for (const one of running.toReversed()) await one.stop();
  });

  it(
    "serve a client on this host under a port that the engine chose",
    async ({ skip }) => {
      skip(!engine.ok, notRun);
      const network = await new Network().start();
      running.push(network);
      const kafka = await new KafkaContainer().withNetwork(network).withNetworkAliases("kafka").start();
      running.push(kafka);
      const brokers = [`${kafka.getHost()}:${kafka.getMappedPort(PORT)}`];
      expect(await roundTrip(brokers, "kept")).toEqual(["kept"]);

      const registry = await new GenericContainer("apicurio/apicurio-registry:3.0.9")
        .withNetwork(network)
        .withExposedPorts(8080)
        .withEnvironment({
          APICURIO_STORAGE_KIND: "kafkasql",
          APICURIO_KAFKASQL_BOOTSTRAP_SERVERS: "kafka:19092",
          APICURIO_KAFKASQL_CONSUMER_POLL_TIMEOUT: "1000",
        })
        .withWaitStrategy(Wait.forHttp("/health/ready", 8080))
        .withStartupTimeout(START_TIMEOUT_MS)
        .start();
      running.push(registry);
      const url = `http://${registry.getHost()}:${registry.getMappedPort(8080)}/apis/ccompat/v7`;
      expect(await (await fetch(`${url}/subjects`)).json()).toEqual([]);
    },
    TEST_TIMEOUT_MS,
  );
});

/** What a consumer reads of a new topic after a producer wrote `text` to it. */
async function roundTrip(brokers: string[], text: string): Promise<(string | undefined)[]> {
  const client = new Kafka({ brokers, logLevel: logLevel.NOTHING, retry: { retries: 20, maxRetryTime: 500 } });
  const [admin, producer] = [client.admin(), client.producer()];
  const consumer = client.consumer({ groupId: "readers", maxWaitTimeInMs: 100 });
  try {
    await Promise.all([admin.connect(), producer.connect(), consumer.connect()]);
    await admin.createTopics({ topics: [{ topic: "facts" }], waitForLeaders: true });
    await producer.send({ topic: "facts", messages: [{ value: text }] });
    await consumer.subscribe({ topic: "facts", fromBeginning: true });
    return await new Promise((resolve, reject) => {
      consumer
        .run({ eachMessage: ({ message }) => Promise.resolve(resolve([message.value?.toString()])) })
        .catch(reject);
    });
  } finally {
    await Promise.all([admin.disconnect(), producer.disconnect(), consumer.disconnect()]);
  }
}

describe("the log on a containerized Kafka keeps the contract [log:same-contract]", () => {
  let container: StartedTestContainer | null = null;
  let subject: LogContractSubject | null = null;

  beforeAll(async () => {
    if (!engine.ok) return;
    container = await new KafkaContainer().start();
    const brokers = [`${container.getHost()}:${container.getMappedPort(PORT)}`];
    const open = (clientId: string) => createKafkaEventLog({ brokers, clientId });
    subject = { log: open("contract-one"), other: open("contract-two"), prefix: `contract-${randomUUID()}` };
  }, TEST_TIMEOUT_MS);

  afterAll(async () => {
    await Promise.all([subject?.log.close(), subject?.other?.close()]);
    await container?.stop();
  });

  it.for(LOG_CONTRACT)("$name", async (one, { skip }) => {
    skip(!engine.ok, notRun);
    if (subject === null) throw new Error("the broker did not start");
    if (!(await runLogContractCase(one, subject))) skip();
  });
});
