/**
 * How a process of the bus reaches it, from its environment: log, codec, keys. One place, so that gateway, supervisor,
 * agents and the command line read the same variables and say the same errors.
 *
 * BUSBAR_BROKERS        host:port[,host:port…] of a Kafka
 * BUSBAR_EMBEDDED       file of the embedded log, where there is no broker (one machine)
 * SCHEMA_REGISTRY_URL   registry (Confluent API); without it, or while it is away, built-in schema ids are used
 * BUSBAR_SECURITY       `scram`: log in to the broker as the principal of this process; `none` (default): it is open
 * BUSBAR_TLS_CA         file of the authority that signed the brokers' certificates, or `system`; without it no TLS
 * BUSBAR_SASL_USERNAME, BUSBAR_SASL_PASSWORD   a user of a broker that others manage, in place of our own
 * BUSBAR_PREFIX         first part of every topic's name; default `busbar`
 * BUSBAR_KEYS           key folder; default `.busbar/keys`
 * BUSBAR_SESSION_MS     silence after which a Kafka group gives a member's partitions to another; default 6000
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isMessageType } from "@busbar/events";
import {
  builtinSchemaIds,
  type Codec,
  createCodec,
  createRedactor,
  loadSchemaIds,
  redactingCodec,
  registryLookup,
  type SchemaIds,
  schemaOf,
} from "@busbar/events/codec";
import { busbarError, isJsonObject, parseJson, reasonOf } from "@busbar/kernel";
import type { EventLog } from "@busbar/log";
import { createEmbeddedLog } from "@busbar/log/embedded";
import { createKafkaEventLog, type KafkaCluster, type KafkaLogOptions, openKafkaCluster } from "@busbar/log/kafka";
import { loginOf } from "./credentials.ts";
import type { Principal } from "./principals.ts";
import { secretsOf } from "./secrets.ts";

export interface ConnectOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Names this process to the broker. */
  readonly clientId: string;
  /** Who this process is to a broker that asks. */
  readonly principal: Principal;
  /** Told once when the registry is configured and does not answer. */
  onNotice(text: string): void;
}

export interface Connection {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly prefix: string;
  readonly keys: string;
  close(): Promise<void>;
}

export const DEFAULT_PREFIX = "busbar";
export const DEFAULT_KEYS = ".busbar/keys";

/** Key folder and prefix of an environment. */
export function placeOf(env: NodeJS.ProcessEnv): { readonly keys: string; readonly prefix: string } {
  return { keys: env["BUSBAR_KEYS"] ?? DEFAULT_KEYS, prefix: env["BUSBAR_PREFIX"] ?? DEFAULT_PREFIX };
}

/** The log of this environment. Throws BUSBAR_USAGE where nothing says which. */
export function openLog(env: NodeJS.ProcessEnv, clientId: string, principal: Principal): EventLog {
  const kafka = kafkaOptions(env, clientId, principal);
  if (kafka !== null) return createKafkaEventLog(kafka);
  const file = env["BUSBAR_EMBEDDED"];
  if (file !== undefined && file !== "") return createEmbeddedLog({ file });
  throw busbarError("BUSBAR_USAGE", {
    reason: "no bus runs here: neither BUSBAR_BROKERS nor BUSBAR_EMBEDDED is set; start one with npx busbar up",
  });
}

/** How the Kafka of this environment is reached; null where it has none. */
function kafkaOptions(env: NodeJS.ProcessEnv, clientId: string, principal: Principal): KafkaLogOptions | null {
  const brokers = (env["BUSBAR_BROKERS"] ?? "")
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
  if (brokers.length === 0) return null;
  // Each member keeps what it holds up to its even share, so that a second gateway takes half of the load.
  const login = loginOf({ env, principal, ...placeOf(env) });
  return { brokers, clientId, assignment: "balanced", ...sessionOf(env), ...login };
}

