/** The broker and the registry as containers with ports that the engine chooses: the way a user's own tests would. */
import { Kafka, logLevel } from "kafkajs";
import {
  GenericContainer,
  getContainerRuntimeClient,
  type InspectResult,
  Network,
  type StartedNetwork,
  type StartedTestContainer,
  Wait,
} from "testcontainers";
import { afterAll, describe, expect, it } from "vitest";
import { BROKER_SETTINGS, machineProbes } from "@busbar/infra";

const PORT = 9092;
const ADDRESS = "/tmp/advertised";
const START_TIMEOUT_MS = 60_000;
const TEST_TIMEOUT_MS = 120_000;

function environment(): Record<string, string> {
  const ours: Record<string, string> = {};
  for (const [name, value] of Object.entries(BROKER_SETTINGS)) {
    ours[`KAFKA_${name.toUpperCase().replaceAll(".", "_")}`] = value;
  }
  return {
    ...ours,
    KAFKA_CONTROLLER_QUORUM_VOTERS: "1@localhost:9093",
    KAFKA_LISTENERS: `CONTROLLER://:9093,INTERNAL://:19092,EXTERNAL://:${PORT}`,
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: "CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT,EXTERNAL:PLAINTEXT",
    KAFKA_INTER_BROKER_LISTENER_NAME: "INTERNAL",
    KAFKA_HEAP_OPTS: "-Xms256m -Xmx512m",
  };
}

/** The broker must tell clients a port that is known only when it runs: its command waits for a file that says it. */
class KafkaContainer extends GenericContainer {
  constructor(image = "apache/kafka:4.3.1") {
    super(image);
    this.withExposedPorts(PORT)
      .withEnvironment(environment())
      .withEntrypoint(["sh", "-c"])
      .withCommand([`until [ -f ${ADDRESS} ]; do sleep 0.05; done; . ${ADDRESS}; exec /etc/kafka/docker/run`])
      .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
      .withStartupTimeout(START_TIMEOUT_MS);
  }

  protected override async containerStarting({ name, ports }: InspectResult): Promise<void> {
    const { container, info } = await getContainerRuntimeClient();
    const published = ports[`${PORT}/tcp`]?.[0];
    if (published === undefined) throw new Error(`port ${PORT} is not published`);
    const listeners = [
      `INTERNAL://${this.networkAliases[0] ?? "localhost"}:19092`,
      `EXTERNAL://${info.containerRuntime.host}:${published.hostPort}`,
    ].join(",");
    const write = `echo export KAFKA_ADVERTISED_LISTENERS=${listeners} >${ADDRESS}~ && mv ${ADDRESS}~ ${ADDRESS}`;
    const { exitCode, output } = await container.exec(container.getById(name.slice(1)), ["sh", "-c", write]);
    if (exitCode !== 0) throw new Error(`advertising the broker's address: ${output}`);
  }
}

const engine = await machineProbes().docker();
if (!engine.ok)
  process.stderr.write(`testcontainers: not run: ${engine.reason}
`);

describe("Kafka and the registry in containers", () => {
  const running: (StartedTestContainer | StartedNetwork)[] = [];
  afterAll(async () => {
    for (const one of running.toReversed()) await one.stop();
  });

  it(
    "serve a client on this host under a port that the engine chose",
    async ({ skip }) => {
      skip(!engine.ok, `not run: ${engine.reason}`);
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
