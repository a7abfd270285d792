/**
 * How a process logs in to its broker: nothing on an open one, else the user and the password of its principal, from
 * the key folder or from the environment. The password file is read at each new connection, so a changed one is taken
 * up without a restart.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { busbarError, reasonOf } from "@busbar/kernel";
import { type KafkaLogOptions, SCRAM_MECHANISM } from "@busbar/log/kafka";
import { type Principal, userOf } from "./principals.ts";

export const SECURITY_MODES = ["scram", "none"] as const;
/** `scram`: every connection logs in and may do what the table says; `none`: whoever reaches the broker may do all. */
export type SecurityMode = (typeof SECURITY_MODES)[number];

/** BUSBAR_SECURITY, or `fallback` where it is not set. Throws BUSBAR_CONFIG_INVALID for anything else. */
export function securityMode(env: NodeJS.ProcessEnv, fallback: SecurityMode): SecurityMode {
  const text = env["BUSBAR_SECURITY"] ?? "";
  if (text === "") return fallback;
  const mode = SECURITY_MODES.find((one) => one === text);
  if (mode !== undefined) return mode;
  throw busbarError("BUSBAR_CONFIG_INVALID", { file: "BUSBAR_SECURITY", reason: `${text} is neither scram nor none` });
}

/** File of a principal's broker password in the key folder: `gateway.sasl`, `agents/<name>.sasl`, `clients/<name>.sasl`. */
export function passwordFile(folder: string, principal: Principal): string {
  const [role = "", name] = principal.split(":");
  return name === undefined ? join(folder, `${role}.sasl`) : join(folder, `${role}s`, `${name}.sasl`);
}

/** A principal's password. Throws BUSBAR_CONFIG_INVALID where there is none. */
export function readPassword(folder: string, principal: Principal): string {
  const file = passwordFile(folder, principal);
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    const reason = `the broker password of ${principal} cannot be read: ${reasonOf(error)}`;
    throw busbarError("BUSBAR_CONFIG_INVALID", { file, reason }, error);
  }
}

function tlsOf(env: NodeJS.ProcessEnv): Pick<KafkaLogOptions, "ssl"> {
  const file = env["BUSBAR_TLS_CA"] ?? "";
  if (file === "") return {};
  if (file === "system") return { ssl: true };
  if (!existsSync(file)) throw busbarError("BUSBAR_CONFIG_INVALID", { file, reason: "BUSBAR_TLS_CA names no file" });
  return { ssl: { ca: readFileSync(file, "utf8") } };
}

export interface LoginOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly keys: string;
  readonly prefix: string;
  readonly principal: Principal;
}

/** What the log needs to log in as this principal. Throws BUSBAR_CONFIG_INVALID. */
export function loginOf({ env, keys, prefix, principal }: LoginOptions): Pick<KafkaLogOptions, "ssl" | "sasl"> {
  const tls = tlsOf(env);
  const given = env["BUSBAR_SASL_USERNAME"] ?? "";
  if (given !== "") {
    const password = env["BUSBAR_SASL_PASSWORD"] ?? "";
    return { ...tls, sasl: () => ({ mechanism: SCRAM_MECHANISM, username: given, password }) };
  }
  if (securityMode(env, "none") === "none") return tls;
  // Said at once where there is none, and not by a broker that shuts the door.
  readPassword(keys, principal);
  const username = userOf(prefix, principal);
  const sasl = () => ({
    mechanism: principal === "admin" ? ("plain" as const) : SCRAM_MECHANISM,
    username,
    password: readPassword(keys, principal),
  });
  return { ...tls, sasl };
}
