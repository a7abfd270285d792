/**
 * Apache Kafka as a local process: KRaft, one node, its own data folder.
 *
 * K1 It is ready when its listener accepts a connection: Kafka 4 listens only once it can serve.
 * K2 Ports that nobody asked for are chosen, and chosen again when another process was quicker.
 * K3 A data folder is formatted once; the ports may change between starts, the data stays.
 */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { busbarError, isBusbarError } from "@busbar/kernel";
import { fetchArtifact, KAFKA } from "./artifact.ts";
import { cacheFolder } from "./cache-folder.ts";
import { findJava, type Java } from "./java.ts";
import { claimDataDir, type JvmProcess, markerOf, startJvm } from "./jvm-process.ts";
import { type KafkaAddress, serverProperties } from "./kafka-settings.ts";
import { assertPortFree, freePorts, isListening } from "./ports.ts";
import { watch } from "./watchdog.ts";

const run = promisify(execFile);
const START_TIMEOUT_MS = 60_000;
const FORMAT_TIMEOUT_MS = 60_000;
const PORT_ATTEMPTS = 5;
const LOG_SETTINGS = path.join(import.meta.dirname, "..", "kafka", "log4j2.properties");

export interface JvmKafkaOptions {
  /** Kept over restarts; without it a temporary folder that goes with the broker. */
  readonly dataDir?: string;
  /** Client port on 127.0.0.1; a free one when not given. */
  readonly port?: number;
  readonly controllerPort?: number;
  /** Of several nodes that are to be one cluster: 22 characters of base64url; drawn when not given. */
  readonly clusterId?: string;
  /** Java heap, "512m". */
  readonly heap?: string;
  /** The super user's password: the broker asks everyone who they are. Without it the broker is open. */
  readonly adminPassword?: string;
  /** A second listener of a secured broker, where nobody logs in and everybody may do all: for tests that forge records. */
  readonly openListener?: boolean;
  /** Settings that replace or add to ours. */
  readonly props?: Readonly<Record<string, string>>;
  /** The broker outlives this process. */
  readonly detached?: boolean;
  readonly timeoutMs?: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly onProgress?: (line: string) => void;
}

export interface JvmKafka {
  /** For clients: one "host:port". */
  readonly brokers: readonly string[];
  /** Without a login; empty without `openListener`. */
  readonly openBrokers: readonly string[];
  readonly port: number;
  readonly dataDir: string;
  /** Of the process that runs now. */
  readonly pid: number;
  readonly marker: string;
  /** Ends it: SIGTERM, SIGKILL after 15 s. A temporary data folder goes too. */
  readonly stop: () => Promise<void>;
  /** Sends a signal; after SIGKILL it resolves when the process has gone. The data stays. */
  readonly kill: (signal: NodeJS.Signals) => Promise<void>;
  /** Starts it again on the same ports and data, ending it first if it runs. */
  readonly restart: () => Promise<void>;
}

interface Installation {
  readonly java: Java;
  readonly libs: string;
  readonly env: NodeJS.ProcessEnv;
}

interface Plan extends Installation {
  readonly options: JvmKafkaOptions;
  readonly dataDir: string;
  readonly temporary: boolean;
  readonly address: KafkaAddress;
}

const LEAN_JVM = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

/** The line of a Java program's output that says what went wrong. */
function firstError(output: string): string | undefined {
  return output.split("\n").find((line) => /(Exception|Error)\b.*:/.test(line) && !/^\s+at /.test(line));
}

async function format(plan: Plan, properties: string): Promise<void> {
  const logDir = path.join(plan.dataDir, "log");
  if (existsSync(path.join(logDir, "meta.properties"))) return;
  // The first character is fixed: an id that begins with a dash would be taken for an option.
  const clusterId = plan.options.clusterId ?? `B${randomBytes(16).toString("base64url").slice(1)}`;
  const tool = ["kafka.tools.StorageTool", "format", "--cluster-id", clusterId, "--config", properties];
  const marker = markerOf(plan.dataDir);
  const log = `-Dbusbar.log=${path.join(plan.dataDir, "format.log")}`;
  const jvm = [
    ...LEAN_JVM,
    `-Dlog4j2.configurationFile=${LOG_SETTINGS}`,
    log,
    marker,
    "-cp",
    path.join(plan.libs, "*"),
  ];
  const running = run(plan.java.command, [...jvm, ...tool], { env: plan.env, timeout: FORMAT_TIMEOUT_MS });
  const watchdog = watch(running.child.pid ?? 0, marker, plan.temporary ? plan.dataDir : null);
  try {
    await running;
  } catch (error) {
    // What was formatted by half would be taken for formatted the next time.
    await rm(path.join(logDir, "meta.properties"), { force: true });
    const { stderr = "", message } = error as { stderr?: string; message: string };
    const reason = `${plan.dataDir} cannot be formatted: ${firstError(stderr) ?? message}`;
    throw busbarError("BUSBAR_BROKER_FAILED", { reason }, error);
  } finally {
    await watchdog.dismiss();
  }
}

