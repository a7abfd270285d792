/**
 * Broker and registry through docker-compose.yml: of the repository, or of the package where that is installed. The engine is the user's: only our own compose
 * project is started and ended.
 */
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import readline from "node:readline";
import { promisify } from "node:util";
import { busbarError } from "@busbar/kernel";
import { registryFolder } from "./access.ts";
import type { Probe } from "./broker-choice.ts";

const run = promisify(execFile);
const PROBE_TIMEOUT_MS = 2000;
const COMPOSE_FILE =
  ["docker-compose.yml", "../docker-compose.yml"]
    .map((name) => path.join(import.meta.dirname, "..", name))
    .find((file) => existsSync(file)) ?? "docker-compose.yml";
const MAX_REASON = 300;

/** The images, by the name of their service in the compose file. */
export const IMAGES = {
  kafka: "apache/kafka:4.3.1",
  registry: "apicurio/apicurio-registry:3.0.9",
} as const;

/** Whether an engine answers within 2 s and has compose. */
export async function probeDocker(env: NodeJS.ProcessEnv = process.env): Promise<Probe> {
  const ask = (...args: string[]) => run("docker", args, { env, timeout: PROBE_TIMEOUT_MS });
  try {
    const { stdout } = await ask("info", "--format", "{{.ServerVersion}}");
    if (stdout.trim() === "") return { ok: false, reason: "no Docker engine answers" };
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    return { ok: false, reason: missing ? "docker is not on the PATH" : "no Docker engine answers" };
  }
  const compose = await ask("compose", "version", "--short").catch(() => null);
  if (compose === null) return { ok: false, reason: "Docker has no compose plugin" };
  return { ok: true, reason: "a Docker engine answers" };
}

async function hasImage(name: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  return (await run("docker", ["image", "inspect", "--format", "{{.Id}}", name], { env }).catch(() => null)) !== null;
}

export interface ComposeOptions {
  /** Name of the compose project: two of them on one engine do not meet. */
  readonly project: string;
  readonly kafkaPort: number;
  readonly registryPort: number;
  /** The data goes when the start fails. */
  readonly temporary: boolean;
  /** The super user's password, and the folder of what the registry logs in with; null: the broker is open. */
  readonly secrets: { readonly adminPassword: string; readonly keys: string } | null;
  readonly env: NodeJS.ProcessEnv;
  readonly onProgress: (line: string) => void;
}

/** Runs docker to its end; what it says is quoted when it fails. Errors: BUSBAR_DOCKER_FAILED. */
async function docker(args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn("docker", args, { env, stdio: ["ignore", "ignore", "pipe"] });
  const said: string[] = [];
  readline.createInterface({ input: child.stderr }).on("line", (line) => said.push(line.trim()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", (error) => reject(busbarError("BUSBAR_DOCKER_FAILED", { reason: error.message }, error)));
    child.once("close", resolve);
  });
  if (code === 0) return;
  const last = said.filter((line) => line !== "").at(-1) ?? `docker ${args[0]} ended with ${code}`;
  throw busbarError("BUSBAR_DOCKER_FAILED", { reason: last.slice(0, MAX_REASON) });
}

/** The compose file is of a broker that asks; these leave it open. */
const OPEN = {
  BUSBAR_KAFKA_PROTOCOL: "PLAINTEXT",
  BUSBAR_KAFKA_SUPER_USERS: "User:admin;User:ANONYMOUS",
  BUSBAR_REGISTRY_LOGIN: "",
};

function compose(options: ComposeOptions, args: readonly string[]): Promise<void> {
  const env = {
    ...options.env,
    KAFKA_PORT: String(options.kafkaPort),
    REGISTRY_PORT: String(options.registryPort),
    ...(options.secrets === null
      ? OPEN
      : {
          BUSBAR_ADMIN_PASSWORD: options.secrets.adminPassword,
          BUSBAR_REGISTRY_SECRETS: registryFolder(options.secrets.keys),
        }),
  };
  return docker(["compose", "-f", COMPOSE_FILE, "-p", options.project, "--progress", "quiet", ...args], env);
}

/** The images that the services need are on the engine afterwards. Errors: BUSBAR_DOCKER_FAILED. */
export async function pullImages(services: readonly (keyof typeof IMAGES)[], options: ComposeOptions): Promise<void> {
  for (const service of services) {
    const name = IMAGES[service];
    if (await hasImage(name, options.env)) continue;
    options.onProgress(`pulling ${name}, a few hundred MB, once`);
    await docker(["pull", "--quiet", name], options.env);
  }
}

/** Starts these services and nothing that they ask for; resolves when each is healthy. Errors: BUSBAR_DOCKER_FAILED; then nothing of it runs. */
export async function composeUp(services: readonly (keyof typeof IMAGES)[], options: ComposeOptions): Promise<void> {
  try {
    await compose(options, ["up", "-d", "--no-deps", "--wait", "--wait-timeout", "120", ...services]);
  } catch (error) {
    await composeDown(options, options.temporary).catch(() => undefined);
    throw error;
  }
}

/** Ends the project's containers; with `dropData` their volumes too. Errors: BUSBAR_DOCKER_FAILED. */
export function composeDown(options: ComposeOptions, dropData: boolean): Promise<void> {
  return compose(options, dropData ? ["down", "-v"] : ["down"]);
}
