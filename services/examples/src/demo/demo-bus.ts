/**
 * The demo's own bus: broker, topics, keys, shop, gateways, supervisor, agents. On a Kafka its services are processes
 * of their own; on the embedded log, which is one process, they run in here.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient, runAgent, toolDigests } from "@busbar/agent";
import { createToolbox, loadProject, type Project } from "@busbar/agent/project";
import type { Codec } from "@busbar/events/codec";
import {
  agentCredentials,
  type Bus,
  clientKey,
  connect,
  ensureKeys,
  type FolderKeyring,
  openKeyring,
  topicSpecs,
  toolSecrets,
  withoutSecrets,
} from "@busbar/infra";
import type { EventLog } from "@busbar/log";
import { locateClaim } from "@busbar/log";
import { Gateway, Supervisor, topicNames, type TopicNames } from "@busbar/runtime";
import { createLogger, createMetrics } from "@busbar/telemetry";
import { type Child, startChild } from "./processes.ts";

export const PARTITIONS = 4;
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const PROJECT = here("../../busbar.yaml");

export interface DemoBus {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topics: TopicNames;
  readonly partitions: number;
  readonly keyring: FolderKeyring;
  readonly client: ReturnType<typeof createClient>;
  /** Agents run in processes of their own, so that one can be killed. */
  readonly hasProcesses: boolean;
  readonly registryUrl: string | null;
  readonly project: Project;
  startAgents(...names: readonly string[]): Promise<Child | null>;
  stop(): Promise<void>;
}

/** The client that the demo is. */
export const DEMO_CLIENT = "demo";

/** The example project. */
export const loadDemoProject = (): Promise<Project> => loadProject(PROJECT);

export interface DemoBusOptions {
  readonly project: Project;
  readonly bus: Bus;
  readonly folder: string;
  readonly shop: string;
  /** File of the embedded log, where there is no broker. */
  readonly embeddedFile: string;
  readonly prefix: string;
}

interface Running {
  readonly children: Child[];
  readonly stops: (() => Promise<void>)[];
}

function environment(options: DemoBusOptions): NodeJS.ProcessEnv {
  const { bus, folder, shop, embeddedFile, prefix } = options;
  return {
    ...process.env,
    BUSBAR_BROKERS: bus.brokers.join(","),
    BUSBAR_SECURITY: bus.security,
    BUSBAR_EMBEDDED: bus.kind === "embedded" ? embeddedFile : "",
    SCHEMA_REGISTRY_URL: bus.registryUrl ?? "",
    BUSBAR_PREFIX: prefix,
    BUSBAR_KEYS: join(folder, "keys"),
    BUSBAR_PROJECT: PROJECT,
    BUSBAR_SHOP: shop,
    BUSBAR_HTTP_PORT: "0",
    BUSBAR_LOG_LEVEL: "info",
  };
}

export async function startDemoBus(options: DemoBusOptions): Promise<DemoBus> {
  const env = environment(options);
  const { folder, prefix, project } = options;
  const isEmbedded = options.bus.kind === "embedded";
  const agents = Object.keys(project.policy.agents);
  ensureKeys(join(folder, "keys"), agents, [DEMO_CLIENT]);
  const onNotice = (): void => undefined;
  // The demo sets its bus up, gives orders, submits tasks and, where all runs in one process, is that process.
  const { log, codec, keys, close } = await connect({ env, clientId: "demo", principal: "admin", onNotice });
  await log.ensureTopics(topicSpecs({ prefix, partitions: PARTITIONS, agents, durability: "page-cache" }));
  const running: Running = { children: [], stops: [] };
  const world: World = { env, folder, log, codec, keys, prefix, project };
  await (isEmbedded ? startInside(world, running) : startServices(world, running));
  const client = createClient({ log, codec, prefix, name: DEMO_CLIENT, key: clientKey(keys, DEMO_CLIENT) });
  const topics = topicNames(prefix);
  await awaitDoors(log, topics);
  return {
    log,
    codec,
    topics,
    project,
    client,
    partitions: PARTITIONS,
    keyring: openKeyring(keys, "operator"),
    hasProcesses: !isEmbedded,
    registryUrl: options.bus.registryUrl,
    startAgents: (...names) => (isEmbedded ? runInside(world, running, names) : startAgents(world, running, names)),
    stop: async () => {
      await client.close();
      await Promise.all(running.children.map((child) => child.stop()));
      for (const stop of running.stops.toReversed()) await stop();
      await close();
    },
  };
}

