/**
 * A bus from nothing to usable: broker and registry by the ladder, keys, schemas, topics. What runs already is used.
 * Each step may be done twice; after an error, nothing that was started here runs.
 */
import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { loadSchemaIds, pushSchemas } from "@busbar/events/codec";
import {
  type BrokerChoice,
  type Bus,
  type BusAccess,
  chooseBroker,
  DEFAULT_KEYS,
  describeChoice,
  CLI_CLIENT,
  ensureKeys,
  isBusRunning,
  machineProbes,
  openLog,
  placeOf,
  readBusState,
  securityMode,
  startBus,
  topicSpecs,
  writeBusState,
} from "@busbar/infra";
import { busbarError, isBusbarError } from "@busbar/kernel";
import { topicNames } from "@busbar/runtime";
import { embeddedFileOf } from "./bus.ts";

/** Of everything keyed by chain, on one machine; frozen once the topics are there. */
const DEFAULT_PARTITIONS = 4;
const RUNS_HERE = "it runs here";

export interface BringUpOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly stateDir: string;
  readonly agents: readonly string[];
  /** It outlives this process. */
  readonly detached: boolean;
  readonly port?: number;
  readonly partitions?: number;
  readonly note: (line: string) => void;
}

export interface BroughtUp {
  readonly bus: Bus;
  /** For every process of this bus. */
  readonly env: NodeJS.ProcessEnv;
  readonly partitionCount: number;
  readonly stop: () => Promise<void>;
}

/** A bus that runs here is taken without asking the machine again; another one must be asked for by name. */
async function choose(options: BringUpOptions): Promise<BrokerChoice> {
  const { env, stateDir } = options;
  const before = await readBusState(stateDir);
  const isFree = (env["BUSBAR_BROKERS"] ?? "") === "" && [undefined, "", before?.kind].includes(env["BUSBAR_BROKER"]);
  if (before !== null && isFree && before.kind !== "embedded" && (await isBusRunning(before))) {
    return { kind: before.kind, reason: RUNS_HERE, forced: true, brokers: [], registryUrl: null };
  }
  const choice = await chooseBroker(env, machineProbes(env));
  options.note(describeChoice(choice));
  return choice;
}

function busEnv(options: BringUpOptions, bus: Bus): NodeJS.ProcessEnv {
  const { env, stateDir } = options;
  const place =
    bus.kind === "embedded"
      ? { BUSBAR_EMBEDDED: embeddedFileOf(stateDir), BUSBAR_BROKERS: "" }
      : { BUSBAR_BROKERS: bus.brokers.join(","), BUSBAR_EMBEDDED: "" };
  const registry = bus.registryUrl ?? env["SCHEMA_REGISTRY_URL"] ?? "";
  const secured = { BUSBAR_SECURITY: bus.security, BUSBAR_KEYS: keysOf(options) };
  return { ...env, ...place, SCHEMA_REGISTRY_URL: registry, ...secured };
}

const keysOf = ({ env }: BringUpOptions): string => resolve(env["BUSBAR_KEYS"] ?? DEFAULT_KEYS);

/** Who may use the bus: a broker of ours asks by default, a given one where its user says so, the embedded log never. */
function accessOf(options: BringUpOptions, kind: BrokerChoice["kind"]): BusAccess | null {
  const { env, agents } = options;
  if (kind === "embedded" || securityMode(env, kind === "given" ? "none" : "scram") === "none") return null;
  return { keys: keysOf(options), prefix: placeOf(env).prefix, agents, clients: [CLI_CLIENT] };
}

async function ensureSchemas(url: string, note: (line: string) => void): Promise<void> {
  try {
    await loadSchemaIds(url);
  } catch (error) {
    if (!isBusbarError(error) || error.code !== "BUSBAR_SCHEMA_UNKNOWN") throw error;
    note("registering the schemas");
    await pushSchemas(url, { compatibility: "FULL_TRANSITIVE" });
  }
}

/** The count of a bus that is there wins over the default, never over a count that was asked for. */
async function ensureTopics(options: BringUpOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const log = openLog(env, "busbar-up", "admin");
  try {
    const { prefix } = placeOf(env);
    const { events } = topicNames(prefix);
    const isThere = (await log.listTopics()).includes(events);
    const found = isThere ? await log.partitionCount(events) : DEFAULT_PARTITIONS;
    const partitions = options.partitions ?? found;
    if (!isThere) options.note("creating the topics");
    await log.ensureTopics(topicSpecs({ prefix, partitions, agents: options.agents, durability: "disk" }));
    return partitions;
  } finally {
    await log.close();
  }
}

/** Keys, schemas and topics on a bus that runs. */
async function furnish(options: BringUpOptions, bus: Bus): Promise<Omit<BroughtUp, "stop">> {
  const env = busEnv(options, bus);
  ensureKeys(keysOf(options), options.agents);
  const registry = env["SCHEMA_REGISTRY_URL"] ?? "";
  if (registry !== "") await ensureSchemas(registry, options.note);
  return { bus, env, partitionCount: await ensureTopics(options, env) };
}

/** So that the other commands of this folder find it: nothing of it is a process. False: it was recorded before. */
async function recordEmbedded(stateDir: string): Promise<boolean> {
  if ((await readBusState(stateDir))?.kind === "embedded") return false;
  await writeBusState(stateDir, { kind: "embedded", brokers: [], registryUrl: null, processes: [], compose: null });
  return true;
}

/** Errors: those of the ladder, of the registry, BUSBAR_TOPIC_MISMATCH. */
export async function bringUp(options: BringUpOptions): Promise<BroughtUp> {
  const { stateDir, detached, note, port, env } = options;
  await mkdir(stateDir, { recursive: true });
  const choice = await choose(options);
  if (choice.kind === "embedded" && port !== undefined) {
    throw busbarError("BUSBAR_USAGE", { reason: "--port says nothing here: the embedded log has no port" });
  }
  if (choice.kind === "jvm" && choice.reason !== RUNS_HERE) note("starting the broker");
  const at = port === undefined ? {} : { port };
  const access = accessOf(options, choice.kind);
  const bus = await startBus({ choice, stateDir, access, registry: true, detached, env, onProgress: note, ...at });
  try {
    const furnished = await furnish(options, bus);
    // What `busbar up` recorded stays recorded when somebody else ends.
    const isOurs = bus.kind !== "embedded" || (await recordEmbedded(stateDir));
    return { ...furnished, stop: isOurs ? bus.stop : () => Promise.resolve() };
  } catch (error) {
    await bus.stop();
    throw error;
  }
}