async function launch(plan: Plan): Promise<JvmProcess> {
  const { options, dataDir } = plan;
  const { port } = plan.address;
  await mkdir(dataDir, { recursive: true });
  const properties = path.join(dataDir, "server.properties");
  const text = serverProperties(plan.address, path.join(dataDir, "log"), options.props, options.adminPassword ?? null);
  // It holds the super user's password.
  await rm(properties, { force: true });
  await writeFile(properties, text, { mode: 0o600 });
  await format(plan, properties);
  const heap = options.heap ?? "512m";
  const log = path.join(dataDir, "kafka.log");
  return startJvm({
    what: "the broker",
    failure: "BUSBAR_BROKER_FAILED",
    java: plan.java,
    options: [
      `-Xms${heap}`,
      `-Xmx${heap}`,
      "-XX:+UseG1GC",
      "-XX:MaxGCPauseMillis=20",
      "-XX:+ExitOnOutOfMemoryError",
      "-Djava.awt.headless=true",
      `-Dlog4j2.configurationFile=${LOG_SETTINGS}`,
      `-Dbusbar.log=${log}`,
    ],
    program: ["-cp", path.join(plan.libs, "*"), "kafka.Kafka", properties],
    env: plan.env,
    dataDir,
    temporary: plan.temporary,
    detached: options.detached ?? false,
    logs: [log],
    classArchive: path.join(cacheFolder(plan.env), `${path.basename(plan.libs)}-java-${plan.java.version}.jsa`),
    timeoutMs: options.timeoutMs ?? START_TIMEOUT_MS,
    isReady: () => isListening(port),
  });
}

async function chooseAddress(options: JvmKafkaOptions): Promise<KafkaAddress> {
  const [a = 0, b = 0, c = 0] = await freePorts(3);
  const open = options.openListener === true ? { openPort: c } : {};
  const address: KafkaAddress = { port: options.port ?? a, controllerPort: options.controllerPort ?? b, ...open };
  await assertPortFree(address.port);
  await assertPortFree(address.controllerPort);
  return address;
}

/** A given port that was taken is an error; one that we chose is a reason to choose again. */
async function launchOnFreePorts(base: Omit<Plan, "address">): Promise<{ plan: Plan; jvm: JvmProcess }> {
  for (let attempt = 1; ; attempt += 1) {
    const plan = { ...base, address: await chooseAddress(base.options) };
    try {
      return { plan, jvm: await launch(plan) };
    } catch (error) {
      const taken = isBusbarError(error) && /Address already in use|BindException/.test(error.message);
      if (!taken) throw error;
      if (base.options.port !== undefined) throw busbarError("BUSBAR_PORT_IN_USE", { port: base.options.port }, error);
      if (attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function install(options: JvmKafkaOptions): Promise<Installation> {
  const env = options.env ?? process.env;
  const java = await findJava(env);
  const fetching = { env, ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }) };
  return { java, libs: await fetchArtifact(KAFKA, fetching), env };
}

/** Cluster id of a data folder, null before it is formatted. */
export async function clusterIdOf(dataDir: string): Promise<string | null> {
  const text = await readFile(path.join(dataDir, "log", "meta.properties"), "utf8").catch(() => "");
  return /^cluster\.id=(.+)$/m.exec(text)?.[1] ?? null;
}

/**
 * Starts a broker and resolves when it serves; it downloads Kafka first when it is not in the cache.
 * Errors: BUSBAR_JAVA_MISSING, BUSBAR_MAVEN_MISSING, BUSBAR_MAVEN_FAILED, BUSBAR_PORT_IN_USE, BUSBAR_BROKER_FAILED,
 * BUSBAR_TIMEOUT; after an error no process of it is left.
 */
export async function startJvmKafka(options: JvmKafkaOptions = {}): Promise<JvmKafka> {
  if (options.dataDir !== undefined) await claimDataDir(path.resolve(options.dataDir), "BUSBAR_BROKER_FAILED");
  if (options.port !== undefined) await assertPortFree(options.port);
  const installation = await install(options);
  const temporary = options.dataDir === undefined;
  const dataDir = path.resolve(options.dataDir ?? (await mkdtemp(path.join(tmpdir(), "busbar-kafka-"))));
  // Until the watchdog of a process guards the folder.
  const guard = temporary ? watch(0, markerOf(dataDir), dataDir) : null;
  let started: { plan: Plan; jvm: JvmProcess };
  try {
    started = await launchOnFreePorts({ ...installation, options, dataDir, temporary });
  } catch (error) {
    if (temporary) await rm(dataDir, { recursive: true, force: true });
    throw error;
  } finally {
    await guard?.dismiss();
  }
  const { plan } = started;
  let { jvm } = started;
  return {
    brokers: [`127.0.0.1:${plan.address.port}`],
    openBrokers: plan.address.openPort === undefined ? [] : [`127.0.0.1:${plan.address.openPort}`],
    port: plan.address.port,
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
