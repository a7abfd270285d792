/**
 * Settings of a broker of ours: one node, KRaft, for one machine. As data, for the JVM process; the compose file says
 * the same in its own words and a test compares the two.
 */

import { ADMIN_USER } from "./principals.ts";

export interface KafkaAddress {
  readonly port: number;
  readonly controllerPort: number;
  /** A second listener without a login; see `openListener` of the broker's options. */
  readonly openPort?: number;
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

/** What makes a broker ask who it is, and deny what nobody allowed. */
export const SECURED_SETTINGS: Readonly<Record<string, string>> = {
  "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
  "allow.everyone.if.no.acl.found": "false",
  "sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
  // PLAIN is for the super user alone, whom the broker must know before it can hold any user: itself, to itself too.
  "sasl.mechanism.inter.broker.protocol": "PLAIN",
  "sasl.mechanism.controller.protocol": "PLAIN",
  "super.users": `User:${ADMIN_USER}`,
};

/** The super user's login, by the broker's own settings. `password` has letters and digits only. */
export function adminLogin(password: string): string {
  const module = "org.apache.kafka.common.security.plain.PlainLoginModule required";
  return `${module} username="${ADMIN_USER}" password="${password}" user_${ADMIN_USER}="${password}";`;
}

export const SCRAM_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;";

function securedSettings({ port, controllerPort, openPort }: KafkaAddress, password: string): Record<string, string> {
  const open = openPort === undefined ? "" : `,OPEN://127.0.0.1:${openPort}`;
  const plain = adminLogin(password);
  return {
    ...SECURED_SETTINGS,
    listeners: `SASL://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}${open}`,
    "advertised.listeners": `SASL://127.0.0.1:${port}${open}`,
    "listener.security.protocol.map": "CONTROLLER:SASL_PLAINTEXT,SASL:SASL_PLAINTEXT,OPEN:PLAINTEXT",
    "inter.broker.listener.name": "SASL",
    "listener.name.sasl.plain.sasl.jaas.config": plain,
    "listener.name.sasl.scram-sha-512.sasl.jaas.config": SCRAM_LOGIN,
    "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
    "listener.name.controller.plain.sasl.jaas.config": plain,
    ...(openPort === undefined ? {} : { "super.users": `User:${ADMIN_USER};User:ANONYMOUS` }),
  };
}

/** server.properties of a JVM broker that listens on this machine only. */
export function serverProperties(
  address: KafkaAddress,
  logDir: string,
  extra: Readonly<Record<string, string>> = {},
  /** The super user's; null: an open broker. */
  adminPassword: string | null = null,
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
    ...(adminPassword === null ? {} : securedSettings(address, adminPassword)),
    ...extra,
  };
  return `${Object.entries(all)
    .map(([key, value]) => `${key}=${value}`)
    .join("\n")}\n`;
}
