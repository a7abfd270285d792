/** What this machine has for a bus: Node, Docker, Java, Maven, ports, disk. One way to a broker is enough. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { findJava, freePorts, isFetched, isPortFree, KAFKA, machineProbes } from "@busbar/infra";
import { isBusbarError } from "@busbar/kernel";
import { nextOf } from "./catalog.ts";
import { type Check, fail, ok, warn } from "./check.ts";

const run = promisify(execFile);
/** The first Node that runs the sources and the built packages alike. */
const OLDEST_NODE = [22, 22, 0] as const;
const MAVEN_TIMEOUT_MS = 15_000;
const DISK_SHARE = 0.1;
const DISK_BYTES = 256 * 1024 * 1024;

/** `version` like 22.22.0. */
export function checkNode(version: string): Check {
  const found = version.split(".").map(Number);
  const at = OLDEST_NODE.findIndex((part, index) => (found[index] ?? 0) !== part);
  const isOld = at >= 0 && (found[at] ?? 0) < (OLDEST_NODE[at] ?? 0);
  if (!isOld) return ok("node", version);
  return fail("node-version", "", `${version} is older than ${OLDEST_NODE.join(".")}`, nextOf("node-version"));
}

async function checkMaven(env: NodeJS.ProcessEnv, java: string, state: typeof warn): Promise<Check> {
  if (isFetched(KAFKA, env)) return ok("java-maven", `Java ${java}, Kafka is in the cache`);
  const maven = await run("mvn", ["-v"], { env, timeout: MAVEN_TIMEOUT_MS }).catch(() => null);
  if (maven !== null) return ok("java-maven", `Java ${java} and Maven are there`);
  return state("maven-missing", "", `Java ${java} is there, but mvn is not`, nextOf("maven-missing"));
}

/** A way that is asked for by name must be there; of the others one is enough, and without any the embedded log is. */
async function checkWays(env: NodeJS.ProcessEnv): Promise<readonly Check[]> {
  const asked = env["BUSBAR_BROKER"] ?? "";
  const docker = await machineProbes(env).docker();
  const jvmState = asked === "jvm" ? fail : warn;
  const isNeeded = asked === "jvm" || (asked === "" && !docker.ok);
  const java = await findJava(env).catch((error: unknown) => {
    if (isBusbarError(error)) return String(error.fields["reason"]);
    throw error;
  });
  const jvm =
    typeof java === "string"
      ? jvmState("java-missing", "", java, nextOf("java-missing"))
      : await checkMaven(env, java.version, jvmState);
  const dockerCheck =
    docker.ok || asked !== "docker"
      ? ok("docker", docker.ok ? docker.reason : `${docker.reason}; not needed`)
      : fail("docker-missing", "", docker.reason, nextOf("docker-missing"));
  return [dockerCheck, isNeeded || jvm.state === "ok" ? jvm : ok("java-maven", `${jvm.text}; not needed`)];
}

/** Ports that processes of the bus are told to listen on. */
async function checkPorts(env: NodeJS.ProcessEnv, brokerPort: number | undefined): Promise<readonly Check[]> {
  const findings: Check[] = [];
  if (brokerPort !== undefined && !(await isPortFree(brokerPort))) {
    const [free = 0] = await freePorts(1);
    findings.push(fail("port-in-use", "--port", `port ${brokerPort} is taken`, `npx busbar up --port ${free}`));
  }
  const http = Number(env["BUSBAR_HTTP_PORT"] ?? 0);
  if (Number.isInteger(http) && http > 0 && !(await isPortFree(http))) {
    const next = nextOf("port-in-use", { port: String(http) });
    findings.push(
      warn("port-in-use", "BUSBAR_HTTP_PORT", `port ${http} is taken, perhaps by the service itself`, next),
    );
  }
  return findings.length === 0 ? [ok("ports", "nothing stands in the way")] : findings;
}

type Disk = (folder: string) => Promise<{ readonly bavail: number; readonly blocks: number; readonly bsize: number }>;

const gibibytes = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;

/** The file system under `folder`, or under the first of its parents that is there. */
export async function checkDisk(folder: string, disk: Disk = statfs): Promise<Check> {
  let there = folder;
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there);
  const { bavail, blocks, bsize } = await disk(there);
  const [free, whole] = [bavail * bsize, blocks * bsize];
  const text = `${gibibytes(free)} of ${gibibytes(whole)} are free at ${there}`;
  if (free >= whole * DISK_SHARE && free >= DISK_BYTES) return ok("disk", text);
  return (free < DISK_BYTES ? fail : warn)(
    "disk-nearly-full",
    there,
    text,
    nextOf("disk-nearly-full", { folder: there }),
  );
}

export interface MachineOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly folder: string;
  readonly brokerPort?: number | undefined;
  readonly nodeVersion?: string;
  readonly disk?: Disk;
}

export async function checkMachine(options: MachineOptions): Promise<readonly Check[]> {
  const { env, folder, brokerPort, nodeVersion = process.versions.node, disk = statfs } = options;
  const [ways, ports, space] = await Promise.all([
    checkWays(env),
    checkPorts(env, brokerPort),
    checkDisk(folder, disk),
  ]);
  return [checkNode(nodeVersion), ...ways, ...ports, space];
}
