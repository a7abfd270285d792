/**
 * A bus of a test on the shared broker: its own topics, keys, database and project, and its services as real
 * processes. However the test ends, `close` leaves no process and no folder behind.
 */
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Client, createClient } from "@busbar/agent";
import { partitionOf } from "@busbar/events";
import { builtinSchemaIds, type Codec, createCodec } from "@busbar/events/codec";
import { check, type CheckReport, createShop, type Fault, removeShop } from "@busbar/examples";
import { clientKey, ensureKeys, grantAccess, passwordFile, topicSpecs } from "@busbar/infra";
import { shortHash } from "@busbar/kernel";
import type { EventLog } from "@busbar/log";
import { createKafkaEventLog, type KafkaLogOptions } from "@busbar/log/kafka";
import { topicNames, type TopicNames } from "@busbar/runtime";
import { inject } from "vitest";
import { type Fire, readFires } from "./fires.ts";
import { createOrders, type Orders } from "./orders.ts";
import { type ServiceProcess, startService } from "./process.ts";
import { projectText, type ProjectOverrides } from "./project.ts";
import { type Watch, watchEvents } from "./watch.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const GATEWAY = join(ROOT, "services/gateway/src/main.ts");
const SUPERVISOR = join(ROOT, "services/supervisor/src/main.ts");
const AGENT = join(import.meta.dirname, "agent-main.ts");

/** Silence after which a group gives a member's partitions to another; short, so that a takeover is not waited for. */
export const SESSION_MS = 1500;
export const AGENTS = [
  "looper",
  "support",
  "warehouse",
  "courier",
  "booker",
  "porter",
  "rebel",
  "teller",
  "plotter",
  "adder",
] as const;

/** The client that a test is. */
export const CLIENT = "test";

export interface BusOptions {
  readonly brokers: readonly string[];
  /** Brokers of the caller's own that ask nobody who they are; default: those of the test run. */
  readonly isOpen?: boolean;
  readonly name: string;
  /** Default 4. */
  readonly partitions?: number;
  readonly project?: ProjectOverrides;
  /** Put into the shop's tools of every gateway. */
  readonly faults?: readonly Fault[];
  readonly inventoryMs?: number;
  /** Settings of every topic, in place of the deployed ones. */
  readonly topicConfig?: Readonly<Record<string, string>>;
  /** Further variables of every process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Of the test itself; default: the built-in schema ids. */
  readonly codec?: Codec;
  /** Of the test's own log. */
  readonly kafka?: Partial<KafkaLogOptions>;
  /** Told each line that a service writes to standard error. */
  readonly onLine?: (service: string, line: string) => void;
}

export interface AgentOptions {
  readonly names: readonly (typeof AGENTS)[number][];
  readonly obeysHalts?: boolean;
  /** Main module, in place of the ordinary agent process. */
  readonly main?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Bus {
  readonly prefix: string;
  readonly partitions: number;
  readonly topics: TopicNames;
  readonly keys: string;
  readonly log: EventLog;
  readonly codec: Codec;
  readonly client: Client;
  readonly orders: Orders;
  readonly watch: Watch;
  readonly shop: string;
  /** Of every process of this bus. */
  readonly env: Readonly<Record<string, string>>;
  gateway(name: string, env?: Readonly<Record<string, string>>): Promise<ServiceProcess>;
  supervisor(name: string, env?: Readonly<Record<string, string>>): Promise<ServiceProcess>;
  agent(name: string, options: AgentOptions): Promise<ServiceProcess>;
  /** SIGKILL to a service by its name. */
  kill(name: string): Promise<void>;
  /** Every door is open. */
  doorsOpen(): Promise<void>;
  fires(): readonly Fire[];
  /** The independent checker over the raw log as it is now and the database's journal. */
  check(scopes?: readonly string[]): Promise<CheckReport>;
  /** The last lines of every service, for a run that failed. */
  report(): Promise<string>;
  close(): Promise<void>;
}

/** A task key whose chain lies in the partition; `n` tells several apart. */
export function keyIn(partition: number, count: number, n: string): string {
  for (let salt = 0; ; salt += 1) {
    const key = `${n}/${salt}`;
    if (partitionOf(shortHash("task", key), count) === partition) return key;
  }
}

class TestBus implements Bus {
  readonly prefix: string;
  readonly partitions: number;
  readonly topics: TopicNames;
  readonly keys: string;
  readonly log: EventLog;
  readonly codec: Codec;
  readonly client: Client;
  readonly orders: Orders;
  readonly watch: Watch;
  readonly shop: string;
  readonly #folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly #services: Promise<ServiceProcess>[] = [];
  readonly #onLine: (service: string, line: string) => void;

