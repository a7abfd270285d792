/** Kafka as a container under a port that the engine chooses: the way a user's own tests would start one. */
import { GenericContainer, getContainerRuntimeClient, type InspectResult, Wait } from "testcontainers";
import { BROKER_SETTINGS } from "@busbar/infra";

export const PORT = 9092;
const ADDRESS = "/tmp/advertised";
export const START_TIMEOUT_MS = 60_000;

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
export class KafkaContainer extends GenericContainer {
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
