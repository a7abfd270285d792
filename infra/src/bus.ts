/**
 * Broker and registry of one bus, by whatever way was chosen.
 *
 * S1 What runs already is used as it is: its state is in the state folder and its broker answers.
 * S2 Docker that has no image and cannot pull one gives way to the next rung, unless it was forced.
 * S3 `stop` and `stopBus` end exactly what was started here, known by marker or compose project.
 */
import { createHash } from "node:crypto";
import path from "node:path";
import { isBusbarError } from "@busbar/kernel";
import { type BusAccess, grantAccess, writeRegistryLogin } from "./access.ts";
import { type BrokerChoice, type BrokerKind, chooseBroker, describeChoice } from "./broker-choice.ts";
import { type BusState, type ComposeProject, readBusState, removeBusState, writeBusState } from "./bus-state.ts";
import { composeDown, type ComposeOptions, composeUp, type IMAGES, pullImages } from "./docker.ts";
import { readPassword, type SecurityMode } from "./credentials.ts";
import { ensureKeys } from "./keys.ts";
import { startJvmKafka } from "./jvm-kafka.ts";
import { registryUrlAt, startJvmRegistry } from "./jvm-registry.ts";
import { freePorts, isListening } from "./ports.ts";
import { endProcess, isOurs } from "./process-identity.ts";
import { probeJvm } from "./probes.ts";

const TERM_BOUND_MS = 15_000;

export interface BusOptions {
  readonly choice: BrokerChoice;
  /** State and data of the bus: `.busbar` of a project, or a temporary folder. */
  readonly stateDir: string;
  /** Who may use the bus; a broker that is started for it asks everyone who they are. Null: it is open to all. */
  readonly access: BusAccess | null;
  /** Whether a schema registry is wanted beside the broker. */
  readonly registry: boolean;
  /** The bus outlives this process (`busbar up`); otherwise it ends with it. */
  readonly detached?: boolean;
  /** The data goes with the bus when it is stopped; not together with `detached`. */
  readonly temporary?: boolean;
  /** Client port of the broker; a free one when not given. */
  readonly port?: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly onProgress: (line: string) => void;
}

export interface Bus {
  /** What was started in the end: another rung than chosen where Docker gave way. */
  readonly kind: BrokerKind;
  /** Empty for the embedded log. */
  readonly brokers: readonly string[];
  readonly registryUrl: string | null;
  /** Every connection to it logs in. */
  readonly security: SecurityMode;
  /** It ran before. */
  readonly reused: boolean;
  /** Ends what this call started; its data stays unless it is temporary. A bus that was given or ran before is left alone. */
  readonly stop: () => Promise<void>;
}

type Started = BusState & { readonly stop: () => Promise<void> };

const nothing = () => Promise.resolve();

/** The registry needs its user when it starts, so users and permissions come between the two. */
async function grant(options: BusOptions, brokers: readonly string[]): Promise<{ readonly login?: string }> {
  const { access, env = process.env, choice } = options;
  if (access === null) return {};
  options.onProgress("setting users and permissions");
  // A given broker without a registry may get one that logs in with what is written here, as docker-compose.yml does.
  const isOpen = choice.kind === "given" && (env["SCHEMA_REGISTRY_URL"] ?? "") === "";
  await grantAccess({
    brokers,
    bus: access,
    env,
    withRegistry: isOpen || (choice.kind !== "given" && options.registry),
  });
  return { login: writeRegistryLogin(access.keys) };
}

async function startJvm(options: BusOptions): Promise<Started> {
  const { stateDir, onProgress, access, env = process.env, detached = false } = options;
  const common = { env, detached, onProgress };
  const port = options.port === undefined ? {} : { port: options.port };
  const data = (name: string) => (options.temporary === true ? {} : { dataDir: path.join(stateDir, name) });
  const secured = access === null ? {} : { adminPassword: readPassword(access.keys, "admin") };
  const kafka = await startJvmKafka({ ...common, ...port, ...data("kafka"), ...secured });
  const processes = [{ name: "kafka", pid: kafka.pid, marker: kafka.marker }];
  const state = { kind: "jvm" as const, brokers: kafka.brokers, compose: null, secured: access !== null };
  try {
    const login = await grant(options, kafka.brokers);
    if (!options.registry) return { ...state, registryUrl: null, processes, stop: () => kafka.stop() };
    onProgress("starting the schema registry");
    const storage = { brokers: kafka.brokers, ...login };
    const registry = await startJvmRegistry({ ...common, ...data("registry"), storage });
    processes.push({ name: "registry", pid: registry.pid, marker: registry.marker });
    const stop = async () => {
      await registry.stop();
      await kafka.stop();
    };
    return { ...state, registryUrl: registry.url, processes, stop };
  } catch (error) {
    await kafka.stop();
    throw error;
  }
}