  constructor(options: BusOptions, folder: string, log: EventLog) {
    this.log = log;
    this.codec = options.codec ?? createCodec({ ids: builtinSchemaIds() });
    this.#onLine = options.onLine ?? (() => undefined);
    this.#folder = folder;
    this.prefix = prefixOf(folder);
    this.partitions = options.partitions ?? 4;
    this.topics = topicNames(this.prefix);
    this.keys = join(folder, "keys");
    this.shop = join(folder, "shop.db");
    const { codec, prefix, keys, partitions } = this;
    createShop(this.shop);
    writeFileSync(join(folder, "busbar.yaml"), projectText(folder, options.project ?? {}));
    this.env = environmentOf(options, this, folder);
    this.client = createClient({
      log,
      codec,
      prefix,
      name: CLIENT,
      key: clientKey(keys, CLIENT),
      answerTimeoutMs: 1000,
    });
    this.orders = createOrders({ log, codec, prefix, keys, partitions });
    this.watch = watchEvents({ log, codec, topic: this.topics.events, partitions });
  }

  gateway(name: string, env: Readonly<Record<string, string>> = {}): Promise<ServiceProcess> {
    return this.#start(name, GATEWAY, env);
  }

  supervisor(name: string, env: Readonly<Record<string, string>> = {}): Promise<ServiceProcess> {
    return this.#start(name, SUPERVISOR, env);
  }

  agent(name: string, options: AgentOptions): Promise<ServiceProcess> {
    const { names, obeysHalts = true, main = AGENT, env = {} } = options;
    const own = { BUSBAR_AGENTS: names.join(","), BUSBAR_OBEYS_HALTS: obeysHalts ? "yes" : "no" };
    return this.#start(name, main, { ...own, ...env });
  }