/** The Kafka of this environment as an operator looks at it; null where the bus is an embedded log. */
export function openCluster(env: NodeJS.ProcessEnv, clientId: string, principal: Principal): KafkaCluster | null {
  const kafka = kafkaOptions(env, clientId, principal);
  return kafka === null ? null : openKafkaCluster(kafka);
}

function sessionOf(env: NodeJS.ProcessEnv): { readonly sessionTimeoutMs?: number } {
  const text = env["BUSBAR_SESSION_MS"] ?? "";
  if (text === "") return {};
  if (/^\d{4,6}$/.test(text)) return { sessionTimeoutMs: Number(text) };
  throw busbarError("BUSBAR_CONFIG_INVALID", {
    file: "BUSBAR_SESSION_MS",
    reason: `${text} is not from 1000 to 999999 ms`,
  });
}

/** Schema ids of the registry, or the built-in ones (D23: its outage must not stop consumption). */
export async function openCodec(env: NodeJS.ProcessEnv, onNotice: (text: string) => void): Promise<Codec> {
  const url = env["SCHEMA_REGISTRY_URL"];
  if (url === undefined || url === "") return createCodec({ ids: withKeptIds(env, builtinSchemaIds()) });
  try {
    const ids = await loadSchemaIds(url);
    rememberIds(env, ids);
    return createCodec({ ids, lookup: registryLookup(url) });
  } catch (error) {
    onNotice(`the schema registry gives no ids (${reasonOf(error)}): remembered and built-in schema ids are used`);
    const ids = withIdsOf(rememberedIdsFile(env), builtinSchemaIds());
    return createCodec({ ids, lookup: registryLookup(url) });
  }
}

/** File beside a kept log that names the schema ids its registry gave out: message type to id. */
export const keptIdsFile = (logFile: string): string => `${logFile}.schema-ids.json`;

/** Ids that the registry gave out when it last answered: what was written with them is read without it too. */
const rememberedIdsFile = (env: NodeJS.ProcessEnv): string =>
  join(env["BUSBAR_KEYS"] ?? DEFAULT_KEYS, "schema-ids.json");

function rememberIds(env: NodeJS.ProcessEnv, { idOf }: SchemaIds): void {
  const file = rememberedIdsFile(env);
  try {
    writeFileSync(`${file}.${process.pid}`, JSON.stringify(Object.fromEntries(idOf)));
    renameSync(`${file}.${process.pid}`, file);
  } catch {
    // A process that may not write there has the registry, or another one's memory of it.
  }
}

/** A log that was copied from a broker goes on being readable when its registry is gone. */
function withKeptIds(env: NodeJS.ProcessEnv, ids: SchemaIds): SchemaIds {
  if ((env["BUSBAR_BROKERS"] ?? "") !== "") return withIdsOf(rememberedIdsFile(env), ids);
  return withIdsOf(keptIdsFile(env["BUSBAR_EMBEDDED"] ?? ""), ids);
}

function withIdsOf(file: string, ids: SchemaIds): SchemaIds {
  if (!existsSync(file)) return ids;
  const writers = new Map(ids.writers);
  const kept = parseJson(readFileSync(file, "utf8"));
  if (!isJsonObject(kept)) throw busbarError("BUSBAR_CONFIG_INVALID", { file, reason: "it is no JSON object" });
  for (const [type, id] of Object.entries(kept)) {
    if (isMessageType(type) && typeof id === "number") writers.set(id, schemaOf(type));
  }
  return { idOf: ids.idOf, writers };
}

export async function connect(options: ConnectOptions): Promise<Connection> {
  const { env, clientId, principal, onNotice } = options;
  // What this process knows to be secret is in none of the records that it writes or reads.
  const codec = redactingCodec(await openCodec(env, onNotice), createRedactor(secretsOf(env)));
  const log = openLog(env, clientId, principal);
  return { log, codec, ...placeOf(env), close: () => log.close() };
}
