/** The kafkajs configuration that all clients of this adapter share. */
import { type KafkaConfig, logLevel, type logCreator } from "kafkajs";
import type { KafkaSettings, LogSink } from "./options.ts";
import { DROPPED, type SocketSet } from "./sockets.ts";

/** Said for each idempotent producer with a bound on its retries, which PROTOCOL 1.3 wants. */
const EXPECTED = "Limiting retries for the idempotent producer";

export function clientConfig(settings: KafkaSettings, sockets: SocketSet): KafkaConfig {
  return {
    clientId: settings.clientId,
    // An empty list ends kafkajs's retries at once when the client was thrown away.
    brokers: () => (sockets.dead ? [] : [...settings.brokers]),
    socketFactory: sockets.factory,
    connectionTimeout: 3_000,
    requestTimeout: settings.requestTimeoutMs,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: retriesWithin(settings.appendDeadlineMs) },
    logLevel: settings.logger === undefined ? logLevel.NOTHING : logLevel.WARN,
    logCreator: logCreatorFor(settings.logger),
    ...(settings.ssl === undefined ? {} : { ssl: settings.ssl }),
    ...(settings.sasl === undefined ? {} : { sasl: settings.sasl() }),
  };
}

/** As many retries as fit a deadline; the deadline itself is kept outside kafkajs. */
export function retriesWithin(deadlineMs: number): number {
  return Math.max(1, Math.ceil(deadlineMs / 1_000)) + 4;
}

function logCreatorFor(sink: LogSink | undefined): logCreator {
  return () => (entry) => {
    const { message, timestamp: _timestamp, logger: _logger, stack: _stack, ...fields } = entry.log;
    if (sink === undefined || message.includes(DROPPED) || message.startsWith(EXPECTED)) return;
    sink.warn(`kafka client: ${message}`, { ...fields, module: entry.namespace });
  };
}