  #start(name: string, main: string, more: Readonly<Record<string, string>>): Promise<ServiceProcess> {
    const env = { ...this.env, ...more, BUSBAR_OWNER: name };
    const service = startService({ name, main, env, onLine: (line) => this.#onLine(name, line) });
    // Kept at once: a bus that closes while another service is still starting ends that one too.
    this.#services.push(service);
    return service;
  }

  async kill(name: string): Promise<void> {
    const service = (await this.#started()).find((one) => one.name === name);
    if (service === undefined) throw new Error(`no service ${name} was started`);
    await service.kill();
  }

  doorsOpen(): Promise<void> {
    const all = [...Array(this.partitions).keys()];
    return this.watch.until(() => all.every((one) => this.watch.door(one).state === "open"), "every door is open");
  }

  fires(): readonly Fire[] {
    return readFires(join(this.#folder, "fires.jsonl"));
  }

  async check(scopes: readonly string[] = []): Promise<CheckReport> {
    const records = [];
    for (let partition = 0; partition < this.partitions; partition += 1) {
      for await (const delivery of this.log.read(this.topics.events, partition, { from: 0n }))
        records.push(...delivery.records);
    }
    const decode = (value: Uint8Array): unknown => {
      const decoded = this.codec.decode(value, "event");
      return decoded.ok ? decoded.message : undefined;
    };
    const isJournalled = (tool: string): boolean => tool !== "parcel.book";
    return check({ records, decode, database: this.shop, scopes, isJournalled });
  }

  /** The last lines of every service, for a test that failed. */
  async report(): Promise<string> {
    const services = await this.#started();
    return services.map(({ name, lines }) => `-- ${name}\n${lines().slice(-12).join("\n")}`).join("\n");
  }

  async #started(): Promise<readonly ServiceProcess[]> {
    const settled = await Promise.allSettled(this.#services);
    return settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  }

  async close(): Promise<void> {
    await Promise.all((await this.#started()).map((one) => one.kill()));
    await this.watch.stop();
    await this.client.close();
    await this.log.close();
    removeShop(this.shop);
    if (existsSync(this.#folder)) rmSync(this.#folder, { recursive: true, force: true });
  }
}

const prefixOf = (folder: string): string => `t${shortHash("test-bus", folder).slice(0, 12)}`;

function environmentOf(options: BusOptions, bus: TestBus, folder: string): Readonly<Record<string, string>> {
  return {
    BUSBAR_BROKERS: serviceBrokers(options).join(","),
    BUSBAR_SECURITY: isSecured(options) ? "scram" : "none",
    BUSBAR_EMBEDDED: "",
    SCHEMA_REGISTRY_URL: "",
    BUSBAR_PREFIX: bus.prefix,
    BUSBAR_KEYS: bus.keys,
    BUSBAR_PROJECT: join(folder, "busbar.yaml"),
    BUSBAR_SHOP: bus.shop,
    BUSBAR_SHOP_FAULTS: JSON.stringify(options.faults ?? []),
    BUSBAR_INVENTORY_MS: String(options.inventoryMs ?? 300),
    BUSBAR_FIRES: join(folder, "fires.jsonl"),
    BUSBAR_HTTP_PORT: "0",
    BUSBAR_LOG_LEVEL: "warn",
    BUSBAR_SESSION_MS: String(SESSION_MS),
    BUSBAR_LIFE_BOUND_MS: "1500",
    BUSBAR_DRAIN_MS: "500",
    ...options.env,
  };
}

/**
 * Services log in as themselves wherever the test speaks to the run's own broker: so a permission that is missing, or
 * one too many, is found by every test. The test itself may do all: it forges what nobody may write.
 */
const isSecured = ({ brokers, isOpen = false }: BusOptions): boolean =>
  !isOpen && inject("securedBrokers").length > 0 && brokers.join(",") === inject("brokers").join(",");

const serviceBrokers = (options: BusOptions): readonly string[] =>
  isSecured(options) ? inject("securedBrokers") : options.brokers;

/** Keys of everybody, and on a broker that asks their users and permissions. */
async function admit(options: BusOptions, folder: string): Promise<void> {
  const keys = join(folder, "keys");
  mkdirSync(keys, { mode: 0o700 });
  if (options.isOpen !== true) writeFileSync(passwordFile(keys, "admin"), inject("adminPassword"));
  ensureKeys(keys, AGENTS, [CLIENT]);
  if (!isSecured(options)) return;
  const bus = { keys, prefix: prefixOf(folder), agents: AGENTS, clients: [CLIENT] };
  await grantAccess({ brokers: serviceBrokers(options), bus, env: {} });
}

/** Makes the bus; its services are started by the test. */
export async function openBus(options: BusOptions): Promise<Bus> {
  const folder = mkdtempSync(join(tmpdir(), `busbar-${options.name}-${randomUUID().slice(0, 8)}-`));
  const log = createKafkaEventLog({ brokers: options.brokers, clientId: `test-${options.name}`, ...options.kafka });
  try {
    const { partitions = 4, topicConfig = {} } = options;
    const specs = topicSpecs({ prefix: prefixOf(folder), partitions, agents: AGENTS, durability: "page-cache" });
    await admit(options, folder);
    await log.ensureTopics(specs.map((spec) => ({ ...spec, config: { ...spec.config, ...topicConfig } })));
    return new TestBus(options, folder, log);
  } catch (cause) {
    await log.close();
    rmSync(folder, { recursive: true, force: true });
    throw cause;
  }
}

/** Opens a bus, runs `work`, closes it; a failure tells what each service said last. */
export async function withBus<T>(options: BusOptions, work: (bus: Bus) => Promise<T>): Promise<T> {
  const bus = await openBus(options);
  try {
    return await work(bus);
  } catch (cause) {
    if (cause instanceof Error) cause.message += `\n${await bus.report()}`;
    throw cause;
  } finally {
    await bus.close();
  }
}
