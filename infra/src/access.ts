/** Users and permissions of a bus on its broker, made as the table of principals.ts says. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { applyAccess } from "@busbar/log/kafka";
import { loginOf, readPassword } from "./credentials.ts";
import { replaceFile } from "./key-files.ts";
import { type Principal, principalsOf, REGISTRY_USER, rulesOf, userOf } from "./principals.ts";

/** Whom a bus knows, and where their passwords are. */
export interface BusAccess {
  readonly keys: string;
  readonly prefix: string;
  readonly agents: readonly string[];
  readonly clients: readonly string[];
}

export interface GrantOptions {
  readonly brokers: readonly string[];
  readonly bus: BusAccess;
  readonly env: NodeJS.ProcessEnv;
  /** The broker's schema registry logs in with this bus's key folder. */
  readonly withRegistry?: boolean;
}

/** Makes users and permissions (again). Needs the super user's password. Throws BUSBAR_ACCESS_FAILED. */
export async function grantAccess({ brokers, bus, env, withRegistry = false }: GrantOptions): Promise<void> {
  const { keys, prefix, agents, clients } = bus;
  const registry: readonly Principal[] = withRegistry ? ["registry"] : [];
  const principals = [...registry, ...principalsOf(agents, clients)];
  const login = loginOf({ env: { ...env, BUSBAR_SECURITY: "scram" }, keys, prefix, principal: "admin" });
  await applyAccess(
    { brokers, clientId: "busbar-access", ...login },
    {
      users: principals.map((one) => ({ name: userOf(prefix, one), password: readPassword(keys, one) })),
      rules: principals.flatMap((one) => rulesOf(prefix, one)),
    },
  );
}

/** Folder that a registry is given: it holds what it logs in with, and nothing else. */
export const registryFolder = (keys: string): string => join(keys, "registry");

/**
 * Settings by which the registry logs in to the broker that keeps its schemas; a file, so that no `ps` shows them.
 * Readable by all behind the key folder's own 0700: in a container the registry is another user.
 */
export function writeRegistryLogin(folder: string): string {
  mkdirSync(registryFolder(folder), { recursive: true, mode: 0o755 });
  const file = join(registryFolder(folder), "registry.properties");
  const module = "org.apache.kafka.common.security.scram.ScramLoginModule required";
  const password = readPassword(folder, "registry");
  const lines = [
    "apicurio.kafka.common.security.protocol=SASL_PLAINTEXT",
    "apicurio.kafka.common.sasl.mechanism=SCRAM-SHA-512",
    `apicurio.kafka.common.sasl.jaas.config=${module} username="${REGISTRY_USER}" password="${password}";`,
  ];
  replaceFile(file, `${lines.join("\n")}\n`, 0o644);
  return file;
}