interface World {
  readonly env: NodeJS.ProcessEnv;
  readonly folder: string;
  readonly log: EventLog;
  readonly codec: Codec;
  readonly keys: string;
  readonly prefix: string;
  readonly project: Project;
}

const logFile = (world: World, name: string): string => join(world.folder, `${name}.log`);

/** Two gateways, so that the partitions have two owners, and one supervisor. */
async function startServices(world: World, running: Running): Promise<void> {
  const rows = [
    { name: "supervisor", program: here("../../../supervisor/src/main.ts") },
    { name: "gateway-1", program: here("../../../gateway/src/main.ts") },
    { name: "gateway-2", program: here("../../../gateway/src/main.ts") },
  ];
  const started = await Promise.all(
    rows.map(({ name, program }) =>
      startChild({ name, program, env: { ...world.env, BUSBAR_OWNER: name }, logFile: logFile(world, name) }),
    ),
  );
  running.children.push(...started);
}

async function startAgents(world: World, running: Running, names: readonly string[]): Promise<Child> {
  const name = names.join("-");
  const child = await startChild({
    name,
    program: here("./agent-main.ts"),
    args: names,
    env: withoutSecrets(world.env),
    logFile: logFile(world, `agent-${name}`),
  });
  running.children.push(child);
  return child;
}

async function startInside(world: World, running: Running): Promise<void> {
  const { log, codec, prefix, project, keys } = world;
  const logger = createLogger({ service: "demo", level: "error" });
  const metrics = createMetrics();
  const supervisor = new Supervisor({
    log,
    codec,
    prefix,
    logger,
    metrics,
    name: "demo",
    keyring: openKeyring(keys, "supervisor"),
  });
  const gateway = new Gateway({
    log,
    codec,
    prefix,
    logger,
    metrics,
    keyring: openKeyring(keys, "gateway"),
    toolbox: createToolbox(project.tools, project.models, toolSecrets(world.env)),
    tools: toolDigests(project.tools),
    policy: project.policy,
    owner: "demo",
  });
  await supervisor.start();
  await gateway.start();
  running.stops.push(
    () => supervisor.stop(),
    () => gateway.stop(),
  );
}

async function runInside(world: World, running: Running, names: readonly string[]): Promise<null> {
  const { log, codec, prefix, project, keys } = world;
  for (const agent of project.agents.filter((one) => names.includes(one.name))) {
    const { name } = agent;
    const started = await runAgent({
      log,
      codec,
      agent,
      prefix,
      instance: `${name}-demo`,
      obeysHalts: name !== "looper",
      ...agentCredentials(keys, name),
    });
    running.stops.push(() => started.stop());
  }
  return null;
}

const DOORS_BOUND_MS = 30_000;
const POLL_MS = 50;

/** Waits until every partition has an owner whose door is open: its DoorOpened stands after its claim. */
async function awaitDoors(log: EventLog, topics: TopicNames): Promise<void> {
  const open = new Set<number>();
  const endMs = performance.now() + DOORS_BOUND_MS;
  while (open.size < PARTITIONS && performance.now() < endMs) {
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const { end } = await log.offsets(topics.events, partition);
      const claim = await locateClaim(log, topics.events, partition, end);
      if (claim !== null && (await isOpen(log, topics, partition, claim.offset, end))) open.add(partition);
      else open.delete(partition);
    }
    if (open.size < PARTITIONS) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function isOpen(
  log: EventLog,
  topics: TopicNames,
  partition: number,
  from: bigint,
  to: bigint,
): Promise<boolean> {
  for await (const { records } of log.read(topics.events, partition, { from, to })) {
    if (records.some((record) => record.headers["type"] === "DoorOpened")) return true;
  }
  return false;
}
