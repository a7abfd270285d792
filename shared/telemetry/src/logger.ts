/** Structured logs: pino JSON on standard error, with the bus's own field names and secrets removed. */
import { type DestinationStream, pino, stdTimeFunctions } from "pino";

export interface LogFields {
  readonly chainId?: string;
  readonly agent?: string;
  readonly partition?: number;
  readonly offset?: string;
  readonly traceId?: string;
  readonly [field: string]: unknown;
}

export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(fields: LogFields): Logger;
}

/** Paths that never reach a log, whatever a caller hands in. */
const REDACTED = ["auth", "sig", "key", "password", "secret", "token", "authorization", "credentials"];
const PATHS = REDACTED.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

export interface LoggerOptions {
  readonly service: string;
  /** pino level; default `info`, or BUSBAR_LOG_LEVEL in the services. */
  readonly level?: string;
  readonly destination?: DestinationStream;
  /** Takes what is secret out of a whole line. */
  readonly redact?: (line: string) => string;
}

export function createLogger(options: LoggerOptions): Logger {
  const destination = options.destination ?? pino.destination({ fd: 2, sync: true });
  return pino(
    {
      level: options.level ?? "info",
      base: { service: options.service, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      redact: { paths: PATHS, censor: "[redacted]" },
      ...(options.redact === undefined ? {} : { hooks: { streamWrite: options.redact } }),
    },
    destination,
  );
}

/** A logger that says nothing, for tests and embedding. */
export const SILENT_LOGGER: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => SILENT_LOGGER,
};

/** Trace id of a W3C traceparent; empty where there is none. */
export function traceIdOf(traceparent: string): string {
  const [version, traceId] = traceparent.split("-");
  return version === "00" && traceId !== undefined ? traceId : "";
}
