/**
 * Several Apache Kafka nodes on this machine as one cluster: each is broker and controller, the voters are fixed at the
 * start. Topics get as many replicas as there are nodes, and internal ones too.
 */
import { randomBytes } from "node:crypto";
import { type JvmKafka, type JvmKafkaOptions, startJvmKafka } from "./jvm-kafka.ts";
import { freePorts } from "./ports.ts";

export interface JvmClusterOptions extends Pick<
  JvmKafkaOptions,
  "heap" | "timeoutMs" | "env" | "onProgress" | "props"
> {
  readonly nodes: number;
}

export interface JvmCluster {
  /** For clients: one "host:port" per node. */
  readonly brokers: readonly string[];
  readonly nodes: readonly JvmKafka[];
  readonly stop: () => Promise<void>;
}

/** Settings of one node of `count`; an acknowledged record is on a majority of them. */
export function clusterSettings(id: number, controllerPorts: readonly number[]): Readonly<Record<string, string>> {
  const count = String(controllerPorts.length);
  const majority = String(Math.floor(controllerPorts.length / 2) + 1);
  return {
    "node.id": String(id),
    "controller.quorum.voters": controllerPorts.map((port, index) => `${index + 1}@127.0.0.1:${port}`).join(","),
    "default.replication.factor": count,
    "min.insync.replicas": majority,
    "unclean.leader.election.enable": "false",
    "offsets.topic.replication.factor": count,
    "transaction.state.log.replication.factor": count,
    "transaction.state.log.min.isr": majority,
    "share.coordinator.state.topic.replication.factor": count,
    "share.coordinator.state.topic.min.isr": majority,
    // A node that comes back gets its partitions back after seconds, not minutes.
    "leader.imbalance.check.interval.seconds": "5",
    "leader.imbalance.per.broker.percentage": "0",
    "replica.lag.time.max.ms": "5000",
    // Longer than one node's: on a starved machine a live node would be taken for dead again and again.
    "broker.session.timeout.ms": "6000",
  };
}

/** Starts all nodes at once: none serves before a majority of controllers is there. Errors: as `startJvmKafka`. */
export async function startJvmCluster({ nodes: count, props = {}, ...rest }: JvmClusterOptions): Promise<JvmCluster> {
  const ports = await freePorts(2 * count);
  const controllerPorts = ports.slice(count);
  const clusterId = `B${randomBytes(16).toString("base64url").slice(1)}`;
  const starting = controllerPorts.map((controllerPort, index) =>
    startJvmKafka({
      ...rest,
      clusterId,
      port: ports[index] ?? 0,
      controllerPort,
      props: { ...clusterSettings(index + 1, controllerPorts), ...props },
    }),
  );
  const settled = await Promise.allSettled(starting);
  const nodes = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  // A node waits for no controller when it is asked to go with the others.
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  const failed = settled.find((one) => one.status === "rejected");
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  return { brokers: nodes.flatMap(({ brokers }) => brokers), nodes, stop };
}
