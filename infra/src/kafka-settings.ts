/**
 * Settings of a broker of ours: one node, KRaft, for one machine. As data, for the JVM process; the compose file says
 * the same in its own words and a test compares the two.
 */

export interface KafkaAddress {
  readonly port: number;
  readonly controllerPort: number;
}

/** What does not depend on where the broker runs. */
export const BROKER_SETTINGS: Readonly<Record<string, string>> = {
  "process.roles": "broker,controller",
  "node.id": "1",
  "controller.listener.names": "CONTROLLER",
  // A misspelt topic is an error, never a new topic.
  "auto.create.topics.enable": "false",
  // Nothing is deleted unless its topic says so: the registry's journal says nothing.
  "log.retention.ms": "-1",
  // One node: every internal topic has one replica, and few partitions, which are created while a client waits.
  "offsets.topic.replication.factor": "1",
  "offsets.topic.num.partitions": "4",
  "transaction.state.log.replication.factor": "1",
  "transaction.state.log.min.isr": "1",
  "transaction.state.log.num.partitions": "4",
  "share.coordinator.state.topic.replication.factor": "1",
  "share.coordinator.state.topic.min.isr": "1",
  "share.coordinator.state.topic.num.partitions": "1",
  // The first member of a group does not wait for others.
  "group.initial.rebalance.delay.ms": "0",
  // Members may ask for a session this short: it bounds how long a killed owner is missed.
  "group.min.session.timeout.ms": "1000",
  // After a crash the controller waits out the old registration: 2 s instead of 9 brings 4.7 s instead of 12.8 s.
  "broker.session.timeout.ms": "2000",
  "broker.heartbeat.interval.ms": "500",
  // Held on the heap from the start; its default of 128 MB is for large brokers.
  "log.cleaner.dedupe.buffer.size": "16777216",
};

/** server.properties of a JVM broker that listens on this machine only. */
export function serverProperties(
  address: KafkaAddress,
  logDir: string,
  extra: Readonly<Record<string, string>> = {},
): string {
  const { port, controllerPort } = address;
  const all: Record<string, string> = {
    ...BROKER_SETTINGS,
    "controller.quorum.voters": `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    // A backslash is an escape in this format.
    "log.dirs": logDir.replaceAll("\\", "/"),
    ...extra,
  };
  return `${Object.entries(all)
    .map(([key, value]) => `${key}=${value}`)
    .join("\n")}\n`;
}
