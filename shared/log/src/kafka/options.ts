/** What the Kafka adapter is told, with defaults that were measured. */
import type { SASLOptions } from "kafkajs";
import type { ConnectionOptions } from "node:tls";

/** Where warnings of the client library go; nothing is written to the console. */
export interface LogSink {
  warn(message: string, fields: Readonly<Record<string, unknown>>): void;
}

export interface KafkaLogOptions {
  /** `host:port`, at least one. */
  readonly brokers: readonly string[];
  /** Shown by the broker; also the stem of member names. */
  readonly clientId: string;
  readonly logger?: LogSink;
  readonly ssl?: boolean | ConnectionOptions;
  /** Asked at each new connection, so that a changed password is taken up. */
  readonly sasl?: () => SASLOptions;
  /** From the send of an append to its answer, ms; then it is `unknown`. Default 10 000. */
  readonly appendDeadlineMs?: number;
  /** One request of the client library, ms. Default 10 000. */
  readonly requestTimeoutMs?: number;
  /** How long a fetch waits at the end of the log, ms. Default 100. */
  readonly maxWaitMs?: number;
  /** Bytes of one partition in one fetch; a larger record still comes. Default 256 KiB. */
  readonly maxBytesPerPartition?: number;
  /** Silence after which the broker takes a member out of its group, ms. Default 6 000. */
  readonly sessionTimeoutMs?: number;
  /** Between two heartbeats of a member, ms. Default 500. */
  readonly heartbeatIntervalMs?: number;
  /** Of topics that `ensureTopics` creates; -1 is the broker's default. Default -1. */
  readonly replicationFactor?: number;
  /**
   * `claims`: a partition stays with the member that holds its highest epoch, however many it holds.
   * `balanced`: a member keeps no more than its even share, so a new member takes some over. Default `claims`.
   */
  readonly assignment?: "claims" | "balanced";
  /** Where to connect to instead of the address that a broker gives for itself: tunnels, and tests. */
  readonly route?: (address: { readonly host: string; readonly port: number }) => { host: string; port: number };
}

export type KafkaSettings = Required<Omit<KafkaLogOptions, Optional>> & Pick<KafkaLogOptions, Optional>;
type Optional = "logger" | "ssl" | "sasl";

export function kafkaSettings(options: KafkaLogOptions): KafkaSettings {
  return {
    appendDeadlineMs: 10_000,
    requestTimeoutMs: 10_000,
    maxWaitMs: 100,
    maxBytesPerPartition: 256 * 1024,
    sessionTimeoutMs: 6_000,
    heartbeatIntervalMs: 500,
    replicationFactor: -1,
    assignment: "claims",
    route: ({ host, port }) => ({ host, port }),
    ...options,
  };
}
