/**
 * Apicurio Registry as a local process. With brokers it keeps its schemas in Kafka, so that ids survive a restart;
 * in memory it forgets them, which suits a test run.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { busbarError, isBusbarError } from "@busbar/kernel";
import { fetchArtifact, REGISTRY } from "./artifact.ts";
import { cacheFolder } from "./cache-folder.ts";
import { findJava, type Java } from "./java.ts";
import { claimDataDir, type JvmProcess, startJvm } from "./jvm-process.ts";
import { assertPortFree, freePorts } from "./ports.ts";

const START_TIMEOUT_MS = 90_000;
const HEALTH_TIMEOUT_MS = 1000;
const PORT_ATTEMPTS = 5;

export interface JvmRegistryOptions {
  /** Brokers whose Kafka keeps the schemas, and the file of settings to log in with; `memory` forgets them at the end. */
  readonly storage: { readonly brokers: readonly string[]; readonly login?: string } | "memory";
  /** For its log and pid file; without it a temporary folder that goes with the process. */
  readonly dataDir?: string;
  /** Port on 127.0.0.1; a free one when not given. */
  readonly port?: number;
  /** The registry outlives this process. */
  readonly detached?: boolean;
  readonly timeoutMs?: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly onProgress?: (line: string) => void;
}

export interface JvmRegistry {
  /** Confluent API, for registry clients. */
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  readonly pid: number;
  readonly marker: string;
  readonly stop: () => Promise<void>;
  /** Sends a signal; after SIGKILL it resolves when the process has gone. */
  readonly kill: (signal: NodeJS.Signals) => Promise<void>;
  /** Starts it again on the same port and storage, ending it first if it runs. */
  readonly restart: () => Promise<void>;
}

interface Plan {
  readonly options: JvmRegistryOptions;
  readonly java: Java;
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly dataDir: string;
  readonly port: number;
}

/** The Confluent API of a registry on this machine. */
export function registryUrlAt(port: number): string {
  return `http://127.0.0.1:${port}/apis/ccompat/v7`;
}

/** Whether a registry answers that it is ready. */
export async function isRegistryReady(port: number): Promise<boolean> {
  const signal = AbortSignal.timeout(HEALTH_TIMEOUT_MS);
  const answer = await fetch(`http://127.0.0.1:${port}/health/ready`, { signal }).catch(() => null);
  await answer?.body?.cancel();
  return answer?.status === 200;
}

function storageEnv(storage: JvmRegistryOptions["storage"]): Record<string, string> {
  if (storage === "memory") return {};
  return {
    APICURIO_STORAGE_KIND: "kafkasql",
    APICURIO_KAFKASQL_BOOTSTRAP_SERVERS: storage.brokers.join(","),
    ...(storage.login === undefined ? {} : { SMALLRYE_CONFIG_LOCATIONS: storage.login }),
    // Its start waits this long for a snapshot; one that it misses is made up for from the journal.
    APICURIO_KAFKASQL_CONSUMER_POLL_TIMEOUT: "1000",
  };
}

function launch(plan: Plan): Promise<JvmProcess> {
  const { options, dataDir, port } = plan;
  return startJvm({
    what: "the schema registry",
    failure: "BUSBAR_REGISTRY_FAILED",
    java: plan.java,
    // It answers a few requests in its life: a quick start is worth more than a fast steady state.
    options: [
      "-Xmx256m",
      "-XX:+UseSerialGC",
      "-XX:TieredStopAtLevel=1",
      "-XX:+ExitOnOutOfMemoryError",
      "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
    ],
    program: ["-jar", path.join(plan.folder, REGISTRY.needed)],
    env: {
      ...plan.env,
      ...storageEnv(options.storage),
      QUARKUS_HTTP_HOST: "127.0.0.1",
      QUARKUS_HTTP_PORT: String(port),
    },
    dataDir,
    temporary: options.dataDir === undefined,
    detached: options.detached ?? false,
    logs: [],
    classArchive: path.join(cacheFolder(plan.env), `${path.basename(plan.folder)}-java-${plan.java.version}.jsa`),
    timeoutMs: options.timeoutMs ?? START_TIMEOUT_MS,
    isReady: () => isRegistryReady(port),
  });
}

async function launchOnFreePort(base: Omit<Plan, "port">): Promise<{ plan: Plan; jvm: JvmProcess }> {
  const given = base.options.port;
  for (let attempt = 1; ; attempt += 1) {
    const port = given ?? (await freePorts(1))[0] ?? 0;
    await assertPortFree(port);
    const plan = { ...base, port };
    try {
      return { plan, jvm: await launch(plan) };
    } catch (error) {
      const taken = isBusbarError(error) && /already in use|BindException/.test(error.message);
      if (!taken) throw error;
      if (given !== undefined) throw busbarError("BUSBAR_PORT_IN_USE", { port: given }, error);
      if (attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/**
 * Starts a registry and resolves when it is ready; it downloads it first when it is not in the cache.
 * Errors: BUSBAR_JAVA_MISSING, BUSBAR_MAVEN_MISSING, BUSBAR_MAVEN_FAILED, BUSBAR_PORT_IN_USE, BUSBAR_REGISTRY_FAILED,
 * BUSBAR_TIMEOUT; after an error no process of it is left.
 */
export async function startJvmRegistry(options: JvmRegistryOptions): Promise<JvmRegistry> {
  if (options.dataDir !== undefined) await claimDataDir(path.resolve(options.dataDir), "BUSBAR_REGISTRY_FAILED");
  if (options.port !== undefined) await assertPortFree(options.port);
  const env = options.env ?? process.env;
  const java = await findJava(env);
  const fetching = { env, ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }) };
  const folder = await fetchArtifact(REGISTRY, fetching);
  const dataDir = path.resolve(options.dataDir ?? (await mkdtemp(path.join(tmpdir(), "busbar-registry-"))));
  let started: { plan: Plan; jvm: JvmProcess };
  try {
    started = await launchOnFreePort({ options, java, folder, env, dataDir });
  } catch (error) {
    if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    throw error;
  }
  const { plan } = started;
  let { jvm } = started;
  return {
    url: registryUrlAt(plan.port),
    port: plan.port,
    dataDir,
    get pid() {
      return jvm.pid;
    },
    get marker() {
      return jvm.marker;
    },
    stop: () => jvm.stop(),
    kill: (signal) => jvm.kill(signal),
    restart: async () => {
      await jvm.stop({ keepData: true });
      jvm = await launch(plan);
    },
  };
}