async function composeProject(options: BusOptions): Promise<ComposeProject> {
  const [kafkaPort = 0, registryPort = 0] = await freePorts(2);
  const digest = createHash("sha256").update(path.resolve(options.stateDir)).digest("hex").slice(0, 8);
  return { project: `busbar-${digest}`, kafkaPort: options.port ?? kafkaPort, registryPort };
}

async function startDocker(options: BusOptions): Promise<Started> {
  const project = await composeProject(options);
  const { env = process.env, temporary = false, onProgress, access } = options;
  const secrets = access === null ? null : { adminPassword: readPassword(access.keys, "admin"), keys: access.keys };
  const compose: ComposeOptions = { ...project, env, temporary, onProgress, secrets };
  const services: (keyof typeof IMAGES)[] = options.registry ? ["kafka", "registry"] : ["kafka"];
  await pullImages(services, compose);
  options.onProgress(`starting ${services.join(" and ")} in Docker`);
  await composeUp(["kafka"], compose);
  const brokers = [`127.0.0.1:${project.kafkaPort}`];
  try {
    await grant(options, brokers);
  } catch (error) {
    await composeDown(compose, temporary);
    throw error;
  }
  if (options.registry) await composeUp(["registry"], compose);
  return {
    kind: "docker",
    brokers,
    registryUrl: options.registry ? registryUrlAt(project.registryPort) : null,
    processes: [],
    compose: project,
    secured: access !== null,
    stop: () => composeDown(compose, temporary),
  };
}

/** S2. */
async function startDockerOrNext(options: BusOptions): Promise<Started> {
  try {
    return await startDocker(options);
  } catch (error) {
    if (options.choice.forced || !isBusbarError(error)) throw error;
    const env = options.env ?? process.env;
    const docker = () => Promise.resolve({ ok: false, reason: error.message });
    const next = await chooseBroker({}, { docker, jvm: () => probeJvm(env) });
    options.onProgress(describeChoice(next));
    return startChosen({ ...options, choice: next });
  }
}

async function startChosen(options: BusOptions): Promise<Started> {
  const { kind, brokers, registryUrl } = options.choice;
  const nobody = { processes: [], compose: null, stop: nothing };
  switch (kind) {
    case "given":
      await grant(options, brokers);
      return { kind, brokers, registryUrl, secured: options.access !== null, ...nobody };
    case "embedded":
      return { kind, brokers: [], registryUrl: null, secured: false, ...nobody };
    case "jvm":
      return startJvm(options);
    case "docker":
      return startDockerOrNext(options);
  }
}

/** Whether the broker of a recorded bus answers. */
export async function isBusRunning(state: BusState): Promise<boolean> {
  for (const { pid, marker } of state.processes) if (!(await isOurs(pid, marker))) return false;
  const [host, port] = state.brokers[0]?.split(":") ?? [];
  return port !== undefined && isListening(Number(port), host);
}

/**
 * A bus that runs stays as secured as it was started: its broker cannot change that while it runs.
 * Errors: those of the way that was chosen, each with what to do next. After an error nothing of it runs.
 */
export async function startBus(options: BusOptions): Promise<Bus> {
  const { stateDir, choice, access } = options;
  if (access !== null) ensureKeys(access.keys, access.agents, access.clients);
  const before = await readBusState(stateDir);
  const isLocal = choice.kind === "jvm" || choice.kind === "docker";
  if (before !== null && isLocal && (await isUsable(before, options.registry))) {
    options.onProgress(`using the broker that runs at ${before.brokers.join(",")}`);
    if (before.secured === true) await grant(options, before.brokers);
    return busOf(before, true, nothing);
  }
  if (before !== null && isLocal) await stopBus(stateDir, options.env);
  const { stop, ...state } = await startChosen(options);
  if (state.processes.length > 0 || state.compose !== null) await writeBusState(stateDir, state);
  return busOf(state, false, async () => {
    await stop();
    await removeBusState(stateDir);
  });
}

const isUsable = async (state: BusState, withRegistry: boolean): Promise<boolean> =>
  (!withRegistry || state.registryUrl !== null) && (await isBusRunning(state));

function busOf(state: BusState, reused: boolean, stop: () => Promise<void>): Bus {
  const { kind, brokers, registryUrl, secured = false } = state;
  return { kind, brokers, registryUrl, security: secured ? "scram" : "none", reused, stop };
}

/** Ends the bus that `stateDir` records and returns what was ended, by name; its data stays. */
export async function stopBus(stateDir: string, env: NodeJS.ProcessEnv = process.env): Promise<readonly string[]> {
  const state = await readBusState(stateDir);
  if (state === null) return [];
  const ended: string[] = [];
  // The registry before the broker that it writes to.
  for (const { name, pid, marker } of state.processes.toReversed()) {
    if (await endProcess(pid, marker, TERM_BOUND_MS)) ended.push(name);
  }
  if (state.compose !== null) {
    const quiet = { env, temporary: false, onProgress: () => undefined, secrets: null };
    await composeDown({ ...state.compose, ...quiet }, false);
    ended.push("kafka", "registry");
  }
  await removeBusState(stateDir);
  return ended;
}
